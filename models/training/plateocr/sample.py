"""Samples without end: a layout, a plate, a photograph, its labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plateocr.camera import Shot, shoot
from plateocr.canvas import Textures
from plateocr.dice import Dice
from plateocr.fonts import Assets, load
from plateocr.layout import Layout, load_all
from plateocr.paths import LAYOUTS
from plateocr.plate import Drawer

# Of a province of which less than this is seen nothing is asked.
PROVINCE_SEEN = 0.85


@dataclass(frozen=True)
class Sample:
    """A picture for the recogniser and what is right about it. `province` is None where nobody could tell."""

    shot: Shot
    layout: str
    text: str
    rows: list[int]
    province: int | None

    @property
    def picture(self) -> np.ndarray:
        """The recogniser's input, uint8 [64, 200]."""
        return self.shot.picture


class Source:
    """A stream of samples that a seed decides; with `varied`, of letters that differ from their fonts'."""

    def __init__(self, assets: Assets, layouts: list[Layout], seed: int, varied: bool = True) -> None:
        self.dice = Dice(seed)
        self.textures = Textures()
        self.drawer = Drawer(assets, self.textures, self.dice, varied)
        self.layouts = layouts
        self.shares = [layout.share for layout in layouts]

    def sample(self, difficulty: float = 1.0, layout: Layout | None = None, province: int | None = None) -> Sample:
        """One sample, of a random layout where none is given."""
        layout = layout or self.dice.weighted(self.layouts, self.shares)
        plate = self.drawer.draw(layout, province=province)
        shot = shoot(plate, self.textures, self.dice, difficulty)
        seen = plate.province_points is None or shot.province_seen >= PROVINCE_SEEN
        return Sample(shot, layout.name, plate.text, plate.rows, plate.province if seen else None)

    def samples(self, count: int, difficulty: float = 1.0) -> Iterator[Sample]:
        """So many samples of random layouts."""
        return (self.sample(difficulty) for _ in range(count))

    def pictures(self, count: int, difficulty: float = 1.0) -> np.ndarray:
        """The pictures alone of so many samples, uint8 [count, 64, 200]."""
        return np.stack([sample.picture for sample in self.samples(count, difficulty)])


def source(cache: Path, seed: int, varied: bool = True, layouts: Path = LAYOUTS) -> Source:
    """A source over a cache of glyphs and the layouts of a folder."""
    return Source(load(cache), load_all(layouts), seed, varied)
