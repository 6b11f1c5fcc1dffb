"""Drawing on gray pictures: float32 [height, width], 0 (black) to 255 (white), changed in place."""

import cv2
import numpy as np

from plateocr.dice import Dice

cv2.setNumThreads(1)

POOL = 200
POOL_SIZE = (160, 400)


def resize(mask: np.ndarray, width: float, height: float) -> np.ndarray:
    """A mask in another size, at least 1 x 1 px."""
    size = max(1, round(width)), max(1, round(height))
    smaller = height < mask.shape[0]
    return cv2.resize(mask, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def paste(picture: np.ndarray, mask: np.ndarray, x: float, y: float, shade: float) -> None:
    """Paints `shade` through a mask (uint8, 255 covers) with its upper left corner at x, y px, where inside."""
    left, top = round(x), round(y)
    height, width = mask.shape
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(picture.shape[1], left + width), min(picture.shape[0], top + height)
    if x1 <= x0 or y1 <= y0:
        return
    cover = mask[y0 - top : y1 - top, x0 - left : x1 - left] * (1 / 255.0)
    region = picture[y0:y1, x0:x1]
    region += (shade - region) * cover


def paste_words(
    picture: np.ndarray, words: np.ndarray, box: tuple[float, float, float, float], shade: float, dice: Dice
) -> None:
    """Words as high as the box (x0, y0, x1, y1 px), somewhere near its middle, stretched a little."""
    x0, y0, x1, y1 = box
    height = y1 - y0
    if height < 2 or x1 - x0 < 2:
        return
    width = min(words.shape[1] * height / words.shape[0] * dice.uniform(0.8, 1.25), x1 - x0)
    offset = dice.uniform(-0.1, 0.1) * max(0.0, x1 - x0 - width)
    paste(picture, resize(words, width, height), (x0 + x1 - width) / 2 + offset, y0, shade)


class Textures:
    """A pool of uneven fields (light, dirt, pictures), made once a process; values around 0, mostly within -1 to 1."""

    def __init__(self, seed: int = 7) -> None:
        draw = np.random.default_rng(seed)
        self._fields = [_field(draw) for _ in range(POOL)]
        self._noise = [draw.standard_normal((104, 320), np.float32) for _ in range(24)]

    def field(self, height: int, width: int, dice: Dice) -> np.ndarray:
        """A random part of one field, float32 [height, width]."""
        field = dice.choice(self._fields)
        y, x = dice.whole(0, 40), dice.whole(0, 100)
        part = field[y : y + dice.whole(60, 120), x : x + dice.whole(100, 300)]
        return cv2.resize(part[:, ::-1] if dice.chance(0.5) else part, (width, height))

    def noise(self, height: int, width: int, dice: Dice) -> np.ndarray:
        """Noise of one pixel's grain or a little more, sigma 1, float32 [height, width]."""
        return cv2.resize(dice.choice(self._noise), (width, height), interpolation=cv2.INTER_NEAREST)


def _field(draw: np.random.Generator) -> np.ndarray:
    height, width = POOL_SIZE
    field = np.zeros(POOL_SIZE, np.float32)
    for cells in (3, 6, 12, 40):
        coarse = draw.random((cells, cells * 2), np.float32) - 0.5
        weight = draw.random() * (1.0 if cells < 20 else 0.5)
        field += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * weight
    for _ in range(draw.integers(0, 7)):
        _shape(field, draw)
    if draw.random() < 0.6:
        field = cv2.GaussianBlur(field, (0, 0), 1 + draw.random() * 6)
    return field


def _shape(field: np.ndarray, draw: np.random.Generator) -> None:
    height, width = field.shape
    value = float((draw.random() - 0.5) * 1.5)

    def point() -> tuple[int, int]:
        return int(draw.integers(width)), int(draw.integers(height))

    match draw.integers(4):
        case 0:
            cv2.rectangle(field, point(), point(), value, -1)
        case 1:
            cv2.circle(field, point(), int(draw.integers(5, 90)), value, -1)
        case 2:
            corners = draw.integers(0, width, (int(draw.integers(3, 7)), 2)).astype(np.int32)
            cv2.fillPoly(field, [corners], value)
        case _:
            cv2.line(field, point(), point(), value, int(draw.integers(1, 14)))
