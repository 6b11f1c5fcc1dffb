#!/bin/bash
# The training project of the plate reader and the plate detector (models/training/README.md), in an environment of its own under target/tools.
#   training.sh test            its tests, in seconds
#   training.sh fonts|render|train|export|evaluate|curve …   the reader's commands; the run's files lie in $PLATEOCR_RUN
#   training.sh detector render|train|export|evaluate|photos …   the plate detector's; its run's files lie in $PLATEDET_RUN
set -euo pipefail
cd "$(dirname "$0")/.."

home=models/training
venv=target/tools/training

if [[ ${1:-} == test ]]; then
    scripts/packages.sh "$home/packages-test.txt"
else
    scripts/packages.sh "$home/packages.txt"
fi

# Debian's own Python, since Debian's PyTorch is for that one.
if ! sha256sum --status --check "$venv/made-from" 2>/dev/null; then
    echo "making $venv from $home/requirements.txt"
    rm -rf "$venv"
    /usr/bin/python3 -m venv --system-site-packages "$venv"
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$home/requirements.txt"; then
        echo "pip failed (its own words are above). Training needs the packages in $home/requirements.txt from the network once." >&2
        exit 1
    fi
    sha256sum "$home/requirements.txt" >"$venv/made-from"
fi

export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$home PLATEOCR_RUN=${PLATEOCR_RUN:-target/plateocr}
export PLATEDET_RUN=${PLATEDET_RUN:-target/platedet}
if [[ ${1:-} == test ]]; then
    exec "$venv/bin/python" -m pytest -c "$home/pyproject.toml" --rootdir "$home" "$home/tests"
fi
if [[ ${1:-} == detector ]]; then
    exec "$venv/bin/python" -m platedet "${@:2}"
fi
exec "$venv/bin/python" -m plateocr "$@"
