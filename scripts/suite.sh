#!/bin/bash
# suite.sh bookworm|trixie [COMMAND…]: runs COMMAND in a root of that Debian suite, with this repository and the machine's
# Rust (rustup's) in it. The root has what a build for amd64 and for arm64 needs; it is made first where it is missing.
# Roots and what is built in them lie in target/suites, or where LPR_SUITES says. Needs root, and mmdebstrap.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    echo "usage: scripts/suite.sh bookworm|trixie [COMMAND…]" >&2
    exit 2
}
(($# >= 1)) || usage
suite=$1
shift
[[ $suite == bookworm || $suite == trixie ]] || usage
[[ $(id -u) == 0 ]] || {
    echo "making and entering a root needs root: sudo scripts/suite.sh $suite" >&2
    exit 1
}
command -v mmdebstrap >/dev/null || {
    echo "mmdebstrap is missing: apt-get install mmdebstrap" >&2
    exit 1
}

repo=$PWD
suites=$(realpath -m "${LPR_SUITES:-target/suites}")
root=$suites/$suite
cargo_home=${CARGO_HOME:-$HOME/.cargo}
rustup_home=${RUSTUP_HOME:-$HOME/.rustup}

# enter COMMAND…: in a mount namespace of its own, so that nothing stays mounted, whatever happens.
enter() {
    local path shared=("$repo" "$suites" "$cargo_home" "$rustup_home")
    if [[ -f $root/etc/lpr-suite ]]; then
        # Where the models come from, and pip's settings.
        for path in "${LPR_MODEL_CACHE:-}" /etc/pip.conf "${PIP_CERT:-}"; do
            [[ ! -e $path ]] || shared+=("$path")
        done
    fi
    # shellcheck disable=SC2016 # expanded inside
    unshare --mount bash -euc '
        root=$1 repo=$2 shared=$3
        shift 3
        for path in $shared; do
            if [[ -d $path ]]; then mkdir -p "$root$path"; else mkdir -p "$root${path%/*}" && touch "$root$path"; fi
            mount --rbind "$path" "$root$path"
        done
        mount --rbind /dev "$root/dev"
        mount -t proc proc "$root/proc"
        mount -t tmpfs tmpfs "$root/tmp"
        cp --remove-destination -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
        exec chroot "$root" /usr/bin/env --chdir="$repo" "$@"' enter "$root" "$repo" "${shared[*]}" \
        PATH="$cargo_home/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        CARGO_HOME="$cargo_home" RUSTUP_HOME="$rustup_home" CARGO_TARGET_DIR="$suites/target-$suite" "$@"
}

if [[ ! -f $root/etc/lpr-suite ]]; then
    echo "making a root of Debian $suite in $root"
    rm -rf --one-file-system "$root"
    mkdir -p "$suites"
    mmdebstrap --quiet --variant=apt "$suite" "$root"
    enter scripts/packages.sh scripts/packages-build.txt scripts/packages-package.txt scripts/packages-cross.txt
    enter cross/arm64.sh
    rm -rf "$root"/var/cache/apt/archives/*.deb
    echo "$suite" >"$root/etc/lpr-suite"
fi
(($# == 0)) || enter "$@"
