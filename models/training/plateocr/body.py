"""The car's body around a plate: paint, and the bars, edges and lamps of it that are no characters."""

import cv2
import numpy as np

from plateocr.canvas import Textures
from plateocr.dice import Dice

MOST_PARTS = 3


def body(height: int, width: int, textures: Textures, dice: Dice) -> np.ndarray:
    """What is behind a plate that fills most of the picture, float32 [height, width], about 0 to 255."""
    paint = textures.field(height, width, dice) * dice.uniform(10, 120) + dice.one_of((0, 60), (0, 255), (100, 255))
    if dice.chance(0.5):
        for _ in range(dice.whole(1, MOST_PARTS)):
            dice.choice([_bar, _bar, _recess, _lamp])(paint, dice)
    return np.asarray(paint, np.float32)


def _bar(picture: np.ndarray, dice: Dice) -> None:
    """An edge of the recess, a grille's rib, a lamp's frame: upright beside the plate, or level above or below it."""
    height, width = picture.shape
    shade, thick = dice.uniform(0, 255), max(1, int(width * dice.uniform(0.004, 0.035)))
    lean = dice.normal(0.04) * height
    if dice.chance(0.75):
        x = width * dice.one_of((0.0, 0.2), (0.8, 1.0))
        y0, y1 = height * dice.uniform(-0.1, 0.35), height * dice.uniform(0.65, 1.1)
        ends = (int(x - lean), int(y0)), (int(x + lean), int(y1))
    else:
        y = height * dice.one_of((0.0, 0.2), (0.8, 1.0))
        ends = (0, int(y - lean)), (width, int(y + lean))
    cv2.line(picture, *ends, shade, thick)


def _recess(picture: np.ndarray, dice: Dice) -> None:
    """A part of the body that is lighter or darker, beyond an edge."""
    height, width = picture.shape
    step = dice.one_of((-120, -25), (25, 120))
    if dice.chance(0.6):
        edge = int(width * dice.one_of((0.0, 0.18), (0.82, 1.0)))
        area = np.s_[:, :edge] if edge < width / 2 else np.s_[:, edge:]
    else:
        edge = int(height * dice.one_of((0.0, 0.2), (0.8, 1.0)))
        area = np.s_[:edge] if edge < height / 2 else np.s_[edge:]
    picture[area] = np.clip(picture[area] + step, 0, 255)


def _lamp(picture: np.ndarray, dice: Dice) -> None:
    """A lamp, a reflector, a badge: an ellipse at the picture's side, some with a rim."""
    height, width = picture.shape
    middle = int(width * dice.one_of((-0.04, 0.14), (0.86, 1.04))), int(height * dice.uniform(0.05, 0.95))
    axes = int(height * dice.uniform(0.06, 0.3)), int(height * dice.uniform(0.06, 0.4))
    cv2.ellipse(picture, middle, axes, 0, 0, 360, dice.uniform(0, 255), -1)
    if dice.chance(0.5):
        cv2.ellipse(picture, middle, axes, 0, 0, 360, dice.uniform(0, 255), dice.whole(1, 5))
