"""What a soak has shown: scripts/soak.sh calls it with the folder of the run. Ends with 1 where something is not as it should be."""

import collections
import csv
import json
import pathlib
import re
import statistics
import sys

import parts

# Of the run, from the beginning: what is taken up then stays.
WARM_UP = 1 / 3
# Two rounds of drive.py, in which each camera has had its turn.
CYCLE_S = 600
# Growth in an hour that counts as flat, and from how many minutes on it can be told.
FLAT_PERCENT = 2.0
# Files or threads an hour: one left behind in every round would be 12.
FLAT_COUNT = 6.0
TELLS_FROM_MINUTES = 30


class Verdict:
    def __init__(self):
        self.faults = []

    def say(self, text):
        print(f"      {text}")

    def hold(self, is_so, text):
        print(f"{'ok  ' if is_so else 'FAIL'}  {text}")
        if not is_so:
            self.faults.append(text)


def main(run):
    end = json.loads((run / "end.json").read_text(encoding="utf-8"))
    with open(run / "samples.csv", encoding="utf-8") as file:
        samples = [{key: float(value) if value else None for key, value in row.items()} for row in csv.DictReader(file)]
    verdict = Verdict()
    ends(verdict, end, samples)
    events(verdict, run, end)
    flat(verdict, end["minutes"], samples)
    log(verdict, run)
    print("soak: " + ("held" if not verdict.faults else f"{len(verdict.faults)} faults"))
    return 1 if verdict.faults else 0


def ends(verdict, end, samples):
    stats, marks = end["stats"], collections.Counter(mark["what"] for mark in end["marks"])
    verdict.say(f"{end['minutes']:g} minutes: " + ", ".join(f"{count} × {what}" for what, count in marks.items()))
    if marks["other model"]:
        taken = sum(mark.get("code") == 0 for mark in end["marks"])
        verdict.say(f"of {marks['other model']} other models {taken} were taken (models-use.log)")
    verdict.hold(end["agent_starts"] == 1 and end["agent_code"] == 0, "one process of the agent, which ended well")
    verdict.hold(end["flush_code"] == 0 and stats["pending"] == 0, f"drained: {stats['pending']} wait")
    verdict.hold(stats["quarantined"] == 0, f"{stats['quarantined']} in quarantine")
    told = [sample for sample in samples if sample["looked_at"] is not None]
    verdict.hold(len(told) > 0.9 * len(samples), f"the page answered {len(told)} of {len(samples)} times")
    last = [sample for sample in told if sample["s"] > end["minutes"] * 60 - 15]
    verdict.hold(bool(last) and last[-1]["cameras_up"] == 2, "both cameras give frames at the end")
    lost = marks["camera killed"] + marks["camera held"]
    verdict.hold(told[-1]["reopened"] >= lost, f"cameras were opened anew {told[-1]['reopened']:.0f} times, lost {lost} times")


def stored(database, table):
    query = f"SELECT json_extract(body, '$.event_id'), json_extract(body, '$.epoch'), json_extract(body, '$.seq') FROM {table}"
    return parts.rows(database, query)


def events(verdict, run, end):
    """By number: the outbox numbers what it commits, without a hole. And by id: what the witness saw in the outbox."""
    database = run / "server/lpr-server.db"
    plates, health = stored(database, "detections"), stored(database, "health")
    there = collections.Counter(event for event, _, _ in plates + health)
    twice = [event for event, count in there.items() if count > 1]
    verdict.hold(not twice, f"applied twice {len(twice)}, of {len(there)} at the server ({len(plates)} plates)")

    [(epoch, last)] = parts.rows(run / "outbox.db", "SELECT epoch, last_seq FROM outbox")
    numbers = {seq for _, of, seq in plates + health if of == epoch}
    missing = sorted(set(range(1, last + 1)) - numbers)
    counted = {}
    for kind, reasons in end["stats"]["evicted"].items():
        for reason, count in reasons.items():
            counted[kind, reason] = count
    verdict.say("given up, by the agent's own count: " + (words(counted) or "nothing"))
    given_up = total(counted, lambda kind, reason: kind != "picture" and reason not in ("refused", "overload"))
    gaps = parts.rows(database, "SELECT kind, reason, sum(count) FROM gaps GROUP BY kind, reason")
    verdict.hold(
        {(kind, reason): count for kind, reason, count in gaps} == counted, "the server was told the same counts"
    )
    ranges = parts.rows(database, "SELECT from_seq, to_seq FROM gaps WHERE kind <> 'picture' AND from_seq IS NOT NULL")
    silent = [seq for seq in missing if not any(low <= seq <= high for low, high in ranges)]
    lost = max(len(silent), len(missing) - given_up)
    verdict.hold(lost == 0, f"lost {lost}: {last} committed, {len(missing)} not at the server, {given_up} counted as given up")

    seen = [line.split() for line in (run / "committed").read_text(encoding="utf-8").splitlines()]
    gone = [seq for event, _, of, seq in seen if hyphened(event) not in there and of == epoch]
    verdict.hold(
        set(map(int, gone)) <= set(missing) and all(of == epoch for _, _, of, _ in seen),
        f"of {len(seen)} events seen in the outbox, {len(gone)} are not at the server, and all of them are counted",
    )
    made(verdict, run, len(plates), counted)
    pictures(verdict, database, counted)


