"""Runs an agent with two cameras and its server for MINUTES, and disturbs them; scripts/soak.sh calls it.

    drive.py MINUTES RUN BIN MODELS        RUN/data is the agent's small disk
"""

import csv
import json
import pathlib
import random
import shutil
import sys
import time

import parts

FPS = 5
EVERY_S = 5
# Begins again after so many seconds.
ROUND_S = 300
# No disturbance at the end, so that it is seen whether all goes on as before.
CALM_S = 20
# Second of the round, seconds it lasts, what is done.
DISTURBANCES = [
    (25, 25, "camera killed"),
    (60, 20, "server stopped"),
    (90, 0, "configuration read anew"),
    (100, 45, "disk full"),
    (115, 20, "camera held"),
    (155, 0, "other model"),
    (165, 45, "server held"),
    (222, 42, "server killed"),
    (226, 46, "disk full"),
]


def schedule(seconds, seed=7):
    """(when, lasts, what), shaken a little, each wholly within the time."""
    shake, plan = random.Random(seed), []
    for start in range(0, int(seconds), ROUND_S):
        for at, lasts, what in DISTURBANCES:
            begin, lasts = start + at + shake.uniform(-4, 4), lasts * shake.uniform(0.8, 1.0)
            if begin + lasts < seconds - CALM_S:
                plan.append((begin, lasts, what))
    return plan


