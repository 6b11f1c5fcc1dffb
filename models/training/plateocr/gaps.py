"""What stands between the groups of a registration: hyphens, seals, stickers, pictures."""

import cv2
import numpy as np

from plateocr.canvas import paste, resize
from plateocr.dice import Dice


def draw_gap(
    picture: np.ndarray,
    kind: str,
    x: float,
    width: float,
    row: tuple[float, float],
    shade: float,
    words: list[np.ndarray],
    dice: Dice,
) -> None:
    """Draws a gap of `kind` from x to x + width px in the row (its top and bottom, px); `shade` is the ink's."""
    middle, height = x + width / 2, row[1] - row[0]
    match kind:
        case "hyphen":
            top, bottom = row[0] + height * 0.45, row[0] + height * 0.57
            cv2.rectangle(picture, (int(x + width * 0.2), int(top)), (int(x + width * 0.8), int(bottom)), shade, -1)
        case "dot":
            cv2.circle(picture, (int(middle), int(row[0] + height * 0.52)), max(1, int(height * 0.07)), shade, -1)
        case "emblem":
            _seals(picture, middle, width, row[0], height, shade, dice)
        case "sticker":
            _sticker(picture, middle, width, row[0], height, shade, words, dice)
        case "blob":
            _blob(picture, middle, width, row[0], height, shade, dice)


def _seals(
    picture: np.ndarray, middle: float, width: float, top: float, height: float, shade: float, dice: Dice
) -> None:
    count = dice.choice([1, 2, 2, 3])
    places = {1: [dice.uniform(0.4, 0.6)], 2: [dice.uniform(0.2, 0.32), dice.uniform(0.65, 0.8)], 3: [0.2, 0.5, 0.8]}
    half_height = height * {1: dice.uniform(0.12, 0.3), 2: dice.uniform(0.08, 0.19), 3: 0.09}[count]
    half_width = min(max(1.0, width * dice.uniform(0.25, 0.55)), height * dice.uniform(0.08, 0.2))
    for place in places[count]:
        center = int(middle), int(top + height * place)
        axes = max(1, int(half_width)), max(1, int(half_height))
        cv2.ellipse(picture, center, axes, 0, 0, 360, dice.uniform(0, 255), -1)
        if dice.chance(0.6):
            inner = max(1, int(axes[0] * 0.6)), max(1, int(axes[1] * 0.6))
            cv2.ellipse(picture, center, inner, 0, 0, 360, dice.uniform(0, 255), dice.choice([-1, 1]))
        if dice.chance(0.3):
            cv2.ellipse(picture, center, axes, 0, 0, 360, shade, 1)


def _sticker(
    picture: np.ndarray,
    middle: float,
    width: float,
    top: float,
    height: float,
    shade: float,
    words: list[np.ndarray],
    dice: Dice,
) -> None:
    half_width, half_height = width * dice.uniform(0.25, 0.48), height * dice.uniform(0.15, 0.45)
    y = top + height * dice.uniform(0.35, 0.65)
    corners = (int(middle - half_width), int(y - half_height)), (int(middle + half_width), int(y + half_height))
    cv2.rectangle(picture, *corners, dice.uniform(0, 255), -1)
    if dice.chance(0.6):
        cv2.rectangle(picture, *corners, shade, 1)
    for line in range(dice.whole(0, 3)):
        text = resize(dice.choice(words), half_width * dice.uniform(1.0, 2.0), half_height * dice.uniform(0.3, 0.7))
        ink = dice.choice([shade, dice.uniform(0, 255)])
        paste(picture, text, middle - half_width * 0.8, y - half_height + half_height * 0.6 * line, ink)


def _blob(
    picture: np.ndarray, middle: float, width: float, top: float, height: float, shade: float, dice: Dice
) -> None:
    angles = np.sort(dice.array.random(dice.whole(4, 9))) * 2 * np.pi
    radii = dice.array.uniform(0.4, 1.0, len(angles))
    tall = height * dice.uniform(0.2, 0.42)
    outline = np.stack(
        [middle + np.cos(angles) * radii * width * 0.5, top + height * 0.5 + np.sin(angles) * radii * tall], -1
    )
    cv2.fillPoly(picture, [outline.astype(np.int32)], dice.uniform(0, 255))
    if dice.chance(0.4):
        cv2.polylines(picture, [outline.astype(np.int32)], True, shade, 1)
