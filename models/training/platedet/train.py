"""Training: draws in another process, learns in this one, saves what a later run needs to go on."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from platedet import evaluate
from platedet.net import PlateDetector, told
from platedet.scene import Source
from platedet.targets import Batch, batch
from plateocr import learning, loop

BOXES, CORNERS = 1.0, 1.0
# Scenes that the curve is measured on, and the seed they have: no training run has it.
MEASURED, MEASURED_SEED = 200, 99


@dataclass(frozen=True)
class Plan:
    """A run. The learning rate warms up, stays, and falls to nearly 0 over the last `cool` share of `until` samples."""

    folder: Path
    until: int
    batch: int = 32
    rate: float = 1.5e-3
    cool: float = 0.4
    warm: int = 3_000
    ramp: int = 10_000
    every: int = 10_000
    threads: int = 1
    seed: int = 1


@dataclass
class State:
    """All that a later run needs. `seen` counts samples; `curve` has one entry a checkpoint."""

    detector: PlateDetector
    average: PlateDetector
    optimiser: torch.optim.Optimizer
    seen: int = 0
    steps: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)


def difficulty_at(plan: Plan, seen: int) -> float:
    """From clear scenes to the whole range over the first `ramp` samples."""
    return min(1.0, 0.3 + 0.7 * seen / max(1, plan.ramp))


def losses(detector: PlateDetector, drawn: Batch) -> Tensor:
    """The loss of one batch: of scores, boxes and corners."""
    pictures = torch.from_numpy(drawn.pictures).float()[:, None].contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        maps = detector(pictures)
    rows = told([of.float() for of in maps])
    scores, weights = torch.from_numpy(drawn.scores), torch.from_numpy(drawn.weights)
    loss = focal(rows[:, :, 0], scores)
    tells = weights > 0
    if bool(tells.any()):
        weight = weights[tells] / weights[tells].sum()
        box, corners = of_boxes(rows[:, :, 1:][tells], torch.from_numpy(drawn.boxes)[tells])
        loss = loss + (weight * (BOXES * box + CORNERS * corners)).sum()
    return loss


def focal(logits: Tensor, asked: Tensor) -> Tensor:
    """Cross entropy that looks at what is wrong: where 1 is asked, and less the nearer to 1 everywhere else."""
    sure = logits.sigmoid()
    middle = asked >= 1
    right = nn.functional.logsigmoid(logits) * (1 - sure) ** 2
    wrong = nn.functional.logsigmoid(-logits) * sure**2 * (1 - asked.clamp(0, 1)) ** 4
    each = torch.where(middle, right, torch.where(asked < 0, torch.zeros_like(wrong), wrong))
    return -each.sum() / max(1, int(middle.sum()))


def of_boxes(rows: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Of each cell how wrong its box is (1 - IoU, and size and middle by share), and how wrong its corners."""
    size = boxes[:, 2:4]
    low, high = rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2
    true_low, true_high = boxes[:, :2] - size / 2, boxes[:, :2] + size / 2
    shared = (torch.minimum(high, true_high) - torch.maximum(low, true_low)).clamp(min=0).prod(1)
    iou = shared / (rows[:, 2:4].prod(1) + size.prod(1) - shared)
    off = (rows[:, :2] - boxes[:, :2]).abs() / size + (rows[:, 2:4].log() - size.log()).abs()
    corners = ((rows[:, 4:] - boxes[:, 4:]).abs() / size.repeat(1, 4)).mean(1)
    return 1 - iou + 0.5 * off.sum(1), 4 * corners


def step(state: State, plan: Plan, drawn: Batch) -> float:
    """Learns from one batch; returns its loss."""
    for group in state.optimiser.param_groups:
        group["lr"] = learning.rate_at(plan, state.seen)
    state.detector.train()
    loss = losses(state.detector, drawn)
    state.optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(state.detector.parameters(), learning.CLIP)
    state.optimiser.step()
    state.seen += len(drawn.pictures)
    state.steps += 1
    learning.average(state.average, state.detector, state.steps)
    return float(loss.item())


def fresh(plan: Plan, weights: dict[str, Tensor] | None = None) -> State:
    """A new start, from random weights or from given ones."""
    torch.manual_seed(plan.seed)
    detector = PlateDetector().to(memory_format=torch.channels_last)
    if weights is not None:
        detector.load_state_dict(weights)
    return State(detector, copy.deepcopy(detector).eval(), learning.optimiser(detector, plan.rate))


def resume(plan: Plan, checkpoint: Path) -> State:
    """Goes on from a checkpoint of `save`."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = fresh(plan, saved["detector"])
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
            "detector": state.detector.state_dict(),
            "average": state.average.state_dict(),
            "moments": state.optimiser.state_dict()["state"],
            "progress": json.dumps({"seen": state.seen, "steps": state.steps, "curve": state.curve}),
        },
        partial,
    )
    partial.replace(path)


def drawer(plan: Plan, cache: Path, seen: int) -> Callable[[int], Batch]:
    """Draws batches as hard as they are to be after so many scenes."""
    source = Source(cache, plan.seed * 1_000_003 + seen)
    return lambda now: batch(source, plan.batch, difficulty_at(plan, now))


def run(plan: Plan, state: State, cache: Path, held: Path | None) -> State:
    """Trains until `plan.until` scenes were seen (`loop.run`). Saves to `last.pt`, and the curve to `curve.jsonl`."""

    def checkpoint(measured: bool, loss: float) -> None:
        entry: dict[str, Any] = {"seen": state.seen, "loss": round(loss, 4), "rate": learning.rate_at(plan, state.seen)}
        if measured and held is not None:
            scenes = evaluate.scenes(held, MEASURED, MEASURED_SEED)
            entry |= evaluate.measure(evaluate.torch_finder(state.average), scenes).summary()
        loop.note(plan, state, entry)
        save(state, plan.folder / "last.pt")

    drawn = loop.batches(plan, cache, state.seen, drawer)
    loop.run(plan, state, drawn, lambda part: step(state, plan, part), checkpoint)
    return state
