#!/bin/bash
# Run by scripts/package-test.sh inside a fresh root, with the packages in /debs: `prepare` with a network, `whole` without; both
# also where no systemd runs.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

say() { printf '\n-- %s\n' "$*"; }
fail() {
    echo "package-test: $*" >&2
    exit 1
}
apt=(apt-get -q -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io)
installing=("${apt[@]}" install -y --no-install-recommends)
booted=
[[ ! -d /run/systemd/system ]] || booted=1

# quietly COMMAND…: what it says is shown where it fails.
quietly() {
    "$@" >/tmp/said 2>&1 || {
        tail -n 40 /tmp/said
        fail "failed: $*"
    }
}

prepare() {
    say "the other suite's agent is refused"
    "${apt[@]}" update
    if "${installing[@]}" /debs/lpr-agent-foreign.deb >/tmp/foreign 2>&1; then
        fail "it was installed"
    fi
    grep 'Depends: libopencv' /tmp/foreign || fail "it does not say why: $(cat /tmp/foreign)"
    ! dpkg-query -W lpr-agent 2>/dev/null || fail "it was refused, and is there"
    quietly "${installing[@]}" --download-only /debs/lpr-server.deb /debs/lpr-agent.deb
}

# until TRUE…: within a minute.
until_true() {
    local _
    for _ in $(seq 300); do
        if "$@"; then return; fi
        sleep 0.2
    done
    if [[ -n $booted ]]; then journalctl --no-pager -n 40 -u lpr-agent -u lpr-server; fi
    fail "not within a minute: $*"
}

# What is there before, to hold against what is there after the purge.
trace() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /debs \) -prune -o \
        \( -iname '*lpr-*' -o -path '*/private/*' \) -print | sort
    getent passwd | grep lpr || true
    getent group | grep lpr || true
    # Of the services: enabled, masked, remembered.
    # Files of users and groups have the one before beside them, with a "-".
    grep -rl 'lpr-' /etc /var/lib/systemd 2>/dev/null | grep -v '^/etc/\(passwd\|group\|shadow\|gshadow\)-$' | sort || true
}
# Read to the end: a pipe that is closed early is a failure.
holds() { zcat "$1" | grep "$2" >/dev/null; }

installed() {
    say "install"
    quietly "${installing[@]}" /debs/lpr-server.deb /debs/lpr-agent.deb
    ! grep -i 'warning\|error' /tmp/said || true
    dpkg-query -W lpr-agent lpr-server
    lpr-agent --version
    lpr-server --version
    id lpr-agent
    [[ $(id -nG lpr-agent) == *video* && $(id -nG lpr-agent) == *render* ]] || fail "lpr-agent is not in video and render"
    for name in lpr-agent lpr-server; do
        [[ -L /etc/systemd/system/multi-user.target.wants/$name.service ]] || fail "$name is not enabled"
        (. /usr/share/bash-completion/completions/$name && complete -p $name >/dev/null) || fail "no completion of $name"
        holds /usr/share/man/man1/$name.1.gz "^\.TH $name 1" || fail "no manual page of $name"
    done
    [[ $(dpkg-query -W -f '${Conffiles}' lpr-agent lpr-server) == *agent.toml*server.toml* ]] || fail "no conffiles"
    holds /usr/share/doc/lpr-agent/THIRD-PARTY.gz 'ONNX Runtime .*ThirdPartyNotices' || fail "no notices"
    [[ -z $(find /usr/share/lpr-agent -name '*yolov8*') ]] || fail "a model under AGPL-3.0 is in the package"
    say "both configurations and the models as packaged"
    lpr-agent check-config --config /etc/lpr-agent/agent.toml
    lpr-server check-config --config /etc/lpr-server/server.toml
    lpr-agent models verify --dir /usr/share/lpr-agent/models
}