class Soak:
    def __init__(self, minutes, run, bin, models):
        self.seconds, self.run = minutes * 60, run
        self.agent = parts.Agent(bin, run, models)
        self.server = parts.server(bin, run)
        self.cameras = [
            parts.camera("rtsp", parts.NORTH_PORT, self.clip(7), FPS, run),
            parts.camera("http", parts.SOUTH_PORT, self.clip(11), FPS, run),
        ]
        self.hog = parts.Hog(run / "data")
        self.witness = parts.Witness(run / "data/outbox.db", run / "committed")
        self.swap, self.marks = None, []

    def clip(self, seed):
        """A folder with a minute of frames, rendered by the first soak."""
        spec = f"seed={seed};seconds=60;fps={FPS};vehicles=16"
        folder = self.run.parent / "clips" / spec
        if not folder.exists():
            rendered = self.agent.call("simulate", spec, "--out", str(folder) + ".begun", limit=900)
            if rendered.returncode != 0:
                sys.exit(f"soak: {rendered.stderr}")
            folder.with_name(folder.name + ".begun").rename(folder)
        return folder

    def disturb(self, now, lasts, what):
        """Gives how it is undone."""
        print(f"{now:6.0f} s  {what}" + (f", for {lasts:.0f} s" if lasts else ""), flush=True)
        # The cameras in turns: one is killed, the other is held.
        camera = self.cameras[(self.times(what) + (what == "camera held")) % 2]
        undo = {
            "camera killed": (camera.kill, camera.start),
            "camera held": (camera.hold, camera.let_go),
            "server stopped": (self.server.stop, self.server.start),
            "server killed": (self.server.kill, self.server.start),
            "server held": (self.server.hold, self.server.let_go),
            "disk full": (self.hog.fill, self.hog.leave),
            "configuration read anew": (self.read_anew, None),
            "other model": (self.other_model, None),
        }
        do, back = undo[what]
        if do() is not False:
            self.marks.append({"at": now, "lasts": lasts, "what": what})
        return back

    def times(self, what):
        return sum(mark["what"] == what for mark in self.marks)

    def read_anew(self):
        self.agent.change("min_text_confidence", 0.6 if self.times("configuration read anew") % 2 else 0.62)

    def other_model(self):
        """On trial beside the disturbances that follow; False where there is nothing to do."""
        if self.agent.call("models", "use", "--help").returncode != 0:
            print("          left out: this lpr-agent has no `models use`", flush=True)
            return False
        if self.swap is not None:
            print("          left out: the last one is still being tried", flush=True)
            return False
        taken = sum(mark.get("code") == 0 for mark in self.marks)
        self.swap = self.agent.use(("cct-xs-v2", "ppocr-v6")[taken % 2], trial_s=20, probation_s=30)
        self.swap.start()

    def look_after_swap(self, now):
        if self.swap is not None and not self.swap.lives():
            mark = [mark for mark in self.marks if mark["what"] == "other model"][-1]
            mark |= {"lasts": now - mark["at"], "code": self.swap.child.returncode}
            print(f"{now:6.0f} s  other model: ended with {mark['code']}", flush=True)
            self.swap = None

    # The run.

    def start(self):
        for part in (*self.cameras, self.server, self.agent):
            part.start()
        until = time.monotonic() + 120
        while not self.agent.metrics():
            if not self.agent.lives() or time.monotonic() > until:
                sys.exit(f"soak: the agent did not start; {self.agent.log} says why")
            time.sleep(0.2)

    def go(self):
        begun = time.monotonic()
        plan, undo, next_sample = schedule(self.seconds), [], 0
        with open(self.run / "samples.csv", "w", newline="", encoding="utf-8") as file:
            table = None
            while (now := time.monotonic() - begun) < self.seconds:
                for due in [due for due in undo if due[0] <= now]:
                    undo.remove(due)
                    due[1]()
                while plan and plan[0][0] <= now:
                    _, lasts, what = plan.pop(0)
                    if back := self.disturb(now, lasts, what):
                        undo.append((now + lasts, back))
                self.hog.eat()
                self.look_after_swap(now)
                if now >= next_sample:
                    next_sample = now + EVERY_S
                    sample = self.sample(now)
                    if table is None:
                        table = csv.DictWriter(file, sample)
                        table.writeheader()
                    table.writerow(sample)
                    file.flush()
                    if not self.agent.lives():
                        sys.exit("soak: the agent has ended")
                time.sleep(0.25)

    def sample(self, now):
        self.witness.look()
        sample = {"s": round(now, 1)}
        for name, process in (("agent", self.agent), ("server", self.server)):
            figures = process.figures() or {}
            for key in ("rss_mb", "peak_mb", "fds", "threads", "cpu_s"):
                sample[f"{name}_{key}"] = figures.get(key, "")
        told = self.agent.metrics()
        for column, key in {
            "cameras_up": "camera_up",
            "looked_at": "frames_total",
            "reopened": "camera_reopened_total",
            "events": "events_total",
            "dropped": "events_dropped_total",
            "waiting": "outbox_rows:waiting",
            "kept": "outbox_rows:kept",
            "quarantined": "outbox_rows:quarantined",
            "outbox_bytes": "outbox_bytes",
            "failed": "outbox_failed_total",
            "delivered": "delivered_total",
            "duplicates": "duplicates_total",
            "written_bytes": "written_bytes_total",
            "rebuilds": "rebuilds_total",
        }.items():
            sample[column] = told.get("lpr_agent_" + key, "")
        sample["free_mb"] = round(self.hog.free_mb(), 2)
        return sample

    def end(self):
        """The agent stops as systemd stops it; what waits then is delivered."""
        self.witness.look()
        if self.swap is not None:
            self.swap.kill()
        agent_code = self.agent.stop()
        flush = self.agent.call("outbox", "flush", "--config", str(self.agent.config), limit=300)
        stats = self.agent.call("outbox", "stats", "--json", "--config", str(self.agent.config))
        for camera in self.cameras:
            camera.kill()
        self.server.stop()
        for file in (self.run / "data").glob("outbox.db*"):
            shutil.copy(file, self.run)
        return {
            "minutes": self.seconds / 60,
            "agent_code": agent_code,
            "agent_starts": self.agent.starts,
            "flush_code": flush.returncode,
            "flush": (flush.stdout + flush.stderr).strip(),
            "stats": json.loads(stats.stdout),
            "marks": self.marks,
        }


def main():
    minutes, (run, bin, models) = float(sys.argv[1]), map(pathlib.Path, sys.argv[2:])
    soak = Soak(minutes, run, bin, models)
    soak.start()
    soak.go()
    (run / "end.json").write_text(json.dumps(soak.end(), indent=1), encoding="utf-8")


main()
