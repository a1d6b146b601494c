# Debian's packages are installed by dpkg, serve a C program through pkg-config and CMake, and are removed again: on a copy
# of this machine (an overlay in a mount namespace), which is gone afterwards.
# usage: debian.sh PACKAGES        in the root of the repository, as root
set -euo pipefail
ls "$1"/*.deb > /dev/null 2>&1 || { echo "skipped: no packages for Debian were made"; exit 77; }
[ "$(id -u)" -eq 0 ] || { echo "skipped: installing packages takes root"; exit 77; }
for tool in dpkg cmake pkg-config gcc unshare; do
  command -v $tool > /dev/null || { echo "skipped: there is no $tool here"; exit 77; }
done
# swift-argument-parser writes manual pages and completions, CPack the calls of ldconfig; no bug asked for the packages.
spared=bad-whatis-entry,groff-message,bash-completion-with-hashbang,maintscript-calls-ldconfig,initial-upload-closes-no-bugs
if command -v lintian > /dev/null; then
  lintian --allow-root --suppress-tags "$spared" --fail-on error,warning "$1"/*.deb
else
  echo "lintian is not here"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$1"/*.deb bindings/c/hello.c Tests/Consume/CMakeLists.txt "$work"
cp -r models/g2p-en "$work/model"
cat > "$work/use.sh" << 'USE'
set -eux
cd /tmp/use
sed -i 's,models/g2p-en,/tmp/use/model,' hello.c
dpkg -i ./*.deb
ldconfig -p | grep -q 'libattend\.so\.0'
gcc hello.c $(pkg-config --cflags --libs attend) -o hello
[ "$(./hello)" = "hello: HH EH1 L OW0" ]
mkdir source && cp CMakeLists.txt source
cmake -S source -B build -DEXAMPLE=/tmp/use/hello.c > /dev/null
cmake --build build > /dev/null
[ "$(./build/consumer)" = "hello: HH EH1 L OW0" ]
if [ -x /usr/bin/attend ]; then
  [ "$(/usr/bin/attend translate -m model hello)" = "HH EH1 L OW0" ]
  dpkg-deb -c ./attend_*.deb | grep -q 'share/man/man1/attend\.1\.gz$'
  ! readelf -d /usr/bin/attend | grep -q RUNPATH
  dpkg -r attend
fi
dpkg -r libattend-dev libattend0
! ldconfig -p | grep -q 'libattend\.so\.0'
! ls /usr/bin/attend /usr/include/attend.h /usr/lib/*/libattend.so* 2> /dev/null
USE
unshare -m bash -euc '
  mount --make-rprivate /
  mkdir "$1/layer" && mount -t tmpfs none "$1/layer"
  mkdir "$1/layer/upper" "$1/layer/work" "$1/layer/root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$1/layer/upper,workdir=$1/layer/work" "$1/layer/root" || exit 77
  for folder in dev proc; do mount --rbind "/$folder" "$1/layer/root/$folder"; done
  mkdir "$1/layer/root/tmp/use"
  cp -r "$1"/*.deb "$1"/hello.c "$1"/CMakeLists.txt "$1"/model "$1"/use.sh "$1/layer/root/tmp/use"
  chroot "$1/layer/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/tmp HOME=/root bash /tmp/use/use.sh' _ "$work"
echo "installed, used and removed: $(cd "$1" && echo *.deb)"
