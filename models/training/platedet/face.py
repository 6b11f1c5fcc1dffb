"""Drawing on an upright face that a camera sees at an angle: in metres from its foot, x to the right and y up."""

from collections.abc import Sequence

import cv2
import numpy as np

from plateocr.canvas import Textures
from plateocr.dice import Dice

Points = Sequence[tuple[float, float]]
# Fractions of a pixel that OpenCV draws with.
SHIFT = 4


class Face:
    """A face on a picture, uint8 [height, width]; `to_px` is float64 [3, 3], from metres to the picture's px.

    scale: px of a metre at its foot.
    """

    def __init__(self, picture: np.ndarray, to_px: np.ndarray) -> None:
        self.picture = picture
        self.to_px = to_px
        left, right = self.px([(-0.5, 0.5), (0.5, 0.5)])
        self.scale = float(np.linalg.norm(right - left))

    def px(self, points: Points) -> np.ndarray:
        """Metres to px, float32 [n, 2]."""
        x, y, w = self.to_px[:, :2] @ np.asarray(points, np.float64).T + self.to_px[:, 2:]
        return np.stack([x / w, y / w], 1).astype(np.float32)

    def fill(self, points: Points, shade: float) -> None:
        """A polygon of one shade."""
        fill(self.picture, self.px(points), shade)

    def shaded(self, points: Points, shade: float, slope: float, rough: float, textures: Textures, dice: Dice) -> None:
        """A polygon lighter by `slope` above than below, uneven by `rough`."""
        shaded(self.picture, self.px(points), shade, slope, rough, textures, dice)

    def box(self, x0: float, y0: float, x1: float, y1: float, shade: float) -> None:
        """A rectangle."""
        self.fill([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], shade)

    def oval(self, x: float, y: float, rx: float, ry: float, shade: float) -> None:
        """An ellipse."""
        turns = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        self.fill([(x + rx * float(np.cos(t)), y + ry * float(np.sin(t))) for t in turns], shade)

    def line(self, points: Points, shade: float, thick: float) -> None:
        """A line, `thick` metres but at least one pixel."""
        drawn = np.round(self.px(points) * (1 << SHIFT)).astype(np.int32)
        width = min(60, max(1, round(thick * self.scale)))
        cv2.polylines(self.picture, [drawn], False, shade, width, cv2.LINE_8, SHIFT)

    def paste(self, flat: np.ndarray, x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
        """A flat picture stretched to a rectangle; its corners in px from the upper left one on, float32 [4, 2]."""
        quad = self.px([(x0, y1), (x1, y1), (x1, y0), (x0, y0)])
        return paste_quad(self.picture, flat, quad)

    def words(self, mask: np.ndarray, x0: float, y0: float, x1: float, y1: float, shade: float) -> None:
        """Words, a mask that 255 covers, stretched to a rectangle."""
        quad = self.px([(x0, y1), (x1, y1), (x1, y0), (x0, y0)])
        paste_quad(self.picture, np.full(mask.shape, shade, np.uint8), quad, mask)


def shade_of(value: float) -> float:
    """A shade, 0 to 255, from a number beyond."""
    return min(255.0, max(0.0, value))


def fill(picture: np.ndarray, quad: np.ndarray, shade: float) -> None:
    """A polygon in px."""
    cv2.fillPoly(picture, [np.round(quad * (1 << SHIFT)).astype(np.int32)], float(shade), cv2.LINE_8, SHIFT)


def _window(picture: np.ndarray, points: np.ndarray) -> tuple[int, int, int, int] | None:
    """The part of a picture around points: x0, y0, x1, y1, or None where they are outside."""
    height, width = picture.shape
    x0, y0 = np.floor(points.min(0)).astype(int)
    x1, y1 = np.ceil(points.max(0)).astype(int) + 1
    x0, y0, x1, y1 = max(0, int(x0)), max(0, int(y0)), min(width, int(x1)), min(height, int(y1))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def shaded(
    picture: np.ndarray, points: np.ndarray, shade: float, slope: float, rough: float, textures: Textures, dice: Dice
) -> None:
    """A polygon in px, lighter by `slope` above than below, uneven by `rough`."""
    window = _window(picture, points)
    if window is None:
        return
    x0, y0, x1, y1 = window
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    fill(mask, points - [x0, y0], 255)
    low, high = points[:, 1].min(), points[:, 1].max()
    ramp = 0.5 - (np.arange(y0, y1, dtype=np.float32) - low) / max(1.0, high - low)
    values = textures.field(y1 - y0, x1 - x0, dice) * np.float32(rough)
    values += (shade + slope * ramp)[:, None]
    cv2.copyTo(cv2.convertScaleAbs(np.maximum(values, 0, out=values)), mask, picture[y0:y1, x0:x1])


def paste_quad(picture: np.ndarray, flat: np.ndarray, quad: np.ndarray, cover: np.ndarray | None = None) -> np.ndarray:
    """A flat picture through a homography; where `cover` (a mask of its size) is given, only through that."""
    window = _window(picture, quad)
    if window is None:
        return quad
    x0, y0, x1, y1 = window
    flat, cover = _reduced(flat, quad), None if cover is None else _reduced(cover, quad)
    height, width = flat.shape
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, (quad - [x0, y0]).astype(np.float32))
    size = (x1 - x0, y1 - y0)
    region = picture[y0:y1, x0:x1]
    warped = cv2.warpPerspective(flat, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if cover is None:
        inside = np.zeros(region.shape, np.uint8)
        fill(inside, quad - [x0, y0], 255)
        np.copyto(region, warped, where=inside > 0)
    else:
        share = cv2.warpPerspective(cover, matrix, size, flags=cv2.INTER_LINEAR).astype(np.float32) / 255
        region[:] = (region + (warped - region.astype(np.float32)) * share).astype(np.uint8)
    return quad


def _reduced(flat: np.ndarray, quad: np.ndarray) -> np.ndarray:
    """A flat picture about as large as it will be seen, so that no pixel of it is skipped."""
    wide = max(np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[2] - quad[3]))
    high = max(np.linalg.norm(quad[3] - quad[0]), np.linalg.norm(quad[2] - quad[1]))
    height, width = flat.shape
    size = max(2, min(width, round(float(wide)))), max(2, min(height, round(float(high))))
    return flat if size == (width, height) else cv2.resize(flat, size, interpolation=cv2.INTER_AREA)
