"""What a soak consists of: cameras, server, agent and the agent's disk."""

import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).parent
SERVER_PORT, PAGE_PORT, NORTH_PORT, SOUTH_PORT = 8765, 8088, 8554, 8555
TICKS = os.sysconf("SC_CLK_TCK")


def environment(more):
    """Without what is set here for other programs, which would be configuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LPR_")} | more


class Process:
    """A program that can be started again; what it says is added to one file."""

    def __init__(self, command, log, more=None):
        self.command, self.log, self.environment = command, log, more or {}
        self.child, self.starts, self.held = None, 0, False

    def start(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.child = subprocess.Popen(self.command, stdout=log, stderr=log, env=environment(self.environment))
        self.starts += 1

    def lives(self):
        return self.child is not None and self.child.poll() is None

    def kill(self):
        self.child.kill()
        self.child.wait()

    def stop(self, limit=60):
        self.child.terminate()
        return self.child.wait(limit)

    def hold(self):
        self.child.send_signal(signal.SIGSTOP)
        self.held = True

    def let_go(self):
        self.child.send_signal(signal.SIGCONT)
        self.held = False

    def figures(self):
        """Its memory in MB, open files, threads and processor seconds; None where it does not run."""
        if not self.lives():
            return None
        proc = pathlib.Path(f"/proc/{self.child.pid}")
        try:
            status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
            stat = (proc / "stat").read_text().rsplit(")", 1)[1].split()
            return {
                "rss_mb": int(status["VmRSS"].split()[0]) / 1000,
                "peak_mb": int(status["VmHWM"].split()[0]) / 1000,
                "fds": len(os.listdir(proc / "fd")),
                "threads": int(status["Threads"]),
                "cpu_s": (int(stat[11]) + int(stat[12])) / TICKS,
            }
        except (OSError, KeyError):
            return None


def camera(kind, port, folder, fps, run):
    command = ["/usr/bin/python3", str(HERE / "camera.py"), kind, str(port), str(folder), str(fps)]
    return Process(command, run / "cameras.log")


def server(bin, run):
    command = [bin / "lpr-server", "serve", "--listen", f"127.0.0.1:{SERVER_PORT}", "--data-dir", run / "server"]
    return Process(command, run / "server.log")


class Agent(Process):
    def __init__(self, bin, run, models):
        self.bin, self.run, self.models, self.data = bin, run, models, run / "data"
        self.config = run / "agent.toml"
        # As systemd/lpr-agent.service has it.
        super().__init__(
            [bin / "lpr-agent", "run", "--config", self.config],
            run / "agent.log",
            {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576"},
        )
        self.config.write_text(self.configuration(), encoding="utf-8")

    def configuration(self):
        return f"""checkpoint_id = "soak"
data_dir = {json.dumps(str(self.data))}

[[camera]]
id = "north"
source = "rtsp://127.0.0.1:{NORTH_PORT}/live"

[[camera]]
id = "south"
source = "gst:souphttpsrc location=http://127.0.0.1:{SOUTH_PORT}/ is-live=true ! multipartdemux ! jpegdec"

[models]
dir = {json.dumps(str(self.models))}
threads = 1

[pipeline]
min_text_confidence = 0.6

[outbox]
max_bytes = 48000000
keep_delivered_mb = 2

[uplink]
server_url = "http://127.0.0.1:{SERVER_PORT}"

[health]
interval_s = 2.0

[page]
listen = "127.0.0.1:{PAGE_PORT}"
"""

    def call(self, *arguments, limit=120):
        """One of its other commands."""
        command = [self.bin / "lpr-agent", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False, env=environment({}))

    def use(self, model, trial_s, probation_s):
        """Another model, on trial in the running agent: it takes as long as it takes."""
        times = ["--trial", str(trial_s), "--probation", str(probation_s)]
        command = [self.bin / "lpr-agent", "models", "use", model, "--config", self.config, *times]
        return Process(command, self.run / "models-use.log")

    def change(self, key, value):
        """Changes a number of its configuration, and has it read anew."""
        text = self.config.read_text(encoding="utf-8")
        self.config.write_text(re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text), encoding="utf-8")
        self.child.send_signal(signal.SIGHUP)

    def metrics(self):
        """What its page tells Prometheus, summed over labels other than `state`; empty where it does not answer."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{PAGE_PORT}/metrics", timeout=3) as answer:
                lines = answer.read().decode().splitlines()
        except (OSError, urllib.error.URLError):
            return {}
        sums = {}
        for line in lines:
            if line.startswith("#"):
                continue
            name, value = line.rsplit(" ", 1)
            state = re.search(r'state="([^"]+)"', name)
            key = name.split("{")[0] + (f":{state[1]}" if state else "")
            sums[key] = sums.get(key, 0) + float(value)
        return sums


class Witness:
    """Writes down which events the agent has committed, whatever becomes of them."""

    def __init__(self, database, file):
        self.database, self.file, self.last = database, open(file, "a", encoding="utf-8"), 0

    def look(self):
        query = """SELECT event.id, lower(hex(event_id)), kind, epoch.epoch, seq
            FROM event JOIN epoch ON epoch.id = event.epoch WHERE event.id > ? ORDER BY event.id"""
        for row, *words in rows(self.database, query, self.last):
            print(*words, file=self.file)
            self.last = row
        self.file.flush()


def rows(database, query, *values):
    """Rows of a database that somebody else writes; none where it cannot be read just now."""
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        print(f"soak: {database} cannot be read: {error}", file=sys.stderr)
        return []


class Hog:
    """Another program's file on the agent's disk, which takes whatever is free as long as it is hungry."""

    def __init__(self, data):
        self.data, self.path, self.hungry = data, data / "somebody-elses-file", False

    def eat(self):
        if not self.hungry:
            return
        with open(self.path, "ab", buffering=0) as file:
            try:
                for size in (1 << 20, 1 << 12):
                    while file.write(bytes(size)) == size:
                        pass
            except OSError:
                # The disk is full: that is what it is for.
                pass

    def fill(self):
        self.hungry = True
        self.eat()

    def leave(self):
        self.hungry = False
        self.path.unlink(missing_ok=True)

    def free_mb(self):
        room = os.statvfs(self.data)
        return room.f_bavail * room.f_frsize / 1e6
