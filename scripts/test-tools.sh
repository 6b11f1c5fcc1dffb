#!/bin/bash
# The tests' own tools under target/tools: a Python environment (venv) and JavaScript packages (node), both from pinned
# lists in tests/interop and tests/openapi. Each is made anew only when its list has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=target/tools
mkdir -p "$tools"

# stale STAMP LIST…: whether what STAMP stands for was made from other lists than these.
stale() {
    local stamp=$1
    shift
    ! sha256sum --status --check "$stamp" 2>/dev/null || [[ $(wc -l <"$stamp") != "$#" ]]
}

offline() {
    echo "$1 failed (its own words are above). The tests need $2 from the network once; then they run without." >&2
    exit 1
}

requirements=(scripts/requirements-deny.txt)
[[ -f tests/interop/requirements.txt ]] && requirements+=(tests/interop/requirements.txt)
[[ -f tests/openapi/requirements.txt ]] && requirements+=(tests/openapi/requirements.txt)
if stale "$tools/venv/made-from" "${requirements[@]}"; then
    echo "making $tools/venv from ${requirements[*]}"
    rm -rf "$tools/venv"
    python3 -m venv "$tools/venv" || offline "python3 -m venv" "Python's venv module (Debian: python3-venv)"
    for list in "${requirements[@]}"; do
        "$tools/venv/bin/pip" install --quiet --disable-pip-version-check -r "$list" ||
            offline "pip" "the packages in $list"
    done
    sha256sum "${requirements[@]}" >"$tools/venv/made-from"
fi

if [[ -f tests/interop/package.json ]]; then
    lists=(tests/interop/package.json)
    [[ -f tests/interop/package-lock.json ]] && lists+=(tests/interop/package-lock.json)
    if stale "$tools/node/made-from" "${lists[@]}"; then
        echo "making $tools/node from ${lists[*]}"
        rm -rf "$tools/node"
        mkdir -p "$tools/node"
        cp "${lists[@]}" "$tools/node/"
        command=install
        [[ ${#lists[@]} == 2 ]] && command=ci
        npm --prefix "$tools/node" "$command" --no-audit --no-fund --loglevel=error || offline "npm" "the packages in ${lists[0]}"
        sha256sum "${lists[@]}" >"$tools/node/made-from"
    fi
fi
echo "test tools: all here ($tools)"
