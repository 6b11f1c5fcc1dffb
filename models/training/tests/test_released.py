"""Training goes on from the model that is shipped: its weights, with what an export folds away put back."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from plateocr import evaluate, net, released
from plateocr.camera import HEIGHT, WIDTH
from plateocr.errors import NotOfThisNetworkError
from plateocr.sample import Source

MODELS = Path(__file__).parents[2]
SHIPPED = MODELS / "plate-ocr.onnx"


def texts(letters: np.ndarray) -> list[str]:
    return [evaluate.read_columns(columns)[0] for columns in letters]


@pytest.fixture
def plates(source: Source) -> np.ndarray:
    return source.pictures(96, 0.5)


def test_weights_of_the_shipped_file_read_what_the_file_reads(plates: np.ndarray) -> None:
    reader = released.reader(SHIPPED, plates)
    expected = evaluate.onnx_reader(SHIPPED)(plates)
    letters, provinces = evaluate.torch_reader(reader)(plates)
    same = sum(map(str.__eq__, texts(letters), texts(expected[0])))
    # What is unsure may come out otherwise: the file calculates in eight bits.
    assert same > 0.9 * len(plates)
    assert np.abs(provinces - expected[1]).mean() < 0.01


def test_and_still_do_when_they_learn_on(plates: np.ndarray) -> None:
    reader = released.reader(SHIPPED, plates).train()
    with torch.no_grad():
        letters = reader(torch.from_numpy(plates).float()[:, None]).letters.numpy()
    expected, _ = evaluate.onnx_reader(SHIPPED)(plates)
    assert sum(map(str.__eq__, texts(letters), texts(expected))) > 0.75 * len(plates)


def test_a_wider_network_takes_them_too(plates: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net, "MAP_HEIGHT", 10)
    monkeypatch.setattr(net, "COLUMNS", 60)
    wide = np.stack([cv2.resize(picture, (240, 80)) for picture in plates])
    reader = released.reader(SHIPPED, wide)
    assert reader.province.place.shape[2:] == (10, 60)
    letters, _ = evaluate.torch_reader(reader)(wide)
    expected, _ = evaluate.onnx_reader(SHIPPED)(plates)
    characters = sum(map(len, texts(expected)))
    alike = sum(len(set(wide) & set(read)) for wide, read in zip(texts(letters), texts(expected), strict=True))
    assert alike > 0.3 * characters


def test_a_file_of_another_network_is_refused() -> None:
    with pytest.raises(NotOfThisNetworkError, match="it is not of this network"):
        released.reader(MODELS / "plate-det.onnx", np.zeros((2, HEIGHT, WIDTH), np.uint8))
