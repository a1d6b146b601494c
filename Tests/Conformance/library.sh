#!/bin/sh
# The library as a file: it exports what the header declares and nothing else, needs only what every system has, and is small.
# usage: library.sh LIBRARY HEADER COMPILER
set -eu
library=$1 header=$2 compiler=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# Without comments and macros, a name before a parenthesis is a function.
"$compiler" -E -P -x c "$header" | grep -v '(\*attend_' | grep -oE '\battend_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u > "$work/declared"
nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u > "$work/exported"
count=$(wc -l < "$work/declared")
[ "$count" -ge 60 ] || fail "only $count functions were found in the header"
for name in $(comm -23 "$work/declared" "$work/exported"); do fail "$name is declared and not exported"; done
for name in $(comm -13 "$work/declared" "$work/exported"); do fail "$name is exported and not declared"; done

readelf -d "$library" > "$work/dynamic"
soname=$(sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p' "$work/dynamic")
[ "$soname" = libattend.so.0 ] || fail "the SONAME is '$soname'"
for needed in $(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$work/dynamic"); do
  case $needed in
    libc.so.6 | libm.so.6 | libstdc++.so.6 | libgcc_s.so.1 | ld-linux-x86-64.so.2 | libopenblas.so.0) ;;
    *) fail "it needs $needed" ;;
  esac
done

# The newest version of the C library that some symbol asks for: older systems cannot load it.
newest=$(readelf -W --dyn-syms "$library" | grep -oE '@GLIBC_[0-9.]+' | sed 's/@GLIBC_//' | sort -V | tail -1)
[ "$(printf '%s\n2.34\n' "$newest" | sort -V | tail -1)" = 2.34 ] || {
  fail "it needs glibc $newest, later than 2.34: $(readelf -W --dyn-syms "$library" | grep -oE "[a-z0-9_]+@GLIBC_$newest" | tr '\n' ' ')"
}
grep -q NODELETE "$work/dynamic" || fail "it may be unloaded, which Swift code does not survive"

strip -o "$work/stripped" "$library"
size=$(wc -c < "$work/stripped")
[ "$size" -le 20000000 ] || fail "stripped it has $size bytes, more than 20 MB"

echo "$count functions, $size bytes stripped, needs glibc $newest and $(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$work/dynamic" | tr '\n' ' ')"
exit $failed
