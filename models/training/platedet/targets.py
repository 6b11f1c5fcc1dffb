"""What is asked of each cell of the detector's three maps.

A plate is asked of the map whose cells suit its size, near a limit of two of them. Its middle cell has the score 1, and
the cells around it less and less; those near the middle also tell its box and its corners.
"""

from dataclasses import dataclass

import numpy as np

from platedet.scene import SIDE, WIDE_SIDE, Scene, Source

STRIDES = (8, 16, 32)
# The root of a plate's area, px, that each map is for; they overlap.
REACH = ((0.0, 44.0), (36.0, 120.0), (100.0, 1e9))
# Cells with at least this score tell the box.
TELLING = 0.35
# How many batches are of wide scenes.
WIDE = 0.4
# Numbers of a box: middle x, y, width, height, then four corners.
NUMBERS = 12


@dataclass(frozen=True)
class Batch:
    """A batch of scenes: the cells of all three maps in one row, those of stride 8 first.

    pictures: uint8 [n, side, side]. scores: float32 [n, cells], -1 where nothing is asked. boxes: float32
    [n, cells, 12], middle, size and corners in px. weights: float32 [n, cells], how much a cell's box counts.
    """

    pictures: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    weights: np.ndarray


def cells(side: int) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Of each map the middles of its cells, x and y px, and its stride."""
    maps = []
    for stride in STRIDES:
        middles = (np.arange(-(-side // stride), dtype=np.float32) + 0.5) * stride
        x, y = np.meshgrid(middles, middles)
        maps.append((x.ravel(), y.ravel(), stride))
    return maps


def asked(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, boxes and weights of one scene's cells."""
    maps = cells(len(scene.picture))
    scores = [np.zeros(len(x), np.float32) for x, _, _ in maps]
    boxes = [np.zeros((len(x), NUMBERS), np.float32) for x, _, _ in maps]
    # Nothing is asked of cells at a plate that is hardly seen.
    for x0, y0, x1, y1 in scene.unsure:
        for (x, y, stride), score in zip(maps, scores, strict=True):
            near = stride * 0.5
            score[(x > x0 - near) & (x < x1 + near) & (y > y0 - near) & (y < y1 + near)] = -1
    for quad in scene.plates:
        low, high = quad.min(0), quad.max(0)
        middle, size = (low + high) / 2, np.maximum(high - low, 1.0)
        reach = float(np.sqrt(size.prod()))
        for (x, y, stride), score, box, (least, most) in zip(maps, scores, boxes, REACH, strict=True):
            if not least <= reach < most:
                continue
            spread = np.maximum(size * [0.12, 0.16], 0.45 * stride)
            heat = np.exp(-0.5 * (((x - middle[0]) / spread[0]) ** 2 + ((y - middle[1]) / spread[1]) ** 2))
            nearest = int(np.argmin((x - middle[0]) ** 2 + (y - middle[1]) ** 2))
            heat[nearest] = 1.0
            better = heat > np.maximum(score, 0)
            better &= heat > 0.01
            score[better] = heat[better]
            box[better] = np.concatenate([middle, size, quad.ravel()])
    joined = np.concatenate(scores)
    weights = np.where(joined >= TELLING, joined, 0).astype(np.float32)
    return joined, np.concatenate(boxes), weights


def batch(source: Source, count: int, difficulty: float) -> Batch:
    """So many scenes with what is asked of them; now and then a quarter of that in the wide size, as dear."""
    side = WIDE_SIDE if source.dice.chance(WIDE) else SIDE
    count = max(1, count * SIDE**2 // side**2)
    scenes = [source.scene(difficulty, side) for _ in range(count)]
    scores, boxes, weights = zip(*(asked(scene) for scene in scenes), strict=True)
    return Batch(np.stack([scene.picture for scene in scenes]), np.stack(scores), np.stack(boxes), np.stack(weights))
