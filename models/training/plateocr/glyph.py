"""A character as a mask."""

from dataclasses import dataclass

import numpy as np

CAP = 64


@dataclass(frozen=True)
class Glyph:
    """A character's mask, uint8 [height, width], and its place above (-) or below (+) the baseline, in px.

    A capital (or บ) is CAP px high.
    """

    mask: np.ndarray
    top: int
    bottom: int


def trim(image: np.ndarray) -> tuple[np.ndarray, int] | None:
    """An image without its empty edges, and how many rows were cut above; None of an empty one."""
    rows, columns = np.where(image.max(1) > 40)[0], np.where(image.max(0) > 40)[0]
    if len(rows) == 0:
        return None
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy(), int(rows[0])
