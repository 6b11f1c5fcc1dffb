"""From a checkpoint to the file that the agent loads: ONNX of eight bits or of half precision, and its manifest."""

import hashlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from plateocr import learning
from plateocr.alphabet import ALPHABET, PROVINCE_NAMES
from plateocr.camera import HEIGHT, WIDTH
from plateocr.net import Exported, PlateReader

OPSET = 17
# Smaller tensors stay as they are: they save nothing.
HALVED_FROM = 500
CALIBRATION_BATCH = 32


def load(checkpoint: Path) -> PlateReader:
    """The network of a checkpoint of training, or of weights alone (`keep`, `take`, `average`)."""
    reader = PlateReader()
    reader.load_state_dict(learning.weights(checkpoint))
    return reader.eval()


def write_half(reader: PlateReader, path: Path) -> None:
    """Writes the graph (`write`) with weights stored in half precision: the same scores, slower than `write_int8`."""
    write(reader, path)
    store_halved(path)


def write_int8(reader: PlateReader, path: Path, pictures: np.ndarray) -> None:
    """Writes the graph with convolutions of eight bits, whose ranges are those of `pictures`, uint8 [n, 64, 200].

    Weights have seven bits (`reduce_range`): with eight, processors without VNNI add up more than they can hold. A ReLU
    goes into the convolution before it, whose result is rounded once and needs no negative half of the range.
    """
    with tempfile.TemporaryDirectory() as folder:
        whole, prepared = Path(folder) / "whole.onnx", Path(folder) / "prepared.onnx"
        write(reader, whole)
        quant_pre_process(whole, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            path,
            _Pictures(pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Relu"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
    onnx.checker.check_model(onnx.load(path))


class _Pictures(CalibrationDataReader):
    """Batches of pictures, as ONNX Runtime asks for them."""

    def __init__(self, pictures: np.ndarray) -> None:
        self._batches: Iterator[np.ndarray] = iter(np.array_split(pictures, max(1, len(pictures) // CALIBRATION_BATCH)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {"gray": batch[:, None].astype(np.float32)}


def write(reader: PlateReader, path: Path) -> None:
    """Writes `gray` f32 [n, 1, 64, 200] to `ctc` f32 [n, 100, classes] and `prov` f32 [n, provinces]."""
    batch = {0: "n"}
    torch.onnx.export(
        Exported(reader).eval(),
        (torch.rand(1, 1, HEIGHT, WIDTH) * 255,),
        str(path),
        opset_version=OPSET,
        input_names=["gray"],
        output_names=["ctc", "prov"],
        dynamic_axes={"gray": batch, "ctc": batch, "prov": batch},
    )


def store_halved(path: Path) -> None:
    """Writes a file anew, `halve`d."""
    model = onnx.load(path)
    halve(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def halve(model: onnx.ModelProto) -> None:
    """Stores large weights as f16 and casts them back when the file is loaded: half the size, the same scores."""
    graph = model.graph
    kept, casts = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < HALVED_FROM:
            kept.append(tensor)
            continue
        half = f"{tensor.name}_half"
        kept.append(numpy_helper.from_array(values.astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:]
    del graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


def write_manifest(path: Path) -> Path:
    """Writes the manifest beside an exported file, or only its hash and size of input into the one there; its path."""
    return put_beside(path, manifest(path), ("sha256", "width", "height"))


def put_beside(path: Path, text: str, keys: tuple[str, ...] = ("sha256",)) -> Path:
    """Writes a manifest beside a file, or only these keys of it into the one that is there; its path."""
    beside = path.with_suffix(".toml")
    if beside.exists():
        kept = beside.read_text(encoding="utf-8")
        for key in keys:
            new = next(line for line in text.splitlines() if line.startswith(f"{key} = "))
            kept = re.sub(rf"^{key} = .*$", new, kept, flags=re.MULTILINE)
        text = kept
    beside.write_text(text, encoding="utf-8")
    return beside


def manifest(path: Path) -> str:
    """The agent's manifest of an exported file, as TOML."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    names = ",\n    ".join(f'"{name}"' for name in PROVINCE_NAMES)
    return f"""name = "{path.stem}"
role = "ocr"
file = "{path.name}"
sha256 = "{digest}"
licence = "Apache-2.0 OR MIT"
licence_from = "the project's own model, trained on drawn plates only (models/training)"
comes_with = "lpr-agent"

[input]
layout = "nchw"
element = "f32"
colour = "gray"
width = {WIDTH}
height = {HEIGHT}
fit = "stretch"
reduce_by_area = true

[recogniser]
layout = "ctc"
outputs = ["ctc", "prov"]
alphabet = "{ALPHABET}"
margin = 0.10
extend_down = 0.40
looks = [
    {{ box = "close", margin = 0.15 }},
    {{ box = "close", margin = 0.05, rectify = true }},
    {{ box = "mean", margin = 0.12, rectify = true }},
    {{ box = "first", margin = 0.10, unfit_only = true }},
    {{ box = "first", margin = 0.10, margin_x = 0.50, unfit_only = true }},
]
provinces = [
    {names},
]
"""
