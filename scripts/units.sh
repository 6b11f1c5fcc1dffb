#!/bin/bash
# units.sh: what systemd says of the unit files: whether it understands them, and how exposed a service in them is (0 to 10).
set -euo pipefail
cd "$(dirname "$0")/.."

# In tenths, as --threshold has it.
declare -A limit=([lpr-agent]=20 [lpr-agent-zones@]=15 [lpr-server]=15)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in lpr-agent lpr-agent-zones@ lpr-server; do
    unit=$work/$name.service
    # The program need not be installed here.
    sed "s|^ExecStart=/usr/bin/lpr-[a-z]* |ExecStart=/bin/true |" "systemd/$name.service" >"$unit"
    # Debian 12's systemd does not know these two, which the units say; anything else that it does not understand is a fault.
    said=$(systemd-analyze verify --man=no "$unit" 2>&1 | grep "$name" |
        grep -v "Unknown key.*'\(RestartSteps\|RestartMaxDelaySec\)'" || true)
    if [[ -n $said ]]; then
        echo "$said" >&2
        exit 1
    fi
    table=$(systemd-analyze security --offline=true --no-pager --threshold="${limit[$name]}" "$unit" 2>/dev/null) || {
        echo "$table" >&2
        echo "$name.service: more exposed than ${limit[$name]} tenths" >&2
        exit 1
    }
    grep -o "Overall exposure level.*: [0-9.]*" <<<"$table"
done
