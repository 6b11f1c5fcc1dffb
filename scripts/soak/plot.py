"""Draws a soak: plot.py RUN makes RUN/soak.png of its samples and marks what was done."""

import csv
import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = {
    "camera killed": "#4c78a8",
    "camera held": "#9ecae9",
    "server stopped": "#f2a93b",
    "server killed": "#d9480f",
    "server held": "#ffd8a8",
    "disk full": "#e03131",
    "configuration read anew": "#2b8a3e",
    "other model": "#7048e8",
}


def main(run):
    with open(run / "samples.csv", encoding="utf-8") as file:
        samples = [{key: float(value) if value else None for key, value in row.items()} for row in csv.DictReader(file)]
    marks = json.loads((run / "end.json").read_text(encoding="utf-8"))["marks"]
    minutes = [sample["s"] / 60 for sample in samples]

    def line(axis, key, label=None, scale=1.0):
        axis.plot(minutes, [None if s[key] is None else s[key] * scale for s in samples], label=label or key, lw=1.4)

    def rate(axis, key, label):
        pairs = list(zip(samples, samples[1:]))
        values = [per_second(one, next_, key) for one, next_ in pairs]
        axis.plot(minutes[1:], values, label=label, lw=1.4)

    figure, axes = plt.subplots(7, 1, figsize=(18, 18), sharex=True)
    line(axes[0], "agent_rss_mb", "agent, resident")
    line(axes[0], "agent_peak_mb", "agent, the most so far")
    line(axes[0], "server_rss_mb", "server, resident")
    axes[0].set_ylabel("memory, MB")
    line(axes[1], "agent_fds", "agent")
    line(axes[1], "server_fds", "server")
    axes[1].set_ylabel("open files")
    line(axes[2], "agent_threads", "agent")
    line(axes[2], "server_threads", "server")
    axes[2].set_ylabel("threads")
    rate(axes[3], "agent_cpu_s", "agent, cores")
    rate(axes[3], "server_cpu_s", "server, cores")
    axes[3].set_ylabel("processor")
    rate(axes[6], "looked_at", "looked at, by the models")
    axes[6].set_ylabel("frames a second")
    axes[6].set_xlabel("minutes")
    line(axes[4], "waiting", "waiting")
    line(axes[4], "kept", "delivered and kept")
    line(axes[4], "failed", "could not be written, so far")
    axes[4].set_ylabel("outbox, events")
    line(axes[5], "free_mb", "free on the disk")
    line(axes[5], "outbox_bytes", "outbox and pictures", 1e-6)
    axes[5].set_ylabel("disk, MB")
    for axis in axes:
        axis.set_ylim(bottom=0)
        axis.margins(x=0)
        axis.grid(alpha=0.3)
        axis.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9, frameon=False)
        for mark in marks:
            begin = mark["at"] / 60
            if mark["lasts"]:
                axis.axvspan(begin, begin + mark["lasts"] / 60, color=COLOURS[mark["what"]], alpha=0.22, lw=0)
            else:
                axis.axvline(begin, color=COLOURS[mark["what"]], lw=1, ls="--")
    patches = [plt.Rectangle((0, 0), 1, 1, color=colour, alpha=0.5) for colour in COLOURS.values()]
    figure.legend(patches, COLOURS, loc="upper center", ncol=len(COLOURS), fontsize=9, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.975))
    figure.savefig(run / "soak.png", dpi=90)


def per_second(one, other, key):
    if one[key] is None or other[key] is None or other[key] < one[key]:
        return None
    return (other[key] - one[key]) / (other["s"] - one["s"])


main(pathlib.Path(sys.argv[1]))
