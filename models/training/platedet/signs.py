"""Plates ready to be put on vehicles, and things that only look like plates: a pool, renewed one by one."""

from dataclasses import dataclass, replace

import numpy as np

from plateocr.canvas import Textures, paste_words
from plateocr.clutter import surround
from plateocr.dice import Dice
from plateocr.fonts import Assets
from plateocr.layout import Layout
from plateocr.plate import Drawer

# Widths in metres by the beginning of a layout's name; the first that fits.
WIDTHS = (
    ("eu-stacked", (0.26, 0.34)),
    ("eu", (0.44, 0.53)),
    ("th-car", (0.33, 0.36)),
    ("th-motorcycle", (0.20, 0.23)),
    ("br-motorcycle", (0.17, 0.21)),
    ("us-motorcycle", (0.17, 0.21)),
    ("us", (0.29, 0.32)),
    ("br", (0.38, 0.42)),
    ("mercosur", (0.38, 0.42)),
    ("in-stacked", (0.26, 0.36)),
    ("in", (0.40, 0.52)),
    ("au", (0.35, 0.39)),
)


@dataclass(frozen=True)
class Sign:
    """A flat picture, uint8, and where on it the plate is: x0, y0, x1, y1 px; `width` of the plate in metres."""

    picture: np.ndarray
    plate: tuple[float, float, float, float]
    width: float
    motorcycle: bool

    @property
    def height(self) -> float:
        """Of the plate, in metres."""
        x0, y0, x1, y1 = self.plate
        return self.width * (y1 - y0) / (x1 - x0)


class Pool:
    """Plates, drawn by the renderer of plateocr."""

    def __init__(
        self, assets: Assets, textures: Textures, layouts: list[Layout], dice: Dice, size: int, varied: bool
    ) -> None:
        self.assets = assets
        self.textures = textures
        self.dice = dice
        self._drawer = Drawer(assets, textures, dice, varied)
        self._layouts = [(replace(layout, surround=0.0), layout.surround) for layout in layouts]
        # A detector needs no country more than another: the shares count for half.
        self._shares = [0.5 * layout.share + 0.5 / len(layouts) for layout in layouts]
        self._size = size
        self._signs: list[Sign] = []

    def take(self) -> Sign:
        """A plate: a new one in the place of an old one now and then, and always while the pool is small."""
        if len(self._signs) < self._size:
            self._signs.append(self._draw())
            return self._signs[-1]
        place = self.dice.whole(0, len(self._signs) - 1)
        if self.dice.chance(0.3):
            self._signs[place] = self._draw()
        return self._signs[place]

    def _draw(self) -> Sign:
        dice = self.dice
        layout, surrounded = dice.weighted(self._layouts, self._shares)
        picture = self._drawer.draw(layout).picture
        height, width = picture.shape
        left = top = 0
        if dice.chance(surrounded):
            picture, (left, top) = surround(picture, self.assets.words, dice)
        metres = next((bounds for name, bounds in WIDTHS if layout.name.startswith(name)), (0.3, 0.5))
        sharp = np.clip(picture, 0, 255).astype(np.uint8)
        return Sign(sharp, (left, top, left + width, top + height), dice.within(metres), "motorcycle" in layout.name)

    def notice(self) -> tuple[np.ndarray, float]:
        """What is no plate: a board with lines of words, uint8, and its width by its height."""
        dice = self.dice
        aspect = dice.one_of((0.7, 1.4), (1.4, 3), (3, 7))
        height = 64
        width = int(height * aspect)
        back = dice.uniform(0, 255)
        picture = np.full((height, width), back, np.float32)
        ink = back + dice.uniform(60, 200) if back < 128 else back - dice.uniform(60, 200)
        lines = dice.whole(1, 2 if aspect > 3 else 5)
        step = height / lines
        for line in range(lines):
            box = (width * dice.uniform(0.03, 0.3), (line + 0.15) * step, width * 0.97, (line + 0.85) * step)
            paste_words(picture, dice.choice(self.assets.words), box, ink, dice)
        return np.clip(picture, 0, 255).astype(np.uint8), aspect
