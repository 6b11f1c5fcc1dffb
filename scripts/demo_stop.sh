#!/bin/bash
# Stops the server that an earlier demo left up. demo_stop.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."

pid_file=${1:-demo-out}/server.pid
[[ -f $pid_file ]] || exit 0
pid=$(<"$pid_file")
# The number may belong to another program by now.
if [[ $(readlink "/proc/$pid/exe" 2>/dev/null) == */lpr-server* ]]; then
    kill "$pid"
    while [[ -e /proc/$pid/exe ]]; do sleep 0.1; done
    echo "the earlier demo's server has stopped"
fi
rm -f "$pid_file"
