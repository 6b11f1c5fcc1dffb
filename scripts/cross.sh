#!/bin/bash
# cross.sh bookworm|trixie: lpr-agent and lpr-server for aarch64 on that suite's libraries, as arm64 packages in target/debian, on an
# x86-64 Debian machine without Docker. With Docker: cross/README.md; both install from the same lists.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${1:?usage: scripts/cross.sh bookworm|trixie}
export LPR_SUITES=${LPR_SUITES:-target/suites}
scripts/suite.sh "$suite"
RUSTC=$(cross/rust.sh "$LPR_SUITES/rust-aarch64")
export RUSTC
scripts/suite.sh "$suite" scripts/package.sh arm64
