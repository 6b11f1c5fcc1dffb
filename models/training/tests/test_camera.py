"""What the camera sees: parts of a car beside the plate, and plates in the middle of a wide look."""

import numpy as np

from plateocr.body import body
from plateocr.camera import WIDTH
from plateocr.canvas import Textures
from plateocr.dice import Dice
from plateocr.layout import Layout
from plateocr.sample import Source


def test_half_of_the_cars_have_parts_beside_the_plate() -> None:
    textures, dice = Textures(7), Dice(7)
    bodies = [body(64, 160, textures, dice) for _ in range(200)]
    assert all(one.shape == (64, 160) and one.dtype == np.float32 for one in bodies)
    # Paint is smooth; a part has an edge.
    edged = [max(np.abs(np.diff(one, axis=axis)).max() for axis in (0, 1)) > 30 for one in bodies]
    assert 0.4 < np.mean(edged) < 0.8


def test_some_plates_stand_in_the_middle_of_a_wide_look(source: Source, layouts: list[Layout]) -> None:
    brazil = next(layout for layout in layouts if layout.name == "br")

    def spans(difficulty: float) -> np.ndarray:
        shots = [source.sample(difficulty=difficulty, layout=brazil).shot for _ in range(300)]
        x = np.array([shot.centres[:, 0] for shot in shots])
        assert ((x > 0) & (x < WIDTH)).all()
        return np.ptp(x, axis=1) / WIDTH

    assert 0.01 < (spans(1.0) < 0.4).mean() < 0.1
    assert (spans(0.0) > 0.4).all()