def made(verdict, run, plates, counted):
    """Of what the cameras gave, from the agent's last words: an event is committed, or counted as refused or dropped."""
    text = (run / "agent.log").read_text(encoding="utf-8", errors="replace")
    said = re.search(r" events=(\d+) dropped_events=(\d+)", text.rsplit("lpr-agent has stopped", 1)[-1])
    if said is None:
        verdict.hold(False, "the agent said at its end how many events it made")
        return
    events, dropped = map(int, said.groups())
    not_there = total(counted, lambda kind, _: kind == "plate")
    verdict.hold(
        events <= plates + not_there + dropped,
        f"{events} events made: {plates} at the server, {not_there} given up or refused, {dropped} dropped",
    )


def pictures(verdict, database, counted):
    """A full disk takes pictures before it takes events."""
    [(bare,)] = parts.rows(
        database,
        "SELECT count(*) FROM detections WHERE detection_id NOT IN (SELECT detection_id FROM images WHERE name = 'frame')",
    )
    counted = total(counted, lambda kind, _: kind == "picture")
    verdict.hold(bare <= counted, f"{bare} plates at the server without pictures, {counted} counted as without")


def total(counted, wanted):
    return sum(count for (kind, reason), count in counted.items() if wanted(kind, reason))


def words(counted):
    return ", ".join(f"{count} × {kind} ({reason})" for (kind, reason), count in sorted(counted.items()))


def hyphened(event):
    return "-".join((event[:8], event[8:12], event[12:16], event[16:20], event[20:]))


def flat(verdict, minutes, samples):
    """The median of the slopes between all pairs of cycles after the warm-up. Of files and threads by each cycle's median: they come and
    go with the faults, and a single peak does not move it. Of memory by its mean: a cycle spends half of its time with one set of
    models and half with another that takes 35 MB more, and a median jumps between the two."""
    warm = [sample for sample in samples if sample["s"] > minutes * 60 * WARM_UP]
    for name, unit in (("agent_rss_mb", "MB"), ("agent_fds", "files"), ("agent_threads", "threads"), ("server_rss_mb", "MB")):
        points = [(sample["s"], sample[name]) for sample in warm if sample[name] is not None]
        middle = statistics.median(value for _, value in points)
        growth = slope(by_cycle(points, statistics.mean if unit == "MB" else statistics.median)) * 3600
        percent = 100 * growth / middle
        text = f"{name.replace('_', ' ')}: median {middle:.1f}, {growth:+.2f} {unit} an hour ({percent:+.2f} %)"
        # The server is started anew all the time: what it needs, not whether it grows.
        if minutes < TELLS_FROM_MINUTES or name.startswith("server"):
            verdict.say(text)
        else:
            verdict.hold(growth < FLAT_COUNT if unit != "MB" else percent < FLAT_PERCENT, text)
    peak = max(sample["agent_peak_mb"] or 0 for sample in samples)
    verdict.say(f"agent's most resident memory {peak:.0f} MB; server's {max(s['server_peak_mb'] or 0 for s in samples):.0f} MB")
    first, last = warm[0], warm[-1]
    cores = (last["agent_cpu_s"] - first["agent_cpu_s"]) / (last["s"] - first["s"])
    verdict.say(f"agent's processor {cores:.2f} cores, {(last['looked_at'] or 0) / last['s']:.1f} frames a second looked at")


def by_cycle(points, average):
    """The average of each whole cycle of faults, in time and value."""
    cycles = collections.defaultdict(list)
    for second, value in points:
        cycles[int(second // CYCLE_S)].append((second, value))
    whole = [cycle for cycle in cycles.values() if cycle[-1][0] - cycle[0][0] > 0.9 * CYCLE_S]
    return [tuple(map(average, zip(*cycle))) for cycle in whole]


def slope(points):
    slopes = [(y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(points) for x2, y2 in points[i + 1 :]]
    return statistics.median(slopes) if slopes else 0.0


def log(verdict, run):
    """What a person would be shown of it: warnings and errors, by their words."""
    text = (run / "agent.log").read_text(encoding="utf-8", errors="replace")
    lines = re.findall(r"(?m)^.*\b(WARN|ERROR)\b\s+(.*)$", text)
    kinds = collections.Counter((level, re.split(r" \w+=", words)[0]) for level, words in lines)
    verdict.say(f"{text.count(chr(10))} lines of the agent's log, of them warnings and errors {len(lines)}:")
    for (level, kind), count in kinds.most_common(12):
        verdict.say(f"  {count:4} × {level} {kind}")
    verdict.hold("panic" not in text, "no panic")


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
