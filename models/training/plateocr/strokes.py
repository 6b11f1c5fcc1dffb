"""Letters as plates are stamped: skeletons of our own in many widths, pens and roundings, as further Latin fonts."""

import tomllib

import cv2
import numpy as np

from plateocr.dice import Dice
from plateocr.glyph import CAP, Glyph, trim
from plateocr.paths import STROKES

FINE = 4
# How far a font's points stand from those of the list, in letters' widths and heights.
HAND = 0.025
CURVE = np.linspace(0, 1, 7)[:, None]

Way = list[tuple[np.ndarray, list[bool], bool]]


def skeletons() -> dict[str, list[Way]]:
    """Every character's ways: strokes as points float [n, 2], which corners are round, and whether it is closed."""
    table = tomllib.loads(STROKES.read_text(encoding="utf-8"))
    return {
        character: [[_stroke(part) for part in way.split(";")] for way in ways] for character, ways in table.items()
    }


def _stroke(text: str) -> tuple[np.ndarray, list[bool], bool]:
    words = text.split()
    closed = words[-1] == "z"
    points = words[:-1] if closed else words
    places = np.array([[float(number) for number in point.rstrip("*").split(",")] for point in points])
    return places, [point.endswith("*") for point in points], closed


def stroke_font(known: dict[str, list[Way]], dice: Dice) -> dict[str, Glyph]:
    """One font: each character in one of its ways, all with the same pen."""
    width, pen, radius = dice.uniform(0.42, 0.7), dice.uniform(0.09, 0.2), dice.uniform(0.12, 0.6)
    wide = dice.uniform(1.0, 1.3)
    font = {}
    for character, ways in known.items():
        across = width * (wide if character in "MW" else 1.0)
        font[character] = _draw(_by_hand(dice.choice(ways), dice), across, pen, radius)
    return font


def _by_hand(way: Way, dice: Dice) -> Way:
    """The same strokes, with what is not at an edge moved a little, alike where points have a line in common."""
    moved: dict[float, float] = {}

    def place(value: float) -> float:
        if not 0.02 < value < 0.98:
            return value
        return moved.setdefault(value, value + dice.normal(HAND))

    return [(np.vectorize(place, otypes=[float])(points), rounded, closed) for points, rounded, closed in way]


def _draw(way: Way, width: float, pen: float, radius: float) -> Glyph:
    """A glyph CAP px high; width and pen are shares of its height, radius a share of its width."""
    high, pixels = CAP * FINE, max(FINE, round(pen * CAP * FINE))
    inner = np.array([max(width - pen, 0.05) * high, high - pixels])
    canvas = np.zeros((high + 4 * FINE, int(inner[0]) + pixels + 4 * FINE), np.uint8)
    for points, rounded, closed in way:
        line = _rounded(points * inner, rounded, closed, radius * inner[0]) + pixels / 2 + 2 * FINE
        cv2.polylines(canvas, [np.round(line).astype(np.int32)], closed, 255, pixels, cv2.LINE_AA)
    small = cv2.resize(canvas, (canvas.shape[1] // FINE, canvas.shape[0] // FINE), interpolation=cv2.INTER_AREA)
    trimmed = trim(small)
    mask = trimmed[0] if trimmed is not None else small
    return Glyph(mask, -CAP, 0)


def _rounded(points: np.ndarray, rounded: list[bool], closed: bool, radius: float) -> np.ndarray:
    """A polyline with its round corners as curves."""
    count, line = len(points), []
    for place, point in enumerate(points):
        end = not closed and place in (0, count - 1)
        if not rounded[place] or end:
            line.append(point[None])
            continue
        before, after = points[place - 1], points[(place + 1) % count]
        start, stop = _towards(point, before, radius), _towards(point, after, radius)
        line.append((1 - CURVE) ** 2 * start + 2 * CURVE * (1 - CURVE) * point + CURVE**2 * stop)
    return np.concatenate(line)


def _towards(point: np.ndarray, other: np.ndarray, radius: float) -> np.ndarray:
    """The place on the way to another point at which a curve starts; at most half way."""
    length = float(np.hypot(*(other - point)))
    return point + (other - point) * min(0.5, radius / max(length, 1e-6))
