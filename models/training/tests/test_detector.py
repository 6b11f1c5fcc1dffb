"""The detector's training and export: it learns, goes on, and its file gives the rows that the agent decodes."""

import tomllib
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
import torch

from platedet import evaluate, export, photos, targets, train
from platedet.net import PlateDetector, told
from platedet.scene import SIDE, Source
from plateocr import learning

MOST_BYTES = 4_000_000


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("export") / "detector.onnx"
    export.write(PlateDetector().eval(), path)
    return path


def test_an_exported_detector_takes_any_size(exported: Path) -> None:
    session = onnxruntime.InferenceSession(str(exported))
    for high, wide in ((360, 640), (256, 192), (101, 333), (8, 8)):
        cells = sum(-(-high // stride) * -(-wide // stride) for stride in targets.STRIDES)
        (rows,) = session.run(["plates"], {"gray": np.zeros((1, 1, high, wide), np.float32)})
        assert rows.shape == (1, cells, 14)
        assert ((rows[..., 4] > 0) & (rows[..., 4] < 1)).all() and (rows[..., 13] == 1).all()
    assert exported.stat().st_size < MOST_BYTES


def test_half_precision_weights_change_no_box(exported: Path) -> None:
    torch.manual_seed(1)
    picture = np.random.default_rng(1).integers(0, 255, (120, 200), np.uint8)
    exact = evaluate.torch_finder(PlateDetector().eval())(picture)
    assert np.abs(exact - evaluate.onnx_finder(exported)(picture)).max() < 0.05


def test_the_manifest_names_the_file_and_the_agents_layout(exported: Path) -> None:
    manifest = tomllib.loads(export.write_manifest(exported).read_text(encoding="utf-8"))
    assert manifest["file"] == exported.name and len(manifest["sha256"]) == 64
    assert (manifest["detector"]["layout"], manifest["detector"]["landmarks"]) == ("yolov5", 4)


def test_a_cell_that_says_nothing_has_a_box_around_its_middle() -> None:
    maps = [torch.zeros(1, 13, -(-SIDE // stride), -(-SIDE // stride)) for stride in targets.STRIDES]
    rows = told(maps)[0].numpy()
    middles = np.concatenate([np.stack([x, y], 1) for x, y, _ in targets.cells(SIDE)])
    assert np.allclose(rows[:, 1:3], middles)
    assert np.allclose(rows[0, 3:], [32, 16, 4 - 16, 4 - 8, 4 + 16, 4 - 8, 4 + 16, 4 + 8, 4 - 16, 4 + 8])


def test_a_run_learns_and_goes_on_where_it_was_saved(tmp_path: Path, glyphs: Path) -> None:
    plan = train.Plan(folder=tmp_path, until=1_000, batch=4, warm=8)
    state = train.fresh(plan)
    drawn = targets.batch(Source(glyphs, seed=5, pool=12), 4, 0.2)
    before = train.step(state, plan, drawn)
    learning.save(state, tmp_path / "last.pt")
    again = learning.resume(train.fresh(plan), tmp_path / "last.pt")
    seen = len(drawn.pictures)
    assert (again.seen, again.steps) == (seen, 1)
    for _ in range(6):
        after = train.step(again, plan, drawn)
    assert after < before


def test_of_boxes_that_overlap_the_surest_stays() -> None:
    rows = np.zeros((3, 14), np.float32)
    rows[:, :5] = [[50, 50, 20, 10, 0.5], [51, 50, 20, 10, 0.9], [90, 50, 20, 10, 0.2]]
    assert evaluate.kept(rows, 0.3).tolist() == [pytest.approx([41, 45, 61, 55, 0.9])]


def test_photos_are_looked_at_in_their_own_pixels(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "xx").mkdir()
    cv2.imwrite(str(tmp_path / "xx/a.png"), np.zeros((300, 900, 3), np.uint8))
    (tmp_path / "truth.csv").write_text("file,x,y,w,h,text\nxx/a.png,10,10,90,30,A1\n", encoding="utf-8")
    (photo,) = photos.measure(exported, tmp_path / "truth.csv", 0.0).folders["xx"]
    assert photo.strange > 0 and photo.seconds > 0
    boxes, _ = photos.Look(exported).boxes(np.zeros((300, 900, 3), np.uint8), 0.0)
    assert boxes[:, 2].max() > 800
