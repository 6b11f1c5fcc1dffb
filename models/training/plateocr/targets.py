"""What is asked of each column and of each attention map: the renderer knows where every character came to stand."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from plateocr.alphabet import BLANK, encode
from plateocr.camera import HEIGHT, WIDTH
from plateocr.plate import PROVINCE_POINTS
from plateocr.sample import Sample, Source

IGNORED = -100
COLUMNS = WIDTH // 4
MAP_HEIGHT = HEIGHT // 8
ROWS = 2


@dataclass(frozen=True)
class Batch:
    """Samples for one step.

    pictures: uint8 [n, 64, 200]. texts: classes of each registration. provinces: int64 [n]. columns: int64 [n, 100],
    the class at each column. points: int64 [n, 12], the cell of the 8 x 50 map at each point along the province's name.
    IGNORED stands where nothing is asked.
    """

    pictures: np.ndarray
    texts: list[list[int]]
    provinces: np.ndarray
    columns: np.ndarray
    points: np.ndarray


def batch(source: Source, size: int, difficulty: float) -> Batch:
    """Draws a batch."""
    samples = list(source.samples(size, difficulty))
    provinces = [IGNORED if sample.province is None else sample.province for sample in samples]
    return Batch(
        np.stack([sample.picture for sample in samples]),
        [encode(sample.text) for sample in samples],
        np.array(provinces, np.int64),
        np.stack([columns_of(sample) for sample in samples]),
        np.stack([points_of(sample) for sample in samples]),
    )


def columns_of(sample: Sample) -> np.ndarray:
    """Each character at the column of its centre, blank between characters and outside the row, the rest ignored."""
    classes, places, rows = encode(sample.text), sample.shot.centres[:, 0] / 4.0, np.array(sample.rows)
    asked = []
    for row in range(ROWS):
        inside = rows == row
        asked.append(_row([value for value, here in zip(classes, inside, strict=True) if here], places[inside]))
    return np.concatenate(asked)


def _row(classes: list[int], places: np.ndarray) -> np.ndarray:
    if not classes:
        return np.full(COLUMNS, BLANK, np.int64)
    asked = np.full(COLUMNS, IGNORED, np.int64)
    for left, right in pairwise(places):
        middle = int((left + right) / 2)
        if 0 <= middle < COLUMNS and right - left > 1.6:
            asked[middle] = BLANK
    reach = max(1.5, (places[-1] - places[0]) / max(1, len(places) - 1) * 0.8)
    asked[: max(0, int(places[0] - reach) + 1)] = BLANK
    asked[max(0, int(places[-1] + reach)) :] = BLANK
    asked[np.clip(places.astype(int), 0, COLUMNS - 1)] = classes
    return asked


def points_of(sample: Sample) -> np.ndarray:
    """The cells along the province's name; ignored where there is none, or it is out of sight."""
    points = sample.shot.province_points
    if points is None or sample.province is None:
        return np.full(PROVINCE_POINTS, IGNORED, np.int64)
    rows = np.clip(points[:, 1] / 8, 0, MAP_HEIGHT - 1).astype(np.int64)
    columns = np.clip(points[:, 0] / 4, 0, COLUMNS - 1).astype(np.int64)
    return rows * COLUMNS + columns
