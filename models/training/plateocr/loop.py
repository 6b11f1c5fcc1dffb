"""A run of training: draws in another process, learns in this one, says how far it is, ends when asked."""

import json
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any, Protocol, TypeVar

import torch
from torch import nn

from plateocr import learning
from plateocr.learning import Plan

B = TypeVar("B")
N = TypeVar("N", bound=nn.Module)
# Seconds until somebody looks whether the process that draws still lives.
PATIENCE = 5.0
AHEAD = 8


class Stop:
    """Whether somebody asked this process to end."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        self.asked = True


class Progress(Protocol):
    """A number that two processes share."""

    value: int


# What draws: made in the other process from a plan, a cache of glyphs and the samples seen so far; gives a batch for a
# number of samples seen.
Drawer = Callable[[Any, Path, int], Callable[[int], B]]


def batches(plan: Plan, cache: Path, seen: int, drawer: Drawer[B]) -> Iterator[B]:
    """Batches drawn in another process, ready before they are needed; RuntimeError where that process ended."""
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[B] = context.Queue(AHEAD)
    progress = context.Value("q", seen)
    worker = context.Process(target=_draw, args=(drawer, plan, cache, queue, progress), daemon=True)
    worker.start()
    try:
        while True:
            try:
                drawn = queue.get(timeout=PATIENCE)
            except Empty:
                if worker.is_alive():
                    continue
                raise RuntimeError("the process that draws has ended; what it said is above") from None
            progress.value += plan.batch
            yield drawn
    finally:
        worker.terminate()
        worker.join()


def _draw(drawer: Drawer[B], plan: Plan, cache: Path, queue: "multiprocessing.Queue[B]", progress: Progress) -> None:
    # Ctrl-C reaches both processes: the one that trains ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    draw = drawer(plan, cache, progress.value)
    while True:
        queue.put(draw(progress.value))


def run(
    plan: Plan,
    state: learning.State[N],
    drawn: Iterator[B],
    step: Callable[[B], float],
    measure: Callable[[N], dict[str, Any]],
) -> learning.State[N]:
    """Trains until `plan.until` samples were seen; saves to `last.pt`, and the curve to `curve.jsonl`.

    `step` learns from a batch and gives its loss; `measure` gives what a checkpoint's entry in the curve has besides.
    SIGTERM and Ctrl-C end it after the step it is in, with a checkpoint.
    """
    stop = Stop()
    torch.set_num_threads(plan.threads)
    plan.folder.mkdir(parents=True, exist_ok=True)
    (plan.folder / "train.pid").write_text(f"{os.getpid()}\n", encoding="ascii")
    began, first, sums, count = time.monotonic(), state.seen, 0.0, 0
    told = began
    for part in drawn:
        sums, count = sums + step(part), count + 1
        over = stop.asked or state.seen >= plan.until
        if time.monotonic() - told > 30:
            told = time.monotonic()
            speed = (state.seen - first) / (told - began)
            print(progress_line(state.seen, plan.until, speed, sums / count), flush=True)
        if over or state.seen // plan.every != (state.seen - plan.batch) // plan.every:
            entry = {"seen": state.seen, "loss": round(sums / count, 4), "rate": learning.rate_at(plan, state.seen)}
            # Whoever asks a run to end does not wait for it to be measured.
            _checkpoint(plan, state, entry if stop.asked else entry | measure(state.average))
            sums, count = 0.0, 0
        if over:
            break
    return state


def _checkpoint(plan: Plan, state: learning.State[N], entry: dict[str, Any]) -> None:
    state.curve.append(entry)
    with (plan.folder / "curve.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    print(json.dumps(entry), flush=True)
    learning.save(state, plan.folder / "last.pt")


def progress_line(seen: int, until: int, speed: float, loss: float) -> str:
    """A bar of one line: how far, how fast, how long still."""
    done = min(1.0, seen / until)
    bar = "#" * math.floor(done * 24)
    left = (until - seen) / max(speed, 1e-6) / 60
    return f"[{bar:<24}] {seen}/{until} samples  {speed:.0f}/s  loss {loss:.3f}  {left:.0f} min left"
