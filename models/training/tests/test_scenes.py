"""Drawn scenes and what is asked of the detector: frames lie on plates, nothing is asked of hidden ones."""

from pathlib import Path

import numpy as np
import pytest

from platedet import targets
from platedet.face import Face
from platedet.scene import SIDE, WIDE_SIDE, Scene, Source
from platedet.signs import Sign
from platedet.vehicle import Drawn, put
from plateocr.dice import Dice

SQUARE = np.array([[90, 60], [170, 60], [170, 80], [90, 80]], np.float32)


@pytest.fixture
def scenes(glyphs: Path) -> Source:
    return Source(glyphs, seed=5, pool=12)


def scene_of(*plates: np.ndarray, unsure: tuple[float, ...] = ()) -> Scene:
    boxes = np.array(unsure, np.float32).reshape(-1, 4)
    return Scene(np.zeros((SIDE, SIDE), np.uint8), np.array(plates, np.float32).reshape(-1, 4, 2), boxes)


def test_the_frame_of_a_plate_lies_on_its_edge_and_not_on_its_holder() -> None:
    holder = np.full((40, 100), 90, np.uint8)
    holder[10:30, 10:90] = 250
    sign = Sign(holder, (10, 10, 90, 30), width=0.5, motorcycle=False)
    picture = np.zeros((200, 200), np.uint8)
    to_px = np.array([[180.0, 5, 100], [9, -180, 150], [0, 0, 1]])
    quad = put(Face(picture, to_px), sign, 0.0, 0.3, Dice(1))
    light = np.argwhere(picture > 200)[:, ::-1]
    assert np.abs(light.min(0) - quad.min(0)).max() < 2.5
    assert np.abs(light.max(0) - quad.max(0)).max() < 2.5


def test_scenes_have_plates_inside_of_them_and_a_seed_decides(glyphs: Path, scenes: Source) -> None:
    again = Source(glyphs, seed=5, pool=12)
    plates = 0
    for side in (SIDE, WIDE_SIDE, SIDE, SIDE, SIDE, SIDE):
        scene = scenes.scene(1.0, side)
        assert scene.picture.shape == (side, side) and scene.picture.dtype == np.uint8
        assert (scene.picture == again.scene(1.0, side).picture).all()
        plates += len(scene.plates)
        middles = scene.plates.mean(1)
        assert ((middles > -side * 0.1) & (middles < side * 1.1)).all()
        assert (np.ptp(scene.plates[:, :, 0], axis=1) >= 9).all()
    assert plates >= 3


def test_what_is_drawn_over_a_plate_hides_it() -> None:
    drawn = Drawn(SQUARE, SQUARE)
    drawn.hide(np.array([[130, 0], [300, 0], [300, 300], [130, 300]], np.float32))
    assert drawn.seen == pytest.approx(0.5, abs=0.05)
    drawn.hide(np.array([[300, 300], [310, 300], [310, 310]], np.float32))
    assert drawn.seen == pytest.approx(0.5, abs=0.05)


def test_a_plate_is_asked_of_the_cell_in_its_middle_with_its_box_and_corners() -> None:
    scores, boxes, weights = targets.asked(scene_of(SQUARE))
    assert (scores == 1).sum() == 2, "its size is near the limit of two maps"
    for cell in np.flatnonzero(scores == 1):
        assert boxes[cell].tolist() == [130, 70, 80, 20, *SQUARE.ravel()]
        assert weights[cell] == 1
    assert ((scores > 0) & (weights == 0)).any(), "cells further off have a score and tell no box"


def test_nothing_is_asked_where_a_plate_is_hardly_seen() -> None:
    scores, _, weights = targets.asked(scene_of(unsure=(40, 40, 80, 60)))
    columns = SIDE // 8
    assert scores[6 * columns + 7] == -1 and scores[0] == 0
    assert not weights.any()


def test_a_batch_of_wide_scenes_is_as_dear_as_another(scenes: Source) -> None:
    pixels = {targets.batch(scenes, 4, 0.3).pictures.size for _ in range(12)}
    assert pixels == {4 * SIDE**2}
