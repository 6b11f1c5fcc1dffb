"""Training: renders in another process, learns in this one, saves what a later run needs to go on."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from plateocr import evaluate, learning, loop
from plateocr.alphabet import spell
from plateocr.net import PlateReader
from plateocr.sample import source
from plateocr.targets import IGNORED, Batch, batch

SMOOTHING = 0.05
SPELLING_WEIGHT = 0.2


@dataclass(frozen=True)
class Plan:
    """A run. The learning rate warms up, stays, and falls to nearly 0 over the last `cool` share of `until` samples."""

    folder: Path
    until: int
    batch: int = 64
    rate: float = 2e-3
    cool: float = 0.4
    warm: int = 6_000
    ramp: int = 60_000
    columns: float = 1.5
    every: int = 20_000
    threads: int = 1
    seed: int = 1


@dataclass
class State:
    """All that a later run needs. `seen` counts samples; `curve` has one entry a checkpoint."""

    reader: PlateReader
    average: PlateReader
    optimiser: torch.optim.Optimizer
    seen: int = 0
    steps: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)


def columns_weight(plan: Plan, seen: int) -> float:
    """How much columns and attention maps are told directly: less and less, nothing from half of the run on."""
    return plan.columns * max(0.0, 1 - seen / (0.5 * plan.until))


def difficulty_at(plan: Plan, seen: int) -> float:
    """From easy pictures to the whole range over the first `ramp` samples."""
    return min(1.0, 0.25 + 0.75 * seen / max(1, plan.ramp))


def losses(reader: PlateReader, drawn: Batch, columns: float) -> Tensor:
    """The loss of one batch: registration, province and its spelling, and `columns` times what columns are asked."""
    pictures = torch.from_numpy(drawn.pictures).float()[:, None].contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        scores = reader(pictures)
    letters, provinces, attention, spelling = (part.float() for part in scores)
    loss = _ctc(letters, drawn.texts)
    loss = loss + 0.6 * _asked(provinces, torch.from_numpy(drawn.provinces), SMOOTHING)
    told = [row for row, province in enumerate(drawn.provinces) if province != IGNORED]
    if told:
        loss = loss + SPELLING_WEIGHT * _ctc(spelling[told], [spell(int(drawn.provinces[row])) for row in told])
    if columns > 0:
        loss = loss + columns * _asked(letters.flatten(0, 1), torch.from_numpy(drawn.columns).flatten())
        loss = loss + 0.2 * columns * _asked(attention.flatten(0, 1), torch.from_numpy(drawn.points).flatten())
    return loss


def _ctc(scores: Tensor, texts: list[list[int]]) -> Tensor:
    """CTC of scores [n, columns, classes]; of each text as much as of any other, however long."""
    lengths = torch.tensor([len(text) for text in texts])
    labels = torch.tensor([value for text in texts for value in text], dtype=torch.long)
    times = torch.full((len(texts),), scores.shape[1])
    return nn.functional.ctc_loss(scores.log_softmax(-1).transpose(0, 1), labels, times, lengths, zero_infinity=True)


def _asked(scores: Tensor, classes: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross entropy over what is asked, 0 where nothing is."""
    if bool((classes == IGNORED).all()):
        return scores.sum() * 0.0
    return nn.functional.cross_entropy(scores, classes, ignore_index=IGNORED, label_smoothing=smoothing)


def step(state: State, plan: Plan, drawn: Batch) -> float:
    """Learns from one batch; returns its loss."""
    for group in state.optimiser.param_groups:
        group["lr"] = learning.rate_at(plan, state.seen)
    state.reader.train()
    loss = losses(state.reader, drawn, columns_weight(plan, state.seen))
    state.optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(state.reader.parameters(), learning.CLIP)
    state.optimiser.step()
    state.seen += len(drawn.texts)
    state.steps += 1
    learning.average(state.average, state.reader, state.steps)
    return float(loss.item())


def fresh(plan: Plan, weights: dict[str, Tensor] | None = None) -> State:
    """A new start, from random weights or from given ones."""
    torch.manual_seed(plan.seed)
    reader = PlateReader().to(memory_format=torch.channels_last)
    if weights is not None:
        # Weights of before the spelling was asked have none for it.
        reader.load_state_dict(reader.state_dict() | weights)
    return State(reader, copy.deepcopy(reader).eval(), learning.optimiser(reader, plan.rate))


def resume(plan: Plan, checkpoint: Path) -> State:
    """Goes on from a checkpoint of `save`."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = fresh(plan, saved["reader"])
    state.average.load_state_dict(saved["average"])
    state.optimiser.load_state_dict(state.optimiser.state_dict() | {"state": saved["moments"]})
    progress = json.loads(saved["progress"])
    state.seen, state.steps, state.curve = progress["seen"], progress["steps"], progress["curve"]
    return state


def save(state: State, path: Path) -> None:
    """Writes a checkpoint, whole or not at all: tensors and one text, so that loading one runs no code of its own."""
    partial = path.with_suffix(".part")
    torch.save(
        {
            "reader": state.reader.state_dict(),
            "average": state.average.state_dict(),
            "moments": state.optimiser.state_dict()["state"],
            "progress": json.dumps({"seen": state.seen, "steps": state.steps, "curve": state.curve}),
        },
        partial,
    )
    partial.replace(path)


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in half precision; `fresh` takes them as well."""
    return {name: value.half() if value.dtype.is_floating_point else value for name, value in weights.items()}


def drawer(plan: Plan, cache: Path, seen: int) -> Callable[[int], Batch]:
    """Draws batches as hard as they are to be after so many samples."""
    drawn_from = source(cache, plan.seed * 1_000_003 + seen)
    return lambda now: batch(drawn_from, plan.batch, difficulty_at(plan, now))


def run(plan: Plan, state: State, cache: Path, held: Path | None) -> State:
    """Trains until `plan.until` samples were seen (`loop.run`). Saves to `last.pt`, and the curve to `curve.jsonl`."""

    def checkpoint(measured: bool, loss: float) -> None:
        entry: dict[str, Any] = {"seen": state.seen, "loss": round(loss, 4), "rate": learning.rate_at(plan, state.seen)}
        if measured and held is not None:
            plates = evaluate.plates_of_all(held, 20, 99)
            entry |= evaluate.read_all(evaluate.torch_reader(state.average), plates).summary()
        loop.note(plan, state, entry)
        save(state, plan.folder / "last.pt")

    drawn = loop.batches(plan, cache, state.seen, drawer)
    loop.run(plan, state, drawn, lambda part: step(state, plan, part), checkpoint)
    return state
