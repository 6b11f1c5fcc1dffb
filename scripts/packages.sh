#!/bin/bash
# Installs the Debian packages of the given lists that are missing; does nothing where none is.
# Without root and without sudo it says which command an administrator has to run.
set -euo pipefail

missing=()
for list in "$@"; do
    while IFS='|' read -r package unless _; do
        package=${package//[[:space:]]/}
        [[ -z $package || $package == \#* ]] && continue
        if [[ -n ${unless//[[:space:]]/} ]] && bash -c "$unless" >/dev/null 2>&1; then continue; fi
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [[ $status == installed ]] || missing+=("$package")
    done <"$list"
done
if ((${#missing[@]} == 0)); then
    echo "Debian packages: all here ($*)"
    exit 0
fi

as_root=()
if [[ $(id -u) != 0 ]]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
        as_root=(sudo)
    else
        echo "These Debian packages are missing, and installing them needs root. Ask an administrator to run:" >&2
        echo "    apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
fi
echo "Debian packages to install: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt=("${as_root[@]}" apt-get -q -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)
# Unpacking hundreds of small packages is mostly waiting for the disk; a machine that is thrown away need not wait.
[[ ${CI:-} == true ]] && apt+=(-o Dpkg::Options::=--force-unsafe-io)
if ! "${apt[@]}" update || ! "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; then
    echo "apt-get failed (its own words are above). With a network, or a mirror in /etc/apt/sources.list, run:" >&2
    echo "    apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
