"""Training: renders in another process, learns in this one, saves what a later run needs to go on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from plateocr import evaluate, learning, loop
from plateocr.alphabet import spell
from plateocr.learning import State
from plateocr.net import PlateReader
from plateocr.sample import source
from plateocr.targets import IGNORED, Batch, batch

SMOOTHING = 0.05
SPELLING_WEIGHT = 0.2


@dataclass(frozen=True)
class Plan(learning.Plan):
    """A run of the reader. columns: the weight of what columns and attention maps are told directly."""

    batch: int = 64
    rate: float = 2e-3
    warm: int = 6_000
    ramp: int = 60_000
    every: int = 20_000
    columns: float = 1.5


def columns_weight(plan: Plan, seen: int) -> float:
    """How much columns and attention maps are told directly: less and less, nothing from half of the run on."""
    return plan.columns * max(0.0, 1 - seen / (0.5 * plan.until))


def difficulty_at(plan: Plan, seen: int) -> float:
    """From easy pictures to the whole range over the first `ramp` samples."""
    return min(1.0, 0.25 + 0.75 * seen / max(1, plan.ramp))


def losses(reader: PlateReader, drawn: Batch, columns: float) -> Tensor:
    """The loss of one batch: registration, province and its spelling, and `columns` times what columns are asked."""
    letters, provinces, attention, spelling = learning.look(reader, drawn.pictures)
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


def step(state: State[PlateReader], plan: Plan, drawn: Batch) -> float:
    """Learns from one batch; returns its loss."""
    columns = columns_weight(plan, state.seen)
    return learning.step(state, plan, len(drawn.texts), lambda reader: losses(reader, drawn, columns))


def fresh(plan: Plan, weights: dict[str, Tensor] | None = None) -> State[PlateReader]:
    """A new start, from random weights or from given ones."""
    torch.manual_seed(plan.seed)
    reader = PlateReader()
    if weights is not None:
        # Weights of before the spelling was asked have none for it.
        reader.load_state_dict(reader.state_dict() | weights)
    return learning.fresh(reader, plan.rate)


def halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in half precision; `fresh` takes them as well."""
    return {name: value.half() if value.dtype.is_floating_point else value for name, value in weights.items()}


def drawer(plan: Plan, cache: Path, seen: int) -> Callable[[int], Batch]:
    """Draws batches as hard as they are to be after so many samples."""
    drawn_from = source(cache, plan.seed * 1_000_003 + seen)
    return lambda now: batch(drawn_from, plan.batch, difficulty_at(plan, now))


def run(plan: Plan, state: State[PlateReader], cache: Path, held: Path | None) -> State[PlateReader]:
    """Trains (`loop.run`); a checkpoint reads plates in the fonts of `held`, where there is such a cache."""

    def measure(reader: PlateReader) -> dict[str, Any]:
        if held is None:
            return {}
        plates = evaluate.plates_of_all(held, 20, 99)
        return evaluate.read_all(evaluate.torch_reader(reader), plates).summary()

    drawn = loop.batches(plan, cache, state.seen, drawer)
    return loop.run(plan, state, drawn, lambda part: step(state, plan, part), measure)
