"""Seeded randomness: one generator a process, so that a seed gives the same plates again."""

import random
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Range = tuple[float, float]


class Dice:
    """Draws for the renderer."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.array = np.random.default_rng(seed)

    def uniform(self, low: float, high: float) -> float:
        """A number between two."""
        return self._random.uniform(low, high)

    def within(self, bounds: Range) -> float:
        """A number of a range."""
        return self._random.uniform(*bounds)

    def normal(self, sigma: float = 1.0) -> float:
        """A normally distributed number around 0."""
        return self._random.gauss(0.0, sigma)

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return self._random.randint(low, high)

    def chance(self, probability: float) -> bool:
        """True so often."""
        return self._random.random() < probability

    def choice(self, items: Sequence[T]) -> T:
        """One of equals."""
        return self._random.choice(items)

    def weighted(self, items: Sequence[T], weights: Sequence[float]) -> T:
        """One of several, each as likely as its weight."""
        return self._random.choices(items, weights)[0]

    def one_of(self, *bounds: Range) -> float:
        """A number from one of several ranges, each as likely as the others."""
        return self.within(self.choice(bounds))
