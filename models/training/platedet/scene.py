"""Scenes without end: a crop of a frame as the detector is given it, and where the plates on it are."""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from platedet.backdrop import backdrop
from platedet.car import CarPainter
from platedet.face import Face
from platedet.optics import photograph
from platedet.signs import Pool
from platedet.vehicle import Drawn, Painter
from plateocr.canvas import Textures
from plateocr.dice import Dice
from plateocr.fonts import load
from plateocr.layout import load_all

SIDE = 192
# The side of a scene with plates that fill most of a frame.
WIDE_SIDE = 384
# Scenes are drawn in this size and reduced.
DRAWN = 384
# Widths of plates, px, by a scene's side.
SMALLEST = 9.0
LARGEST = {SIDE: 175.0, WIDE_SIDE: 350.0}
# Of a plate of which less than this is seen nothing is asked; of one with less than HIDDEN it is denied.
SEEN, HIDDEN = 0.8, 0.3
# Least deviation of a plate's shades about which something is asked.
FAINTEST = 9.0


@dataclass(frozen=True)
class Scene:
    """A picture, uint8 [side, side], and its plates.

    plates: corners from the upper left one on, float32 [n, 4, 2] px. unsure: boxes about which nothing is asked,
    float32 [m, 4], x0, y0, x1, y1 px.
    """

    picture: np.ndarray
    plates: np.ndarray
    unsure: np.ndarray


@dataclass
class Place:
    """Where a vehicle stands: px a metre, and the picture's px of its plate's middle."""

    scale: float
    x: float
    y: float


class Source:
    """A stream of scenes that a seed decides, from a pool of so many plates; their letters differ from their fonts'."""

    def __init__(self, cache: Path, seed: int, pool: int = 160, varied: bool = True) -> None:
        self.dice = Dice(seed)
        self.textures = Textures()
        self.pool = Pool(load(cache), self.textures, load_all(), self.dice, pool, varied)
        self.cars = CarPainter(self.pool, self.textures, self.dice)
        self.others = Painter(self.pool, self.textures, self.dice)

    def scene(self, difficulty: float = 1.0, seen_side: int = SIDE) -> Scene:
        """One scene; difficulty 0 is clear and straight, 1 the whole range."""
        dice, side, finer = self.dice, DRAWN, DRAWN / seen_side
        wanted = math.exp(dice.uniform(math.log(SMALLEST), math.log(LARGEST[seen_side])))
        # More of what cameras at a road see: plates of 20 to 80 px.
        if dice.chance(0.4):
            wanted = dice.uniform(18, 80) if seen_side == SIDE else dice.uniform(80, LARGEST[seen_side])
        first = Place(wanted * finer / 0.36, dice.uniform(0.05, 0.95) * side, dice.uniform(0.08, 0.95) * side)
        horizon = first.y - first.scale * dice.uniform(-0.2, 2.0)
        picture = backdrop(side, horizon, self.pool, self.textures, dice)
        drawn: list[Drawn] = []
        for place in sorted(self._others(first, horizon, side), key=lambda other: other.scale):
            self._vehicle(picture, place, drawn, difficulty)
        if not dice.chance(0.06):
            self._vehicle(picture, first, drawn, difficulty)
        if dice.chance(0.12):
            self._overlay(picture)
        plates, unsure = _labels(drawn, picture.shape, finer)
        lamps = [(x / finer, y / finer, radius / finer) for one in drawn for x, y, radius in one.lamps]
        seen = photograph(picture, seen_side, lamps, self.textures, dice, difficulty)
        return _legible(Scene(seen, plates, unsure))

    def _others(self, first: Place, horizon: float, side: int) -> list[Place]:
        """Further vehicles, smaller towards the horizon."""
        dice = self.dice
        places = []
        for _ in range(dice.weighted([0, 1, 2, 4], [0.4, 0.3, 0.2, 0.1])):
            share = dice.uniform(0.25, 1.0)
            y = horizon + (first.y - horizon) * share + dice.normal(0.01) * side
            places.append(Place(first.scale * share, dice.uniform(-0.2, 1.2) * side, y))
        return places

    def _vehicle(self, picture: np.ndarray, place: Place, drawn: list[Drawn], difficulty: float) -> None:
        dice = self.dice
        kind = dice.weighted(["car", "truck", "motorcycle", "side"], [0.74, 0.12, 0.09, 0.05])
        sign = None if dice.chance(0.12) else self.pool.take()
        if sign is not None and sign.motorcycle and dice.chance(0.8):
            kind = "motorcycle"
        behind = dice.chance(0.6)
        at = self._seat(kind, behind)
        face = Face(picture, self._pose(place, at, difficulty))
        match kind:
            case "car":
                one = self.cars.car(face, sign, at, behind)
            case "truck":
                one = self.others.truck(face, sign, at)
            case "motorcycle":
                one = self.others.motorcycle(face, sign, at)
            case _:
                one = self.cars.side(face)
        for other in drawn:
            other.hide(one.outline)
        drawn.append(one)

    def _seat(self, kind: str, behind: bool) -> tuple[float, float]:
        """Where on the vehicle its plate is, metres."""
        dice = self.dice
        if kind == "motorcycle":
            return 0.0, dice.uniform(0.5, 0.8)
        if kind == "truck":
            return (dice.uniform(-0.7, 0.7) if dice.chance(0.5) else 0.0), dice.uniform(0.4, 1.0)
        x = dice.normal(0.02) if dice.chance(0.85) else dice.uniform(-0.5, 0.5)
        if not behind:
            return x, dice.uniform(0.33, 0.62)
        return x, dice.one_of((0.4, 0.62), (0.7, 0.95))

    def _pose(self, place: Place, at: tuple[float, float], difficulty: float) -> np.ndarray:
        """From metres on the vehicle's face to px: turned, nearer on one side, tilted; float64 [3, 3]."""
        dice = self.dice
        turn = dice.normal(24) * difficulty * (1.0 if dice.chance(0.5) else 0.3)
        yaw = math.radians(max(-60.0, min(60.0, turn)))
        roll, slope = math.radians(dice.normal(2.5) * difficulty), math.sin(yaw) * dice.uniform(-0.05, 0.25)
        depth = math.sin(yaw) * dice.uniform(0.0, 0.12)
        corners = []
        for x, y in ((-1.0, 0.0), (1.0, 0.0), (1.0, 2.0), (-1.0, 2.0)):
            dx, dy = (x - at[0]) * math.cos(yaw), -(y - at[1]) + slope * (x - at[0])
            nearer = 1.0 + depth * x
            turned_x, turned_y = dx * math.cos(roll) - dy * math.sin(roll), dx * math.sin(roll) + dy * math.cos(roll)
            corners.append((place.x + turned_x * nearer * place.scale, place.y + turned_y * nearer * place.scale))
        metres = np.array([[-1, 0], [1, 0], [1, 2], [-1, 2]], np.float32)
        return cv2.getPerspectiveTransform(metres, np.array(corners, np.float32))

    def _overlay(self, picture: np.ndarray) -> None:
        """A line of text that a recorder writes into the picture."""
        dice, side = self.dice, picture.shape[0]
        words, wide = dice.choice(self.pool.assets.words), dice.uniform(0.15, 0.5) * side
        x, y = dice.uniform(0, 0.6) * side, dice.choice([0.02, 0.93]) * side
        flat = Face(picture, np.eye(3))
        flat.words(words[::-1], x, y, x + wide, y + wide * 0.12, dice.choice([0, 255]))


