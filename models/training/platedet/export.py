"""From a checkpoint to the file that the agent loads: ONNX, weights stored in half precision, and its manifest."""

import hashlib
from pathlib import Path

import torch

from platedet.net import Exported, PlateDetector
from plateocr import learning
from plateocr.export import OPSET, put_beside, store_halved


def load(checkpoint: Path) -> PlateDetector:
    """The network of a checkpoint of training, with its averaged weights."""
    detector = PlateDetector()
    detector.load_state_dict(learning.weights(checkpoint))
    return detector.eval()


def write(detector: PlateDetector, path: Path) -> None:
    """Writes `gray` f32 [1, 1, h, w] to `plates` f32 [1, cells, 14]; h and w are free."""
    torch.onnx.export(
        Exported(detector).eval(),
        (torch.rand(1, 1, 200, 328) * 255,),
        str(path),
        opset_version=OPSET,
        input_names=["gray"],
        output_names=["plates"],
        dynamic_axes={"gray": {2: "h", 3: "w"}, "plates": {1: "cells"}},
    )
    store_halved(path)


def write_manifest(path: Path) -> Path:
    """Writes the manifest beside an exported file, or puts the file's hash into the one that is there; its path."""
    return put_beside(path, manifest(path))


def manifest(path: Path) -> str:
    """The agent's manifest of an exported file, as TOML."""
    return f"""name = "{path.stem}"
role = "plate"
file = "{path.name}"
sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"
licence = "Apache-2.0 OR MIT"
licence_from = "the project's own model, trained on drawn scenes only (models/training)"

[input]
layout = "nchw"
element = "f32"
colour = "gray"
# The longer side of the frame becomes this; the other follows.
width = 640
height = 640
fit = "aspect"
reduce_by_area = true

[detector]
layout = "yolov5"
landmarks = 4
outputs = ["plates"]
classes = ["plate"]
confidence = 0.30
nms = 0.40
vehicle_side = 416
close_side = 256
far_side = 1280
"""
