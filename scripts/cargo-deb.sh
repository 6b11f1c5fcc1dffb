#!/bin/bash
# Brings cargo-deb, at the version given here, into target/tools/cargo: compiled from crates.io, once (2 minutes).
set -euo pipefail
cd "$(dirname "$0")/.."

version=3.8.0
root=$PWD/target/tools/cargo
[[ $("$root/bin/cargo-deb" --version 2>/dev/null) == *"$version"* ]] && exit 0
CARGO_TARGET_DIR=$PWD/target/tools/cargo-build cargo install --quiet --locked --version "$version" --root "$root" cargo-deb
rm -rf target/tools/cargo-build
