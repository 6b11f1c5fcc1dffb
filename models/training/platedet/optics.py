"""Light, lens, sensor and codec: from a drawn scene to what a camera gives."""

import math

import cv2
import numpy as np

from plateocr.canvas import Textures
from plateocr.dice import Dice
from plateocr.light import weather


def photograph(
    drawn: np.ndarray,
    side: int,
    lamps: list[tuple[float, float, float]],
    textures: Textures,
    dice: Dice,
    difficulty: float,
) -> np.ndarray:
    """A scene, uint8, as large or larger, as a camera sees it, uint8 [side, side]; lamps are x, y, radius in its px."""
    if side == len(drawn) or dice.chance(0.6):
        drawn = cv2.GaussianBlur(drawn, (0, 0), dice.uniform(0.5, 1.6))
    picture = cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    night = dice.chance(0.08 * difficulty)
    if night:
        picture = picture * dice.uniform(0.15, 0.6)
    for x, y, radius in lamps:
        _glow(picture, x, y, radius, dice.uniform(60, 400 if night else 200))
    picture = weather(picture, textures, dice, 0.6 * difficulty)
    picture = _lens(picture, dice, difficulty)
    if dice.chance(0.7):
        noise = dice.array.standard_normal(picture.shape, np.float32)
        picture = picture + noise * (abs(dice.normal(4)) * difficulty)
    sensed = np.clip(picture, 0, 255).astype(np.uint8)
    if dice.chance(0.75):
        quality = int(dice.uniform(30, 95))
        _, coded = cv2.imencode(".jpg", sensed, [cv2.IMWRITE_JPEG_QUALITY, quality])
        sensed = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    return sensed


def _glow(picture: np.ndarray, x: float, y: float, radius: float, light: float) -> None:
    """A lamp's light, added around it."""
    reach = 2.5 * radius
    height, width = picture.shape
    x0, y0 = max(0, int(x - reach)), max(0, int(y - reach))
    x1, y1 = min(width, int(x + reach)), min(height, int(y + reach))
    if x1 <= x0 or y1 <= y0:
        return
    dx = (np.arange(x0, x1, dtype=np.float32) - x) / radius
    dy = (np.arange(y0, y1, dtype=np.float32) - y) / radius
    picture[y0:y1, x0:x1] += light * np.exp(-(dx[None] ** 2 + dy[:, None] ** 2) * 1.5)


def _lens(picture: np.ndarray, dice: Dice, difficulty: float) -> np.ndarray:
    """Out of focus, moved, enlarged from few pixels, sharpened."""
    height, width = picture.shape
    if dice.chance(0.45 * difficulty):
        sigma = abs(dice.normal(0.9))
        if sigma > 0.25:
            picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    if dice.chance(0.08 * difficulty):
        picture = _moved(picture, dice)
    if dice.chance(0.2 * difficulty):
        share = dice.uniform(0.5, 0.9)
        few = cv2.resize(picture, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
        picture = cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR)
    if dice.chance(0.3):
        picture = picture + (picture - cv2.GaussianBlur(picture, (0, 0), 1.0)) * dice.uniform(0.3, 1.5)
    return picture


def _moved(picture: np.ndarray, dice: Dice) -> np.ndarray:
    length, angle = dice.whole(3, 9), dice.normal(0.5)
    middle = (length - 1) / 2
    dx, dy = middle * math.cos(angle), middle * math.sin(angle)
    kernel = np.zeros((length, length), np.float32)
    cv2.line(kernel, (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy)), 1.0, 1)
    return cv2.filter2D(picture, -1, kernel / kernel.sum())
