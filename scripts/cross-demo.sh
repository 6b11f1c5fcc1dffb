#!/bin/bash
# cross-demo.sh bookworm|trixie [PHOTO]: shows on an x86-64 machine that the arm64 packages of target/debian work. The agent in them,
# run by qemu, reads PHOTO (a picture of the simulator, where none is named) with the packaged models and configuration and delivers
# it to the server in them, whose API is then asked. In the root of scripts/cross.sh, with a network of its own. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${1:?usage: scripts/cross-demo.sh bookworm|trixie [PHOTO]}
demo=$PWD/target/cross-demo

if [[ ${2:-} != --inside ]]; then
    rm -rf "$demo"
    mkdir -p "$demo"
    [[ -z ${2:-} ]] || cp "$2" "$demo/photo.${2##*.}"
    number=$([[ $suite == bookworm ]] && echo 12 || echo 13)
    for name in lpr-agent lpr-server; do
        found=(target/debian/"${name}"_*~deb"${number}_arm64.deb")
        dpkg-deb --extract "${found[-1]}" "$demo/root"
    done
    # shellcheck disable=SC2016 # expanded by the other shell
    exec unshare --net bash -euc 'ip link set lo up; exec scripts/suite.sh "$1" scripts/cross-demo.sh "$1" --inside' demo "$suite"
fi

# The programs take such variables for keys of their configuration.
unset "${!LPR_@}"
agent=(qemu-aarch64-static "$demo/root/usr/bin/lpr-agent")
server=(qemu-aarch64-static "$demo/root/usr/bin/lpr-server")
"${agent[@]}" --version
photo=("$demo"/photo.*)
if [[ ! -f ${photo[0]} ]]; then
    "${agent[@]}" simulate 'seed=7;seconds=1;fps=2;vehicles=2;layout=mixed' --out "$demo/road"
    photo=("$demo/road/frame_000001.jpg")
fi
sed "s|^data_dir = .*|data_dir = \"$demo/server\"|" "$demo/root/etc/lpr-server/server.toml" >"$demo/server.toml"
sed -e "s|^data_dir = .*|data_dir = \"$demo/agent\"|" -e "s|^source = .*|source = \"${photo[0]}\"|" \
    -e "s|^dir = \"/usr|dir = \"$demo/root/usr|" "$demo/root/etc/lpr-agent/agent.toml" >"$demo/agent.toml"

"${server[@]}" serve --config "$demo/server.toml" 2>"$demo/server.log" &
trap 'kill $! 2>/dev/null || true' EXIT
ask() { python3 -c 'import sys, urllib.request as r; print(r.urlopen("http://127.0.0.1:8765" + sys.argv[1]).read().decode())' "$1"; }
for _ in $(seq 120); do ! ask /api/test >/dev/null 2>&1 || break; sleep 0.5; done
"${agent[@]}" run --config "$demo/agent.toml" --until-drained
echo "the server's record:"
ask '/api/records?images=none'