# http PORT METHOD PATH [BODY]: what a program of this machine answers.
http() {
    local body=${4:-}
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    printf '%s %s HTTP/1.1\r\nHost: localhost:%s\r\nConnection: close\r\n' "$2" "$3" "$1" >&3
    printf 'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#body}" "$body" >&3
    cat <&3
}
records() { http 8765 GET /api/statistics | grep -o '"total_detections":[0-9]*' | cut -d : -f 2; }
some_records() { (($(records 2>/dev/null || echo 0) > ${1:-0})); }

# One line of the configuration is changed, as a technician would.
configure() { sed -i "s|^source = .*|source = \"$1\"|" /etc/lpr-agent/agent.toml; }

# tells UNIT WORDS: in its own words, as systemctl status shows them.
tells() { systemctl show --value -p StatusText "$1" | grep "$2" >/dev/null; }

use_services() {
    say "the services: the server runs since it was installed, the agent once it is configured"
    systemctl is-active lpr-server
    systemctl is-active lpr-agent && fail "the agent runs, and knows no camera yet"
    configure 'sim:seed=7;seconds=3000;fps=2;vehicles=4000;layout=mixed'
    systemctl start lpr-agent || {
        journalctl --no-pager -n 40 -u lpr-agent
        fail "the agent does not start"
    }
    until_true some_records
    until_true tells lpr-server 'listening on'
    until_true tells lpr-agent '1 of 1 cameras up.*link by Socket.IO'
    systemctl status --no-pager --lines=0 lpr-agent lpr-server | grep -E '●|Active:|Status:'
    for name in lpr-agent lpr-server; do
        stat --format "$name runs as %U" "/proc/$(systemctl show --value -p MainPID $name)"
    done
    systemd-analyze security --no-pager lpr-agent | tail -n 1
    systemd-analyze security --no-pager lpr-server | tail -n 1
}

since() { journalctl --no-pager --output=cat --after-cursor="$1" -u "$2"; }
cursor() { journalctl --no-pager --lines=0 --show-cursor | sed -n 's/^-- cursor: //p'; }
# said CURSOR UNIT WORDS: since then, in its log.
said() { since "$1" "$2" | grep -- "$3"; }

draw_a_zone() {
    say "a zone drawn on the agent's page is in the configuration, which the agent itself may not write"
    local file=/etc/lpr-agent/agent.toml path=/api/cameras/0/areas before start version zone
    before=$(stat --format '%U %G %a' $file)
    setpriv --reuid=lpr-agent --regid=lpr-agent --init-groups sh -c ": >>$file || : >/etc/lpr-agent/new" 2>/dev/null &&
        fail "the agent's user can write in /etc/lpr-agent"
    version=$(http 8088 GET $path | grep -o '"version":"[^"]*"')
    zone='{"kind":"exclude","points":[[0,0],[1,0],[1,0.03],[0,0.03]]}'
    start=$(cursor)
    http 8088 PUT $path "{\"areas\":{\"min_plate_height\":0,\"zones\":[$zone],\"lines\":[]},$version}" | tail -n 1
    echo
    grep -A 2 '^\[\[camera.zone\]\]' $file || fail "it is not there"
    [[ $(stat --format '%U %G %a' $file) == "$before" ]] || fail "the file is another's now"
    diff $file $file.bak >/dev/null && fail "the file before is not kept"
    lpr-agent check-config --config $file
    systemctl reload lpr-agent
    until_true said "$start" lpr-agent 'zone holds from now on'
}

# restarted CURSOR UNIT WORDS: systemd said so of it, and it is at work again.
restarted() {
    until_true said "$1" "$2" "$3"
    until_true said "$1" "$2" 'Scheduled restart job'
    until_true systemctl --quiet is-active "$2"
    until_true some_records "$(records)"
}

