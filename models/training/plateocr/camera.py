"""From a flat plate to what the recogniser is given: seen at an angle, framed by a detector, badly lit, small, blurred.

The plate is warped straight into the crop, in a working size of the recogniser's proportions, so that each character's
place in the input is known exactly.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from plateocr.body import body
from plateocr.canvas import Textures
from plateocr.dice import Dice
from plateocr.light import weather
from plateocr.plate import Plate

WIDTH, HEIGHT = 200, 64
WORK_WIDTH, WORK_HEIGHT = 320, 128
OUTSIDE = -1000.0
SMALLEST, LARGEST = 14.0, 110.0
# The agent looks so far beside a box that seems to miss a part of the plate, in its widths (`margin_x`).
WIDER = 0.5


@dataclass(frozen=True)
class Shot:
    """The recogniser's input, uint8 [HEIGHT, WIDTH], and where things are in it, in its px.

    centres: float32 [characters, 2]. province_points: float32 [points, 2] or None where the plate has no province.
    province_seen: the share of the province's height that is inside the picture.
    """

    picture: np.ndarray
    centres: np.ndarray
    province_points: np.ndarray | None
    province_seen: float


def shoot(plate: Plate, textures: Textures, dice: Dice, difficulty: float = 1.0) -> Shot:
    """Photographs a plate; difficulty 0 is near, straight and clean, 1 the whole range of a roadside camera."""
    quad, box = _seen(plate, dice, difficulty)
    to_work = _homography(plate.picture.shape, quad, box)
    picture = _expose(plate.picture, to_work, textures, dice)
    picture = weather(picture, textures, dice, difficulty)
    picture = _sense(picture, quad, box, textures, dice, difficulty)
    scale = np.array([WIDTH / WORK_WIDTH, HEIGHT / WORK_HEIGHT], np.float32)
    centres = _through(np.array(plate.centres, np.float32), to_work) * scale
    points, seen = None, 1.0
    if plate.province_points is not None:
        points = _through(np.array(plate.province_points, np.float32), to_work) * scale
        seen = float(np.clip((HEIGHT - points[:, 1].mean()) / (0.09 * HEIGHT), 0, 1))
    return Shot(fit(picture), centres, points, seen)


def fit(crop: np.ndarray) -> np.ndarray:
    """A gray crop of any size as the recogniser's input, as the agent makes it (`stretch`, `reduce_by_area`)."""
    reduced = crop.shape[0] > HEIGHT
    return cv2.resize(crop, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA if reduced else cv2.INTER_LINEAR)


def _seen(plate: Plate, dice: Dice, difficulty: float) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """The plate's corners as the camera sees them, float32 [4, 2], and the crop (x0, y0, x1, y1), in the plate's px."""
    height, width = plate.picture.shape
    straightened = dice.chance(0.25)
    tilt = difficulty * (0.35 if straightened else 1.0)
    angle = math.radians(dice.normal(5) * tilt)
    shear, slope = dice.normal(0.06) * tilt, dice.normal(0.05) * tilt
    turn = np.array(
        [[math.cos(angle), -math.sin(angle) + shear], [math.sin(angle) + slope, math.cos(angle)]], np.float32
    )
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]], np.float32) / 2
    quad = corners @ turn.T
    if dice.chance(0.6):
        quad[:, 0] *= dice.uniform(0.72, 1.05)
    quad += dice.array.normal(0, height * 0.025 * tilt, (4, 2)).astype(np.float32)
    return quad, _detected(plate, quad, dice, difficulty)


def _detected(plate: Plate, quad: np.ndarray, dice: Dice, difficulty: float) -> tuple[float, float, float, float]:
    """A detector's box and its margin: tight, wide, shifted; sometimes lengthened downwards, as by the agent."""
    x0, y0 = quad.min(0)
    x1, y1 = quad.max(0)
    wide, high = x1 - x0, y1 - y0
    margin = dice.uniform(0.0, 0.16)
    left, right = (margin + dice.normal(0.035) * difficulty for _ in range(2))
    if dice.chance(0.08 * difficulty):
        left, right = (side + dice.uniform(0.0, WIDER) for side in (left, right))
    top, bottom = (margin + dice.normal(0.055) * difficulty for _ in range(2))
    if dice.chance(0.22):
        bottom += dice.uniform(0.1, 0.5)
    elif plate.layout.has_provinces and plate.layout.registration_rows == 1 and dice.chance(0.12):
        bottom = -dice.uniform(0.0, 0.32)
    tightest = -0.012
    left, right, top = max(left, tightest), max(right, tightest), max(top, tightest)
    if not plate.layout.has_provinces or plate.layout.registration_rows == 2:
        bottom = max(bottom, tightest)
    return x0 - wide * left, y0 - high * top, x1 + wide * right, y1 + high * bottom


