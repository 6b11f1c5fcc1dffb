#!/bin/bash
# package-test.sh bookworm|trixie [amd64|arm64]: installs, uses, upgrades, removes and purges the packages of target/debian in a
# fresh root of that suite, and holds that a package of the other suite is refused. With systemd in a container where one can be
# started (systemd-nspawn), else without. Needs root, mmdebstrap and, for arm64, qemu-user-static with its binfmt.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${1:?usage: scripts/package-test.sh bookworm|trixie [amd64|arm64]}
arch=${2:-$(dpkg --print-architecture)}
case $suite in
    bookworm) number=12 opencv=406 other=410 ;;
    trixie) number=13 opencv=410 other=406 ;;
    *)
        echo "no such suite: $suite" >&2
        exit 2
        ;;
esac

say() { printf '\n== %s\n' "$*"; }
fail() {
    echo "package-test: $*" >&2
    exit 1
}

work=$(mktemp -d "${LPR_SUITES:-/var/tmp}/package-test.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
mkdir -p "$work/debs"
for name in lpr-agent lpr-server; do
    found=(target/debian/"${name}"_*~deb"${number}_$arch.deb")
    [[ -f ${found[-1]} ]] || fail "no $name for $suite and $arch in target/debian: make package, or scripts/suite.sh $suite scripts/package.sh $arch"
    cp "${found[-1]}" "$work/debs/$name.deb"
done

# another NAME OUT SCRIPT: the package NAME, changed by SCRIPT, which is run in its unpacked folder.
another() {
    dpkg-deb --raw-extract "$work/debs/$1.deb" "$work/unpacked"
    (cd "$work/unpacked" && bash -euc "$3")
    dpkg-deb -Zgzip -z1 --root-owner-group --build "$work/unpacked" "$work/debs/$2.deb" >/dev/null
    rm -rf "$work/unpacked"
}
for name in lpr-agent lpr-server; do
    # shellcheck disable=SC2016 # expanded by the other shell
    another $name "$name-next" 'sed -i "s/^Version: .*/&+next/" DEBIAN/control'
done
another lpr-agent lpr-agent-foreign "sed -i s/libopencv-core$opencv/libopencv-core$other/g DEBIAN/control"

say "a fresh root of $suite, $arch"
mmdebstrap --quiet --variant=apt --architectures="$arch" --include=ca-certificates "$suite" "$root"
mkdir -p "$root/debs"
cp "$work"/debs/*.deb "$root/debs/"
cp packaging/test-inside.sh "$root/debs/test.sh"

# shellcheck disable=SC2016 # expanded inside
unshare --mount --pid --fork --kill-child bash -euc '
    cp --remove-destination -L /etc/resolv.conf "$1/etc/resolv.conf"
    mount --rbind /dev "$1/dev"
    mount -t proc proc "$1/proc"
    mount -t sysfs sys "$1/sys"
    exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 bash /debs/test.sh' test "$root"
say "$suite, $arch: installed, used, upgraded, removed, purged; the other suite's package refused"