survive() {
    local start
    say "killed: started again"
    for name in lpr-server lpr-agent; do
        start=$(cursor)
        systemctl kill --kill-whom=main --signal=KILL $name
        restarted "$start" $name 'status=9/KILL'
    done
    say "hung: the watchdog (5 s instead of 60, for this test) ends it, and it is started again"
    install -D /dev/stdin /run/systemd/system/lpr-agent.service.d/test.conf <<<$'[Service]\nWatchdogSec=5s\nTimeoutAbortSec=2s'
    systemctl daemon-reload
    systemctl restart lpr-agent
    sleep 8
    systemctl --quiet is-active lpr-agent || fail "it does not say often enough that it works"
    start=$(cursor)
    systemctl kill --kill-whom=main --signal=STOP lpr-agent
    restarted "$start" lpr-agent 'Watchdog timeout'
    rm -r /run/systemd/system/lpr-agent.service.d
    systemctl daemon-reload
    systemctl show -p NRestarts -p StatusText lpr-agent
}

# Without systemd: as the services run them.
use_programs() {
    say "the programs, with the packaged configurations"
    install -d -m 700 -o lpr-agent -g lpr-agent /var/lib/lpr-agent
    install -d -m 700 /var/lib/private/lpr-server
    ln -sfn private/lpr-server /var/lib/lpr-server
    lpr-agent simulate 'seed=7;seconds=1;fps=2;vehicles=2;layout=mixed' --out /tmp/road
    chmod -R a+rX /tmp/road
    configure /tmp/road/frame_000001.jpg
    lpr-server serve --config /etc/lpr-server/server.toml 2>/tmp/server.log &
    until_true records >/dev/null
    setpriv --reuid=lpr-agent --regid=lpr-agent --init-groups \
        lpr-agent run --config /etc/lpr-agent/agent.toml --until-drained 2>/tmp/agent.log || {
        tail -n 20 /tmp/agent.log /tmp/server.log
        fail "the agent did not deliver"
    }
    some_records || fail "the server has no record"
    kill %1
    wait %1 || true
}

kept() {
    local folders=(etc/lpr-agent etc/lpr-server)
    # What runs goes on writing.
    [[ -n $booted && ${1:-} == running ]] || folders+=(var/lib/lpr-agent var/lib/private/lpr-server)
    (cd / && find "${folders[@]}" -type f -exec sha256sum {} + | sort -k 2)
}

upgrade() {
    say "upgrade keeps data and configuration"
    printf 'secret\n' >/etc/lpr-agent/token
    kept running >/tmp/kept
    local before=0 pids='' start
    if [[ -n $booted ]]; then
        start=$(cursor)
        before=$(records)
        pids=$(systemctl show -p MainPID lpr-agent lpr-server)
    fi
    quietly "${installing[@]}" /debs/lpr-server-next.deb /debs/lpr-agent-next.deb
    dpkg-query -W lpr-agent lpr-server
    [[ $(dpkg-query -W -f '${Version}' lpr-agent) == *+next ]] || fail "it is the old one"
    diff /tmp/kept <(kept running) || fail "the upgrade changed what is kept"
    [[ -n $booted ]] || return 0
    systemctl is-active lpr-agent lpr-server
    [[ $pids != "$(systemctl show -p MainPID lpr-agent lpr-server)" ]] || fail "the services were not restarted"
    until_true some_records "$before"
    # A clean end is no failure to systemd.
    for name in lpr-agent lpr-server; do
        ! said "$start" $name 'Failed with result' || fail "$name ended badly"
    done
    echo "records: $before before, $(records) after"
    systemctl stop lpr-agent lpr-server
}

whole() {
    trace >/tmp/before
    installed
    if [[ -n $booted ]]; then
        use_services
        draw_a_zone
        survive
    else
        use_programs
    fi
    upgrade
    say "remove keeps data and configuration"
    kept >/tmp/kept
    quietly "${apt[@]}" remove -y lpr-agent lpr-server
    diff /tmp/kept <(kept) || fail "the removal changed what is kept"
    wc -l </tmp/kept
    [[ ! -e /usr/bin/lpr-agent ]] || fail "the program is still there"
    say "purge leaves nothing"
    quietly "${apt[@]}" purge -y lpr-agent lpr-server
    diff /tmp/before <(trace) || fail "this was left behind"
}

"$1"
