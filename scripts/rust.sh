#!/bin/bash
# Rust and Python are what this project asks a machine to have already: says what is missing, and from where. Then brings
# the crates.
set -euo pipefail

need=1.95
if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    echo "cargo and rustc are not on PATH: install Rust $need or newer (https://rustup.rs)" >&2
    exit 1
fi
have=$(rustc --version | cut -d' ' -f2)
if [[ $(printf '%s\n' "$need" "${have%%-*}" | sort -V | head -n 1) != "$need" ]]; then
    echo "rustc is $have, $need or newer is needed: rustup update stable (https://rustup.rs)" >&2
    exit 1
fi
if ! python3 -m pip --version >/dev/null 2>&1; then
    echo "Python 3 with pip is missing, which brings the models: apt-get install python3-pip" >&2
    exit 1
fi
# Nothing to do where the crates are here already.
host=$(rustc -vV | sed -n 's/^host: //p')
if ! cargo fetch --quiet --locked --target "$host"; then
    echo "The Rust crates that Cargo.lock names are not all here, and bringing them failed (cargo's own words are" >&2
    echo "above). With a network, run: cargo fetch --locked" >&2
    exit 1
fi
