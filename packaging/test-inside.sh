#!/bin/bash
# Run by scripts/package-test.sh inside a fresh root, with the packages in /debs.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

say() { printf '\n-- %s\n' "$*"; }
fail() {
    echo "package-test: $*" >&2
    exit 1
}
apt=(apt-get -q -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io)

say "a package of the other suite is refused"
"${apt[@]}" update
if "${apt[@]}" install -y --no-install-recommends /debs/lpr-agent-foreign.deb >/tmp/foreign 2>&1; then
    fail "it was installed"
fi
grep 'Depends:' /tmp/foreign || fail "it does not say why: $(cat /tmp/foreign)"

# What is there before, to hold against what is there after the purge.
trace() {
    find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /debs \) -prune -o \
        \( -iname '*lpr*' -o -path '*/private/*' \) -print | sort
    getent passwd | grep lpr || true
    getent group | grep lpr || true
    # Of the services: enabled, masked, remembered.
    grep -rl lpr /etc /var/lib/systemd 2>/dev/null | grep -v '^/etc/\(resolv.conf\|hosts\|.*cache\)$' | sort || true
}
trace >/tmp/before

say "install"
"${apt[@]}" install -y --no-install-recommends /debs/lpr-server.deb /debs/lpr-agent.deb >/tmp/install 2>&1 || {
    tail -n 40 /tmp/install
    fail "it was not installed"
}
grep -i 'warning\|error' /tmp/install || true
lpr-agent --version
lpr-server --version
id lpr-agent
[[ $(id -nG lpr-agent) == *video* && $(id -nG lpr-agent) == *render* ]] || fail "lpr-agent is not in video and render"
[[ -L /etc/systemd/system/multi-user.target.wants/lpr-agent.service ]] || fail "lpr-agent is not enabled"
[[ -L /etc/systemd/system/multi-user.target.wants/lpr-server.service ]] || fail "lpr-server is not enabled"
[[ $(dpkg-query -W -f '${Conffiles}' lpr-agent lpr-server) == *agent.toml*server.toml* ]] || fail "no conffiles"
lpr-agent check-config --config /etc/lpr-agent/agent.toml
lpr-server check-config --config /etc/lpr-server/server.toml
lpr-agent models verify --dir /usr/share/lpr-agent/models
[[ -z $(find /usr/share/lpr-agent -name '*yolov8*') ]] || fail "a model under AGPL-3.0 is in the package"
zcat /usr/share/man/man1/lpr-agent-run.1.gz | grep -q 'lpr-agent' || fail "no manual page"
(. /usr/share/bash-completion/completions/lpr-agent && complete -p lpr-agent) || fail "no completion"
zgrep -q 'ONNX Runtime .*ThirdPartyNotices' /usr/share/doc/lpr-agent/THIRD-PARTY.gz || fail "no notices"

say "use: the packaged configurations in place, as the services run them"
install -d -m 700 -o lpr-agent -g lpr-agent /var/lib/lpr-agent
install -d -m 700 /var/lib/private/lpr-server
ln -s private/lpr-server /var/lib/lpr-server
lpr-server serve --config /etc/lpr-server/server.toml 2>/tmp/server.log &
server=$!
lpr-agent simulate 'seed=7;seconds=1;fps=2;vehicles=4;layout=mixed' --out /tmp/road
chmod -R a+rX /tmp/road
# One line of the configuration is changed, as a technician would.
sed -i 's|^source = .*|source = "/tmp/road/frame_000001.jpg"|' /etc/lpr-agent/agent.toml
for _ in $(seq 100); do
    if (: </dev/tcp/127.0.0.1/8765) 2>/dev/null; then break; fi
    sleep 0.2
done
setpriv --reuid=lpr-agent --regid=lpr-agent --init-groups \
    lpr-agent run --config /etc/lpr-agent/agent.toml --until-drained 2>/tmp/agent.log || {
    tail -n 20 /tmp/agent.log /tmp/server.log
    fail "the agent did not deliver"
}
kill "$server"
wait "$server" || true
lpr-agent outbox stats --config /etc/lpr-agent/agent.toml
lpr-server check --data-dir /var/lib/lpr-server
state() { (cd / && find var/lib/lpr-agent var/lib/private/lpr-server etc/lpr-agent etc/lpr-server -type f -exec sha256sum {} + | sort -k 2); }
printf 'secret\n' >/etc/lpr-agent/token
state >/tmp/state
wc -l </tmp/state

say "upgrade keeps data and configuration"
"${apt[@]}" install -y --no-install-recommends /debs/lpr-server-next.deb /debs/lpr-agent-next.deb >/tmp/upgrade 2>&1 || {
    tail -n 40 /tmp/upgrade
    fail "it was not upgraded"
}
dpkg-query -W lpr-agent lpr-server
[[ $(dpkg-query -W -f '${Version}' lpr-agent) == *+next ]] || fail "it is the old one"
diff /tmp/state <(state) || fail "the upgrade changed what is kept"

say "remove keeps data and configuration"
"${apt[@]}" remove -y lpr-agent lpr-server >/dev/null 2>&1
diff /tmp/state <(state) || fail "the removal changed what is kept"
[[ ! -e /usr/bin/lpr-agent ]] || fail "the program is still there"

say "purge leaves nothing"
"${apt[@]}" purge -y lpr-agent lpr-server >/tmp/purge 2>&1 || {
    cat /tmp/purge
    fail "it was not purged"
}
diff /tmp/before <(trace) || fail "this was left behind"
