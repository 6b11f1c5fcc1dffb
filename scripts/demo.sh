#!/bin/bash
# The demo: a server, an agent over one source, and the proof that every read arrived.
# INPUT: a photo, folder, clip, /dev/videoN, rtsp://… or sim:…; PORT: the server's. The server stays up for its page to
# be looked at, until `make demo-stop` or the next demo; DEMO_KEEP=0 stops it at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

sample='sim:seed=7;seconds=12;fps=10;vehicles=8;layout=mixed'
input=${INPUT:-$sample}
port=${PORT:-8765}
url="http://127.0.0.1:$port"
out=demo-out
bin=target/release
keep=${DEMO_KEEP:-1}

say() { printf '\n== %s\n' "$*"; }
fail() {
    echo "demo: $*" >&2
    exit 1
}

server=
stop_server() {
    [[ -z $server ]] && return
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}
trap stop_server EXIT
trap 'exit 143' TERM

# An earlier demo's server makes room.
scripts/demo_stop.sh "$out"

if python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; then
    fail "port $port is in use; stop the program that has it, or take another: make demo PORT=$((port + 1))"
fi
rm -rf "$out"
mkdir -p "$out/server" "$out/agent"

# Which models the agent uses where a default one could not be had.
stand_ins=$(scripts/models.sh "$bin/lpr-agent")
for variable in $stand_ins; do export "${variable?}"; done

say "server: $url"
# In a session of its own: Ctrl-C is for the agent, the server outlives it.
setsid "$bin/lpr-server" serve --listen "127.0.0.1:$port" --data-dir "$out/server" >"$out/server.log" 2>&1 &
server=$!
echo "$server" >"$out/server.pid"
python3 scripts/demo_report.py wait "$url" "$server" || {
    tail -n 20 "$out/server.log" >&2
    fail "the server did not start; its last words are above, all of them in $out/server.log"
}

python3 scripts/demo_report.py config "$input" "$url" "$out" >"$out/agent.toml"
# shellcheck disable=SC2001 # a pattern with a stop, which ${//} has not
say "agent: reading $(sed 's|//[^/]*@|//***@|' <<<"$input")"
interrupted=0
trap 'interrupted=1' INT
status=0
"$bin/lpr-agent" run --config "$out/agent.toml" --until-drained 2>"$out/agent.log" | tee -i "$out/reads.txt" || status=$?
trap - INT
if ((status != 0 && !interrupted)); then
    tail -n 20 "$out/agent.log" >&2
    fail "the agent ended with code $status; its last words are above, all of them in $out/agent.log"
fi

say "the server's count"
expected=any
[[ $input == "$sample" ]] && expected=some
python3 scripts/demo_report.py check "$url" "$out" "$expected"

say "look"
echo "annotated pictures: $out/pictures"
if [[ $keep == 1 ]]; then
    trap - EXIT
    echo "the server stays up until: make demo-stop"
else
    echo "the server was stopped, as DEMO_KEEP=0 asks"
fi
echo "the server's page:  $url/"
