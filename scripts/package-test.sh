#!/bin/bash
# package-test.sh bookworm|trixie [amd64|arm64]: installs, uses, upgrades, removes and purges the packages of target/debian in a
# fresh root of that suite, and holds that the other suite's agent is refused: the real one, where target/debian has it, too. The
# root is booted, with its own systemd (systemd-nspawn); one of another kind of processor is not. Needs root, mmdebstrap and, for
# arm64, qemu-user-static with its binfmt.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${1:?usage: scripts/package-test.sh bookworm|trixie [amd64|arm64]}
arch=${2:-$(dpkg --print-architecture)}
case $suite in
    bookworm) number=12 opencv=406 other=13 other_opencv=410 ;;
    trixie) number=13 opencv=410 other=12 other_opencv=406 ;;
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
foreign=(target/debian/lpr-agent_*~deb"${other}_$arch.deb")
if [[ -f ${foreign[-1]} ]]; then
    say "the other suite's agent: ${foreign[-1]}"
    cp "${foreign[-1]}" "$work/debs/lpr-agent-foreign.deb"
else
    say "the other suite's agent: not in target/debian; ours with the other name of OpenCV's library stands in for it"
    another lpr-agent lpr-agent-foreign "sed -i s/libopencv-core$opencv/libopencv-core$other_opencv/g DEBIAN/control"
fi

say "a fresh root of $suite, $arch"
include=ca-certificates
booted=
# A systemd of another kind of processor cannot be booted.
if [[ $arch == "$(dpkg --print-architecture)" ]] && command -v systemd-nspawn >/dev/null; then
    booted=1
    include+=,systemd-sysv,dbus
fi
mmdebstrap --quiet --variant=apt --architectures="$arch" --include="$include" "$suite" "$root"
mkdir -p "$root/debs"
cp "$work"/debs/*.deb "$root/debs/"
cp packaging/test-inside.sh "$root/debs/test.sh"
environment=(PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8)

# inside NAMESPACE… -- PART: a part of the test, in namespaces of its own.
inside() {
    local namespaces=()
    while [[ $1 != -- ]]; do
        namespaces+=("$1")
        shift
    done
    # shellcheck disable=SC2016 # expanded inside
    unshare --mount --pid --fork --kill-child "${namespaces[@]}" bash -euc '
        root=$1
        shift
        cp --remove-destination -L /etc/resolv.conf "$root/etc/resolv.conf"
        mount --rbind /dev "$root/dev"
        mount -t proc proc "$root/proc"
        ip link set lo up 2>/dev/null || true
        exec chroot "$root" /usr/bin/env -i "$@"' inside "$root" "${environment[@]}" bash /debs/test.sh "$2"
}

# With the machine's network only what needs Debian's mirror; the rest has a network of its own, so that ports are free.
inside -- prepare
if [[ -n $booted ]]; then
    say "booting it"
    cat >"$root/etc/systemd/system/package-test.service" <<'END'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
Environment=PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
StandardOutput=append:/debs/log
StandardError=append:/debs/log
ExecStart=/bin/bash /debs/test.sh whole
ExecStopPost=/bin/sh -c 'echo $EXIT_STATUS >/debs/status; systemctl poweroff --no-block'
TimeoutStartSec=600
[Install]
WantedBy=default.target
END
    ln -s ../package-test.service "$root/etc/systemd/system/multi-user.target.wants/"
    nspawn=(systemd-nspawn --quiet --register=no --private-network)
    # Where no systemd runs that could make it a place of its own.
    [[ -S /run/dbus/system_bus_socket ]] || nspawn+=(--keep-unit)
    timeout 700 "${nspawn[@]}" --directory="$root" --boot >"$work/console" 2>&1 || true
    cat "$root/debs/log" || cat "$work/console"
    [[ $(cat "$root/debs/status") == 0 ]] || fail "failed; the words above say where"
else
    inside --net -- whole
fi
say "$suite, $arch: installed, used, upgraded, removed, purged; the other suite's agent refused"
