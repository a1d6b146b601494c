#!/bin/sh
# A separate CMake project finds an installed library with find_package, links it and runs.
# usage: with-cmake.sh BUILD CMAKE GENERATOR        in the root of the repository
set -eu
build=$1/consume cmake=$2 generator=$3
rm -rf "$build"
"$cmake" -G "$generator" -S Tests/Consume -B "$build" -DCMAKE_PREFIX_PATH="$1/prefix" -DEXAMPLE="$PWD/bindings/c/hello.c"
"$cmake" --build "$build"
[ "$("$build/consumer")" = "hello: HH EH1 L OW0" ]
readelf -d "$build/consumer" | grep -q 'NEEDED.*\[libattend.so.0\]'
