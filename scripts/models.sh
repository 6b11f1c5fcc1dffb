#!/bin/bash
# models.sh AGENT [NAME…]: brings the default models, which are needed, and those named, whose tests are skipped
# where they cannot be had. Prints the environment variables of stand-ins, as `lpr-agent models fetch` does.
set -euo pipefail
cd "$(dirname "$0")/.."

agent=$1
shift
"$agent" models fetch
for name in "$@"; do
    "$agent" models fetch "$name" ||
        echo "*** SKIPPED *** $name could not be had: the tests that need it will say so and pass without it" >&2
done
