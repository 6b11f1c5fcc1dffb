"""How either network learns: its rate, its optimiser, the average of its weights that is kept, and its checkpoints."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)
EMA_MOST = 0.998
CLIP = 5.0


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself. Where it does not, PyTorch's is ten times slower than f32."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return bool({"avx512_bf16", "amx_bf16"} & set(told.split()))


# How it calculates, and the order of a picture's values in memory that is the faster for it.
BFLOAT16 = has_bfloat16()
MEMORY_FORMAT = torch.channels_last if BFLOAT16 else torch.contiguous_format


@dataclass(frozen=True)
class Plan:
    """A run. The learning rate warms up, stays, and falls to nearly 0 over the last `cool` share of `until` samples.

    folder: where it leaves `last.pt`, `curve.jsonl` and `train.pid`. until: samples, those of earlier runs included.
    batch: samples a step. rate: the highest learning rate, reached after `warm` samples. ramp: samples until they are
    as hard as they get. every: samples between checkpoints. threads: of the learning process.
    """

    folder: Path
    until: int
    batch: int
    rate: float
    warm: int
    ramp: int
    every: int
    cool: float = 0.4
    threads: int = 1
    seed: int = 1


def rate_at(plan: Plan, seen: int) -> float:
    """The learning rate after so many samples."""
    warm = min(1.0, (seen + plan.batch) / max(1, plan.warm))
    left = (plan.until - seen) / max(1.0, plan.cool * plan.until)
    return plan.rate * warm * max(0.01, min(1.0, left))


def optimiser(network: nn.Module, rate: float) -> torch.optim.Optimizer:
    """AdamW; what is no matrix does not decay."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate)


@torch.no_grad()
def average(kept: nn.Module, new: nn.Module, steps: int) -> None:
    """Moves the kept weights towards the new ones: quickly at first."""
    keep = min(EMA_MOST, (1 + steps) / (20 + steps))
    for old, value in zip(kept.state_dict().values(), new.state_dict().values(), strict=True):
        if old.dtype.is_floating_point:
            old.mul_(keep).add_(value, alpha=1 - keep)
        else:
            old.copy_(value)


@dataclass
class State(Generic[N]):
    """All that a later run needs. `seen` counts samples; `curve` has one entry a checkpoint."""

    network: N
    average: N
    optimiser: torch.optim.Optimizer
    seen: int = 0
    steps: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)


def fresh(network: N, rate: float) -> State[N]:
    """A new start from a network's weights as they are."""
    network = network.to(memory_format=MEMORY_FORMAT)
    return State(network, copy.deepcopy(network).eval(), optimiser(network, rate))


def look(network: nn.Module, pictures: np.ndarray) -> list[Tensor]:
    """What a network says of gray pictures, uint8 [n, height, width], in the precision that is fastest here; as f32."""
    given = torch.from_numpy(pictures).float()[:, None].contiguous(memory_format=MEMORY_FORMAT)
    with torch.autocast("cpu", torch.bfloat16, enabled=BFLOAT16):
        return [part.float() for part in network(given)]


def step(state: State[N], plan: Plan, samples: int, loss_of: Callable[[N], Tensor]) -> float:
    """Learns from one batch of so many samples; returns its loss."""
    for group in state.optimiser.param_groups:
        group["lr"] = rate_at(plan, state.seen)
    state.network.train()
    loss = loss_of(state.network)
    state.optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(state.network.parameters(), CLIP)
    state.optimiser.step()
    state.seen += samples
    state.steps += 1
    average(state.average, state.network, state.steps)
    return float(loss.item())


def resume(state: State[N], checkpoint: Path) -> State[N]:
    """Puts a checkpoint of `save` into a new start."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state.network.load_state_dict(saved["network"])
    state.average.load_state_dict(saved["average"])
    state.optimiser.load_state_dict(state.optimiser.state_dict() | {"state": saved["moments"]})
    progress = json.loads(saved["progress"])
    state.seen, state.steps, state.curve = progress["seen"], progress["steps"], progress["curve"]
    return state


def weights(path: Path) -> dict[str, Tensor]:
    """The averaged weights of a checkpoint of `save`, or weights alone as they are kept."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    return saved.get("average", saved)


def save(state: State[N], path: Path) -> None:
    """Writes a checkpoint, whole or not at all: tensors and one text, so that loading one runs no code of its own."""
    partial = path.with_suffix(".part")
    torch.save(
        {
            "network": state.network.state_dict(),
            "average": state.average.state_dict(),
            "moments": state.optimiser.state_dict()["state"],
            "progress": json.dumps({"seen": state.seen, "steps": state.steps, "curve": state.curve}),
        },
        partial,
    )
    partial.replace(path)
