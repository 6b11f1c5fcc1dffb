#!/bin/bash
# arm64.sh: in a Debian root or image for x86-64, lays arm64's libraries and headers where Debian's multi-arch has them
# (/usr/lib/aarch64-linux-gnu, /usr/include/aarch64-linux-gnu), so that a build for aarch64 needs no flags of its own. They are
# unpacked, not installed: libgdal, below OpenCV's imgcodecs, is not multi-arch. For use in roots that are made for it.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t packages < <(grep -v '^#' cross/packages-arm64.txt)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{state/lists/partial,cache/archives/partial,tree}
touch "$work/status"
apt=(apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
    -o Dir::State="$work/state" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache")
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends --download-only "${packages[@]}"

# Which package a library belongs to: dpkg-shlibdeps asks here, since dpkg does not know of these files.
: >/etc/dpkg/shlibs.default
for deb in "$work"/cache/archives/*.deb; do
    dpkg-deb --extract "$deb" "$work/tree"
    dpkg-deb --ctrl-tarfile "$deb" | tar -xO ./shlibs >>/etc/dpkg/shlibs.default 2>/dev/null || true
done
lib=aarch64-linux-gnu
mkdir -p /usr/lib/$lib /usr/include/$lib
for from in "$work/tree/lib" "$work/tree/usr/lib"; do
    # Debian 13's packages have nothing in /lib any more.
    [[ -d $from ]] || continue
    [[ ! -d $from/$lib ]] || cp -a "$from/$lib/." "/usr/lib/$lib/"
    [[ ! -e $from/ld-linux-aarch64.so.1 ]] || cp -P "$from/ld-linux-aarch64.so.1" /lib/
    # Some (libarmadillo) lie where x86-64's own would.
    find "$from" -maxdepth 1 -name 'lib*.so.*' -exec cp -P -t "/usr/lib/$lib" {} +
done
cp -a "$work/tree/usr/include/$lib/." "/usr/include/$lib/"
# Where the alternatives system would have put them.
for name in blas lapack; do
    [[ ! -e /usr/lib/$lib/$name/lib$name.so.3 ]] || ln -sf "$name/lib$name.so.3" "/usr/lib/$lib/lib$name.so.3"
done
