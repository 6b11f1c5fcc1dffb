"""Light and weather on a picture: unevenness, shadow, glare, night, dirt, little contrast."""

import cv2
import numpy as np

from plateocr.canvas import Textures
from plateocr.dice import Dice


def weather(picture: np.ndarray, textures: Textures, dice: Dice, difficulty: float) -> np.ndarray:
    """A picture, float32 [height, width] 0 to 255, in some light; the same shape."""
    height, width = picture.shape
    if dice.chance(0.35):
        picture = picture * (1 + textures.field(height, width, dice) * dice.uniform(0.1, 0.5))
    if dice.chance(0.15):
        picture = picture * (1 - _shadow(height, width, dice))
    if dice.chance(0.10):
        picture = picture + _glare(height, width, dice)
    if dice.chance(0.08 * difficulty):
        picture = _dirt(picture, dice)
    picture = np.clip(picture, 0, 255)
    if dice.chance(0.6):
        picture = 255 * (picture / 255) ** dice.uniform(0.6, 1.5)
    kind = dice.uniform(0, 1)
    if kind < 0.09 * difficulty:
        return picture * dice.uniform(0.12, 0.45) + dice.uniform(0, 20)
    if kind < 0.5:
        contrast = dice.uniform(0.35, 1.0)
        return (picture - 128) * contrast + 128 + dice.uniform(-1, 1) * (1 - contrast) * 110
    return picture


def _shadow(height: int, width: int, dice: Dice) -> np.ndarray:
    """An edge of shade across the plate, 0 to .6."""
    area = np.zeros((height, width), np.float32)
    corners = dice.array.integers(-40, [width + 40, height + 40], (4, 2)).astype(np.int32)
    cv2.fillPoly(area, [corners], 1.0)
    return cv2.GaussianBlur(area, (0, 0), dice.uniform(0.6, 6)) * dice.uniform(0.2, 0.6)


def _glare(height: int, width: int, dice: Dice) -> np.ndarray:
    """A reflection of a lamp or the sun."""
    area = np.zeros((height, width), np.float32)
    axes = (dice.whole(8, 60), dice.whole(5, 30))
    cv2.ellipse(area, (dice.whole(0, width), dice.whole(0, height)), axes, dice.uniform(0, 180), 0, 360, 1.0, -1)
    return cv2.GaussianBlur(area, (0, 0), dice.uniform(4, 15)) * dice.uniform(40, 220)


def _dirt(picture: np.ndarray, dice: Dice) -> np.ndarray:
    """Splashes of one shade, half transparent."""
    height, width = picture.shape
    cover = np.zeros((height, width), np.float32)
    for _ in range(dice.whole(2, 14)):
        cv2.circle(cover, (dice.whole(0, width), dice.whole(0, height)), dice.whole(1, 9), dice.uniform(0.2, 0.8), -1)
    cover = cv2.GaussianBlur(cover, (0, 0), dice.uniform(0.6, 3))
    return picture * (1 - cover) + dice.uniform(30, 170) * cover
