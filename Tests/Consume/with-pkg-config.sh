#!/bin/sh
# A plain compiler call with pkg-config links an installed library, also after the prefix was moved, and the program starts without a word
# to the loader: from a private prefix it finds the library by the path that attend.pc gave it.
# usage: with-pkg-config.sh BUILD COMPILER        in the root of the repository
set -eu
build=$1/consume-pc compiler=$2
rm -rf "$build"
mkdir "$build"
cp -a "$1/prefix" "$build/moved"
folder=$(dirname "$(find "$build/moved" -name attend.pc)")
PKG_CONFIG_PATH=$folder
export PKG_CONFIG_PATH
[ "$(pkg-config --modversion attend)" = "$(sed -n 's/^#define ATTEND_VERSION_[A-Z]* \([0-9]*\)$/\1/p' include/attend.h | paste -sd.)" ]
# shellcheck disable=SC2046 # flags are words
"$compiler" bindings/c/hello.c $(pkg-config --cflags --libs attend) -o "$build/consumer"
unset LD_LIBRARY_PATH
[ "$("$build/consumer")" = "hello: HH EH1 L OW0" ]
