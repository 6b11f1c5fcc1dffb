"""Training, saving and export: some steps on a small batch, a run that goes on, an ONNX file of the promised shapes."""

import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from plateocr import evaluate, export, learning, train
from plateocr.alphabet import ALPHABET, CLASSES, PROVINCE_NAMES
from plateocr.camera import HEIGHT, WIDTH
from plateocr.net import COLUMNS, ROWS, PlateReader
from plateocr.sample import Source
from plateocr.targets import batch

MOST_BYTES = 4_000_000


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("export") / "reader.onnx"
    export.write_half(PlateReader().eval(), path)
    return path


def test_an_exported_reader_keeps_its_contract(exported: Path) -> None:
    session = onnxruntime.InferenceSession(str(exported))
    for count in (1, 3):
        pictures = np.zeros((count, 1, HEIGHT, WIDTH), np.float32)
        letters, provinces = session.run(["ctc", "prov"], {"gray": pictures})
        assert letters.shape == (count, ROWS * COLUMNS, CLASSES)
        assert provinces.shape == (count, len(PROVINCE_NAMES))
        assert np.allclose(letters.sum(-1), 1, atol=1e-4) and np.allclose(provinces.sum(-1), 1, atol=1e-4)


def test_a_letter_is_told_by_letters_far_along_its_row() -> None:
    along = PlateReader().eval().along
    columns = torch.zeros(1, 160, ROWS * COLUMNS, requires_grad=True)
    near = COLUMNS // 4
    along(columns + 1)[0, :, near].sum().backward()
    seen = columns.grad.abs().sum((0, 1)).nonzero().flatten()
    assert seen.min() == 0 and seen.max() >= near + COLUMNS // 3, "a third of the plate to its right"


def test_half_precision_weights_change_no_reading(exported: Path, source: Source) -> None:
    torch.manual_seed(1)
    whole = evaluate.torch_reader(PlateReader().eval())
    pictures = batch(source, 8, 1.0).pictures
    for exact, halved in zip(whole(pictures), evaluate.onnx_reader(exported)(pictures), strict=True):
        assert np.abs(exact - halved).max() < 0.01


def test_eight_bits_are_half_the_size_and_say_nearly_the_same(exported: Path, tmp_path: Path, source: Source) -> None:
    torch.manual_seed(1)
    reader, pictures = PlateReader().eval(), batch(source, 64, 1.0).pictures
    path = tmp_path / "int8.onnx"
    export.write_int8(reader, path, pictures)
    assert path.stat().st_size < min(MOST_BYTES, 0.75 * exported.stat().st_size)
    for exact, rounded in zip(
        evaluate.torch_reader(reader)(pictures[:8]), evaluate.onnx_reader(path)(pictures[:8]), strict=True
    ):
        assert exact.shape == rounded.shape
        assert np.abs(exact - rounded).max() < 0.05
    nodes = onnx.load(path).graph.node
    products = {node.output[0] for node in nodes if node.op_type == "Gemm"}
    left = [node.input[0] for node in nodes if node.op_type == "Relu"]
    assert set(left) <= products, "a convolution is rounded once, with its ReLU"


def test_the_manifest_names_the_file_and_its_alphabet(exported: Path) -> None:
    manifest = tomllib.loads(export.write_manifest(exported).read_text(encoding="utf-8"))
    assert manifest["file"] == exported.name and len(manifest["sha256"]) == 64
    assert manifest["recogniser"]["alphabet"] == ALPHABET
    assert manifest["recogniser"]["provinces"] == PROVINCE_NAMES


def test_a_manifest_that_is_there_keeps_all_but_what_the_file_decides(exported: Path) -> None:
    beside = export.write_manifest(exported)
    beside.write_text('note = "ours"\nsha256 = "old"\n\n[input]\nwidth = 1\nheight = 2\n', encoding="utf-8")
    export.write_manifest(exported)
    kept = tomllib.loads(beside.read_text(encoding="utf-8"))
    assert kept["note"] == "ours" and len(kept["sha256"]) == 64
    assert kept["input"] == {"width": WIDTH, "height": HEIGHT}
    beside.unlink()


def test_a_run_goes_on_where_it_was_saved(tmp_path: Path, source: Source) -> None:
    plan = train.Plan(folder=tmp_path, until=1_000, batch=4, warm=8)
    state = train.fresh(plan)
    drawn = batch(source, 4, 0.2)
    before = train.step(state, plan, drawn)
    learning.save(state, tmp_path / "last.pt")
    again = learning.resume(train.fresh(plan), tmp_path / "last.pt")
    assert (again.seen, again.steps) == (4, 1)
    for _ in range(6):
        after = train.step(again, plan, drawn)
    assert after < before


def test_weights_kept_in_half_precision_start_a_run(tmp_path: Path) -> None:
    first = train.fresh(train.Plan(folder=tmp_path, until=1))
    again = train.fresh(train.Plan(folder=tmp_path, until=1, seed=2), train.halved(first.average.state_dict()))
    for kept, given in zip(again.network.parameters(), first.average.parameters(), strict=True):
        assert kept.dtype == torch.float32 and torch.allclose(kept, given, atol=1e-3)


def test_weights_alone_are_exported_as_a_checkpoint_is(tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = PlateReader().eval()
    torch.save(train.halved(network.state_dict()), tmp_path / "weights.pt")
    torch.save({"average": network.state_dict()}, tmp_path / "last.pt")
    alone, checkpoint = export.load(tmp_path / "weights.pt"), export.load(tmp_path / "last.pt")
    for kept, given in zip(alone.parameters(), checkpoint.parameters(), strict=True):
        assert torch.allclose(kept, given, atol=1e-3)


def test_weights_of_before_the_spelling_start_a_run(tmp_path: Path) -> None:
    first = train.fresh(train.Plan(folder=tmp_path, until=1)).average.state_dict()
    older = {name: value for name, value in first.items() if "spelling" not in name}
    again = train.fresh(train.Plan(folder=tmp_path, until=1, seed=2), older)
    assert torch.equal(again.network.letters.weight, first["letters.weight"])


def test_the_spelling_is_asked_in_training_and_left_out_of_the_file(exported: Path) -> None:
    names = [tensor.name for tensor in onnx.load(exported).graph.initializer]
    assert names and not any("spelling" in name for name in names)


def test_the_rate_warms_up_stays_and_falls() -> None:
    plan = train.Plan(folder=Path("."), until=100_000, rate=1.0, cool=0.4, warm=1_000)
    assert learning.rate_at(plan, 0) < 0.1
    assert learning.rate_at(plan, 30_000) == 1.0
    assert 0.4 < learning.rate_at(plan, 80_000) < 0.6
    assert learning.rate_at(plan, 100_000) == pytest.approx(0.01)


def test_columns_are_read_with_the_surest_of_each_character() -> None:
    columns = np.full((5, CLASSES), 0.0)
    for column, (value, sure) in enumerate([(11, 0.6), (11, 0.9), (0, 1.0), (11, 0.7), (1, 0.8)]):
        columns[column, value] = sure
    assert evaluate.read_columns(columns) == ("AA0", [0.9, 0.7, 0.8])


def test_a_score_also_counts_o_as_0_and_i_as_1() -> None:
    texts = [("AB10", "ABIO"), ("AB10", "AB10"), ("AB10", "A810")]
    reads = [evaluate.Read("eu", truth, text, 0.9, 0.9, None, 0) for truth, text in texts]
    score = evaluate.Score(reads)
    assert score.exact() == {"eu": pytest.approx(1 / 3)}
    assert score.alike() == {"eu": pytest.approx(2 / 3)}
