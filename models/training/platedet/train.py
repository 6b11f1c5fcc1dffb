"""Training: draws in another process, learns in this one, saves what a later run needs to go on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from platedet import evaluate
from platedet.net import PlateDetector, told
from platedet.scene import Source
from platedet.targets import Batch, batch
from plateocr import learning, loop
from plateocr.learning import State

BOXES, CORNERS = 1.0, 1.0
# Scenes that the curve is measured on, and the seed they have: no training run has it.
MEASURED, MEASURED_SEED = 200, 99


@dataclass(frozen=True)
class Plan(learning.Plan):
    """A run of the detector."""

    batch: int = 32
    rate: float = 1.5e-3
    warm: int = 3_000
    ramp: int = 10_000
    every: int = 10_000


def difficulty_at(plan: Plan, seen: int) -> float:
    """From clear scenes to the whole range over the first `ramp` samples."""
    return min(1.0, 0.3 + 0.7 * seen / max(1, plan.ramp))


def losses(detector: PlateDetector, drawn: Batch) -> Tensor:
    """The loss of one batch: of scores, boxes and corners."""
    rows = told(learning.look(detector, drawn.pictures))
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
    """Of each cell how wrong its box is (1 - IoU, and its four sides), and how wrong its corners.

    Sides and corners count in plate heights, along the plate as well: what a reader loses at an end is characters, and
    those are as wide as the plate is high, however long it is.
    """
    size = boxes[:, 2:4]
    low, high = rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2
    true_low, true_high = boxes[:, :2] - size / 2, boxes[:, :2] + size / 2
    shared = (torch.minimum(high, true_high) - torch.maximum(low, true_low)).clamp(min=0).prod(1)
    iou = shared / (rows[:, 2:4].prod(1) + size.prod(1) - shared)
    sides = ((low - true_low).abs() + (high - true_high).abs()).sum(1) / size[:, 1]
    corners = (rows[:, 4:] - boxes[:, 4:]).abs().mean(1) / size[:, 1]
    return 1 - iou + 0.4 * sides, 2 * corners


def step(state: State[PlateDetector], plan: Plan, drawn: Batch) -> float:
    """Learns from one batch; returns its loss."""
    return learning.step(state, plan, len(drawn.pictures), lambda detector: losses(detector, drawn))


def fresh(plan: Plan, weights: dict[str, Tensor] | None = None) -> State[PlateDetector]:
    """A new start, from random weights or from given ones."""
    torch.manual_seed(plan.seed)
    detector = PlateDetector()
    if weights is not None:
        detector.load_state_dict(weights)
    return learning.fresh(detector, plan.rate)


def drawer(plan: Plan, cache: Path, seen: int) -> Callable[[int], Batch]:
    """Draws batches as hard as they are to be after so many scenes."""
    source = Source(cache, plan.seed * 1_000_003 + seen)
    return lambda now: batch(source, plan.batch, difficulty_at(plan, now))


def run(plan: Plan, state: State[PlateDetector], cache: Path, held: Path | None) -> State[PlateDetector]:
    """Trains (`loop.run`); a checkpoint looks at scenes with the fonts of `held`, where there is such a cache."""

    def measure(detector: PlateDetector) -> dict[str, Any]:
        if held is None:
            return {}
        scenes = evaluate.scenes(held, MEASURED, MEASURED_SEED)
        return evaluate.measure(evaluate.torch_finder(detector), scenes).summary()

    drawn = loop.batches(plan, cache, state.seen, drawer)
    return loop.run(plan, state, drawn, lambda part: step(state, plan, part), measure)