def _homography(shape: tuple[int, ...], quad: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """From the flat plate's px to those of the working picture, float64 [3, 3]."""
    height, width = shape[:2]
    x0, y0, x1, y1 = box
    target = (quad - [x0, y0]) * [WORK_WIDTH / (x1 - x0), WORK_HEIGHT / (y1 - y0)]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return cv2.getPerspectiveTransform(source, target.astype(np.float32))


def _through(points: np.ndarray, homography: np.ndarray) -> np.ndarray:
    return cv2.perspectiveTransform(points[None], homography)[0]


def _expose(flat: np.ndarray, to_work: np.ndarray, textures: Textures, dice: Dice) -> np.ndarray:
    """The plate before a car's body, float32 [WORK_HEIGHT, WORK_WIDTH]."""
    size = (WORK_WIDTH, WORK_HEIGHT)
    warped = cv2.warpPerspective(
        flat, to_work, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=OUTSIDE
    )
    behind = body(WORK_HEIGHT, WORK_WIDTH, textures, dice)
    return np.where(warped < -60, behind, np.clip(warped, 0, 255)).astype(np.float32)


def _sense(
    picture: np.ndarray,
    quad: np.ndarray,
    box: tuple[float, float, float, float],
    textures: Textures,
    dice: Dice,
    difficulty: float,
) -> np.ndarray:
    """Lens, sensor and codec: blur, few pixels, sharpening, noise, JPEG. Returns uint8 of the crop's own size."""
    hard = difficulty > 0.5
    plate_height = math.exp(dice.uniform(math.log(SMALLEST), math.log(LARGEST))) if hard else dice.uniform(40, LARGEST)
    if dice.chance(0.25):
        plate_height = dice.uniform(50, LARGEST)
    x0, y0, x1, y1 = box
    high = int(plate_height * (y1 - y0) / max(float(np.ptp(quad[:, 1])), 1.0) * dice.uniform(0.95, 1.05))
    wide = max(24, min(int(high * (x1 - x0) / (y1 - y0)), WORK_WIDTH * 2))
    high = max(10, min(high, WORK_HEIGHT * 2))
    picture = _blur(picture, dice, difficulty)
    picture = cv2.resize(
        picture, (wide, high), interpolation=cv2.INTER_AREA if high < WORK_HEIGHT else cv2.INTER_LINEAR
    )
    if dice.chance(0.25):
        picture = picture + (picture - cv2.GaussianBlur(picture, (0, 0), 1.0)) * dice.uniform(0.3, 1.6)
    if dice.chance(0.6):
        picture = picture + textures.noise(high, wide, dice) * (abs(dice.normal(7)) * difficulty)
    sensed = np.clip(picture, 0, 255).astype(np.uint8)
    if dice.chance(0.75):
        quality = int(dice.uniform(25, 95) if hard else dice.uniform(60, 95))
        _, coded = cv2.imencode(".jpg", sensed, [cv2.IMWRITE_JPEG_QUALITY, quality])
        sensed = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    return sensed


def _blur(picture: np.ndarray, dice: Dice, difficulty: float) -> np.ndarray:
    sigma = abs(dice.normal(1.25)) * difficulty
    if dice.chance(0.6) and sigma > 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma * 1.3, sigmaY=sigma)
    if dice.chance(0.13):
        length = dice.whole(3, 6 + int(11 * difficulty))
        angle, middle = dice.uniform(0, math.pi), (length - 1) / 2
        dx, dy = middle * math.cos(angle), middle * math.sin(angle)
        kernel = np.zeros((length, length), np.float32)
        cv2.line(kernel, (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy)), 1.0, 1)
        picture = cv2.filter2D(picture, -1, kernel / max(kernel.sum(), 1e-3))
    return picture
