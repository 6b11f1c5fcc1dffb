"""How either network learns: its rate, its optimiser, and the average of its weights that is kept."""

from typing import Protocol

import torch
from torch import nn

EMA_MOST = 0.998
CLIP = 5.0


class Plan(Protocol):
    """What the learning rate depends on."""

    @property
    def until(self) -> int:
        """Samples, those of earlier runs included."""

    @property
    def batch(self) -> int:
        """Samples a step."""

    @property
    def rate(self) -> float:
        """The highest learning rate."""

    @property
    def warm(self) -> int:
        """Samples until it is reached."""

    @property
    def cool(self) -> float:
        """The share of the samples over which it falls."""


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
