#!/bin/bash
# fuzz.sh [SECONDS [TARGET…]]: runs each fuzz target for so long, and says how many inputs that were. See fuzz/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-60}
(($# > 0)) && shift
(($# > 0)) || set -- body packet timestamp
command -v cargo-fuzz >/dev/null || {
    echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked" >&2
    exit 1
}

# The sanitizer's switches are unstable; the pinned stable compiler takes them so.
export RUSTC_BOOTSTRAP=1
for target in "$@"; do
    log=$(mktemp)
    found=0
    cargo fuzz run --fuzz-dir fuzz "$target" -- \
        -max_total_time="$seconds" -max_len=65536 -timeout=10 -print_final_stats=1 >"$log" 2>&1 || found=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$target: ${runs:-0} inputs in $seconds s, $(grep -c 'NEW ' "$log" || true) new paths, $(((found == 0)) && echo "no fault" || echo "FAULT")"
    if ((found != 0)); then
        tail -40 "$log"
        exit "$found"
    fi
    rm -f "$log"
done
