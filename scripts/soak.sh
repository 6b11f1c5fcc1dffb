#!/bin/bash
# soak.sh [MINUTES]: an agent with two cameras, and its server, for so long (60), with faults on purpose (docs/soak.md). Needs
# root and a release build. Samples, logs, verdict and plot lie in target/soak/TIME; ends with 1 where something did not hold.
# SOAK_BIN: the folder of the two programs; SOAK_DISK_MB: size of the agent's disk (64).
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=${1:-60}
bin=$(realpath "${SOAK_BIN:-target/release}")
[[ $(id -u) == 0 ]] || {
    echo "a soak mounts a small disk, which needs root: sudo make soak" >&2
    exit 1
}

tools=target/soak/venv
if ! sha256sum --status --check "$tools/made-from" 2>/dev/null; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check -r scripts/soak/requirements.txt
    sha256sum scripts/soak/requirements.txt >"$tools/made-from"
fi

run=$PWD/target/soak/$(date -u +%Y%m%d-%H%M%S)
mkdir -p "$run/data"
echo "soak: $minutes minutes in $run"

# Processes, ports and mounts of its own: they all end with it, and nothing of the machine is in its way.
# shellcheck disable=SC2016 # expanded inside
unshare --mount --net --pid --fork --kill-child --mount-proc bash -euc '
    ip link set lo up
    mount -t tmpfs -o "size=$1m,mode=700" tmpfs "$3/data"
    exec python3 -B scripts/soak/drive.py "$2" "$3" "$4" "$PWD/models"' \
    soak "${SOAK_DISK_MB:-64}" "$minutes" "$run" "$bin" > >(tee "$run/course") 2>&1 &
trap 'kill -KILL $!' EXIT
trap 'exit 143' INT TERM
wait $!
trap - EXIT

"$tools/bin/python" -B scripts/soak/plot.py "$run"
status=0
python3 -B scripts/soak/judge.py "$run" >"$run/verdict" || status=$?
cat "$run/verdict"
echo "soak: $run/soak.png"
exit "$status"
