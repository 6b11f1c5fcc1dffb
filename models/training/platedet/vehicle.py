"""Trucks and motorcycles drawn from polygons, and what every vehicle has: an outline, lamps, a plate or none."""

from dataclasses import dataclass, field

import numpy as np

from platedet.face import Face, fill
from platedet.signs import Pool, Sign
from plateocr.canvas import Textures
from plateocr.dice import Dice


@dataclass
class Drawn:
    """What a vehicle left on the picture.

    outline: float32 [n, 2] px. plate: its corners from the upper left on, float32 [4, 2] px, or None. lamps: x, y and
    radius in px of those that are lit. seen: the share of the plate that nothing covers.
    """

    outline: np.ndarray
    plate: np.ndarray | None = None
    lamps: list[tuple[float, float, float]] = field(default_factory=list)
    seen: float = 1.0

    def hide(self, nearer: np.ndarray) -> None:
        """Something nearer, with that outline, was drawn over it."""
        if self.plate is None:
            return
        low = self.plate.min(0)
        wide, high = np.maximum(np.ceil(self.plate.max(0) - low).astype(int), 1)
        plate, over = np.zeros((high, wide), np.uint8), np.zeros((high, wide), np.uint8)
        fill(plate, self.plate - low, 1)
        fill(over, nearer - low, 1)
        self.seen *= 1.0 - float((plate & over).sum()) / max(1, int(plate.sum()))


class Painter:
    """Draws trucks and motorcycles on a picture."""

    def __init__(self, pool: Pool, textures: Textures, dice: Dice) -> None:
        self.pool = pool
        self.textures = textures
        self.dice = dice

    def truck(self, face: Face, sign: Sign | None, at: tuple[float, float]) -> Drawn:
        """A van's or truck's box: doors, hinges, words, lamps below."""
        dice = self.dice
        wide, high, floor = dice.uniform(0.85, 1.25), dice.uniform(1.7, 3.4), dice.uniform(0.3, 0.6)
        shade, plastic = dice.uniform(0, 255), dice.uniform(10, 80)
        outline = [(-wide, floor), (wide, floor), (wide, high), (-wide, high)]
        for x in (-wide * 0.75, wide * 0.75):
            face.box(x - 0.16, 0, x + 0.16, floor + 0.3, dice.uniform(5, 45))
        face.shaded(outline, shade, dice.uniform(-20, 60), dice.uniform(0, 40), self.textures, dice)
        for x in (0.0, -wide * 0.93, wide * 0.93):
            face.line([(x, floor), (x, high)], dice.uniform(0, 255), 0.02)
        for _ in range(dice.whole(0, 4)):
            y = dice.uniform(floor, high)
            face.line([(-wide, y), (wide, y)], dice.uniform(0, 255), dice.uniform(0.01, 0.06))
        if dice.chance(0.6):
            self._lettering(face, wide, dice.uniform(1.2, max(1.3, high - 0.4)), shade)
        if dice.chance(0.4):
            face.box(-wide * 0.8, high * 0.6, wide * 0.8, high * 0.88, dice.uniform(0, 90))
        face.box(-wide, floor - 0.12, wide, floor + dice.uniform(0.1, 0.4), plastic)
        drawn = Drawn(face.px([(-wide, 0), (wide, 0), (wide, high), (-wide, high)]))
        for side in (-1, 1):
            x, y = side * wide * dice.uniform(0.7, 0.9), floor + dice.uniform(0, 0.25)
            face.box(x - 0.14, y, x + 0.14, y + dice.uniform(0.06, 0.3), dice.uniform(30, 220))
        if sign is not None:
            drawn.plate = put(face, sign, *at, dice)
        return drawn

    def motorcycle(self, face: Face, sign: Sign | None, at: tuple[float, float]) -> Drawn:
        """A motorcycle from behind, mostly with a rider."""
        dice = self.dice
        x, y = at
        tyre = dice.uniform(0.06, 0.11)
        face.oval(x, 0.3, tyre, 0.32, dice.uniform(5, 45))
        for side in (-1, 1):
            face.line([(x, 0.5), (x + side * dice.uniform(0.1, 0.25), 0.25)], dice.uniform(40, 220), 0.05)
        face.oval(x, y + 0.3, dice.uniform(0.14, 0.25), 0.28, dice.uniform(10, 230))
        face.box(x - 0.08, y - 0.2, x + 0.08, y + 0.2, dice.uniform(10, 80))
        lamp_y = y + dice.uniform(0.14, 0.25)
        face.oval(x, lamp_y, dice.uniform(0.05, 0.12), dice.uniform(0.03, 0.06), dice.uniform(60, 240))
        for side in (-1, 1):
            face.oval(x + side * dice.uniform(0.15, 0.25), lamp_y, 0.04, 0.04, dice.uniform(90, 240))
        if dice.chance(0.7):
            back = [(x - 0.22, y + 0.3), (x + 0.22, y + 0.3), (x + 0.27, y + 0.95), (x - 0.27, y + 0.95)]
            face.shaded(back, dice.uniform(10, 230), 30, 60, self.textures, dice)
            face.oval(x, y + 1.1, 0.14, 0.17, dice.uniform(10, 240))
        drawn = Drawn(face.px([(x - 0.3, 0), (x + 0.3, 0), (x + 0.3, y + 1.2), (x - 0.3, y + 1.2)]))
        if sign is not None:
            drawn.plate = put(face, sign, *at, dice)
        return drawn

    def _lettering(self, face: Face, half: float, y: float, shade: float) -> None:
        dice = self.dice
        if dice.chance(0.4):
            board, aspect = self.pool.notice()
            wide = dice.uniform(0.3, 1.2) * half
            face.paste(board, -wide / 2, y, wide / 2, y + wide / aspect)
            return
        for line in range(dice.whole(1, 3)):
            wide, ink = dice.uniform(0.4, 1.6) * half, 255 - shade if dice.chance(0.7) else dice.uniform(0, 255)
            low = y - 0.25 * line
            face.words(dice.choice(self.pool.assets.words), -wide / 2, low, wide / 2, low + 0.2, ink)


def put(face: Face, sign: Sign, x: float, y: float, dice: Dice) -> np.ndarray:
    """Puts a plate with its middle at x, y metres; the corners of the plate itself in px, float32 [4, 2]."""
    x0, y0, x1, y1 = sign.plate
    metre = (x1 - x0) / sign.width
    high, wide = sign.picture.shape
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    left, right = x - middle_x / metre, x + (wide - middle_x) / metre
    top, bottom = y + middle_y / metre, y - (high - middle_y) / metre
    if dice.chance(0.4):
        deep = dice.uniform(0.005, 0.03)
        face.box(left + deep * 0.3, bottom - deep, right + deep * 0.3, top - deep, dice.uniform(0, 60))
    tilted = Face(face.picture, face.to_px @ _turn(x, y, dice.normal(0.012)))
    tilted.paste(sign.picture, left, bottom, right, top)
    half, tall = sign.width / 2, sign.height / 2
    return tilted.px([(x - half, y + tall), (x + half, y + tall), (x + half, y - tall), (x - half, y - tall)])


def _turn(x: float, y: float, angle: float) -> np.ndarray:
    """A turn about x, y, float64 [3, 3]."""
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return np.array([[c, -s, x - c * x + s * y], [s, c, y - s * x - c * y], [0, 0, 1]])
