# The tarball, unpacked anywhere, serves pkg-config, CMake and the command line, and has all that is promised.
# usage: tarball.sh PACKAGES COMPILER CMAKE GENERATOR        in the root of the repository
set -euo pipefail
tarball=$(ls "$1"/attend-*-linux-x86_64.tar.xz 2> /dev/null) || { echo "skipped: no tarball was made"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/prefix"
tar -xf "$tarball" -C "$work/prefix" --strip-components=1

for file in bin/attend lib/libattend.so lib/libattend.so.0 include/attend.h lib/pkgconfig/attend.pc \
  lib/cmake/Attend/AttendConfig.cmake share/man/man1/attend.1 share/bash-completion/completions/attend \
  share/zsh/site-functions/_attend share/fish/vendor_completions.d/attend.fish share/doc/Attend/LICENSE \
  share/doc/Attend/libattend.cdx.json; do
  [ -s "$work/prefix/$file" ] || { echo "FAILED: $file is missing"; exit 1; }
done

sh Tests/Consume/with-cmake.sh "$work" "$3" "$4"
sh Tests/Consume/with-pkg-config.sh "$work" "$2"
[ "$(env -i "$work/prefix/bin/attend" translate -m models/g2p-en hello)" = "HH EH1 L OW0" ]
readelf -d "$work/prefix/bin/attend" "$work/prefix/lib/libattend.so.0" | sed -n 's/.*(RUNPATH).*\[\(.*\)\]/\1/p' | tr : '\n' |
  while read -r folder; do case $folder in '$ORIGIN'*) ;; *) echo "FAILED: it looks for libraries in $folder"; exit 1 ;; esac; done