def _labels(drawn: list[Drawn], shape: tuple[int, ...], finer: float) -> tuple[np.ndarray, np.ndarray]:
    """The plates that can be asked for, and boxes of the others, in px of the reduced picture."""
    plates, unsure = [], []
    for one in drawn:
        if one.plate is None:
            continue
        seen = one.seen * _inside(one.plate, shape)
        quad = one.plate / finer
        wide = float(np.ptp(quad[:, 0]))
        if seen < HIDDEN:
            continue
        if seen < SEEN or wide < SMALLEST:
            unsure.append([*quad.min(0), *quad.max(0)])
        else:
            plates.append(quad)
    return (
        np.array(plates, np.float32).reshape(-1, 4, 2),
        np.array(unsure, np.float32).reshape(-1, 4),
    )


def _legible(scene: Scene) -> Scene:
    """Nothing is asked about plates that light and lens left no contrast."""
    boxes = np.concatenate([scene.plates.min(1), scene.plates.max(1)], 1) if len(scene.plates) else scene.unsure[:0]
    clear = []
    for box in boxes:
        x0, y0, x1, y1 = np.clip(np.round(box), 0, len(scene.picture)).astype(int)
        clear.append(x1 > x0 and y1 > y0 and float(scene.picture[y0:y1, x0:x1].std()) >= FAINTEST)
    sure = np.array(clear, bool)
    return Scene(scene.picture, scene.plates[sure], np.concatenate([scene.unsure, boxes[~sure]]))


def _inside(quad: np.ndarray, shape: tuple[int, ...]) -> float:
    """The share of a plate's box that is in the picture."""
    (x0, y0), (x1, y1) = quad.min(0), quad.max(0)
    height, width = shape
    seen = max(0.0, min(width, x1) - max(0, x0)) * max(0.0, min(height, y1) - max(0, y0))
    return float(seen / max(1e-6, (x1 - x0) * (y1 - y0)))
