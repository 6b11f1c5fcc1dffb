#!/usr/bin/env python3
"""Makes the tiny graphs of tests/layouts.rs: pip install onnx; python tests/graphs/make.py

Each detector takes a picture of 64 x 64 and always finds one plate at (16, 24) to (48, 40), score .9, in its layout's
own way. The recognisers' outputs depend on the picture only where a test needs it.
"""

import math
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

HERE = Path(__file__).parent
BOX = (16.0, 24.0, 48.0, 40.0)


def graph(name, input_shape, outputs, element=TensorProto.FLOAT, free=(), metadata=None, nodes=(), extra=()):
    """outputs: name -> array, or name -> shape for what `nodes` make."""
    constants, infos = [], []
    for key, value in outputs.items():
        if isinstance(value, np.ndarray):
            constants.append(helper.make_node("Constant", [], [key], value=numpy_helper.from_array(value)))
            shape = ["n" if (key, i) in free else n for i, n in enumerate(value.shape)]
        else:
            shape = value
        infos.append(helper.make_tensor_value_info(key, TensorProto.FLOAT, shape))
    picture = helper.make_tensor_value_info("picture", element, input_shape)
    made = helper.make_graph([*constants, *nodes], name, [picture], infos, initializer=list(extra))
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="lpr")
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    save(model, HERE / f"{name}.onnx")


def f32(*shape):
    return np.zeros(shape, np.float32)


NCHW = [1, 3, 64, 64]
CENTER = (32.0, 32.0, 32.0, 16.0)

yolox = f32(1, 84, 6)
yolox[0, 27] = [1.0, 1.0, math.log(4), math.log(2), 1.0, 0.9]
graph("yolox", NCHW, {"output": yolox})

yolov8 = f32(1, 5, 84)
yolov8[0, :, 7] = [*CENTER, 0.9]
graph("yolov8", NCHW, {"output0": yolov8}, metadata={"names": "{0: 'licence'}"})

yolov5 = f32(1, 252, 6)
yolov5[0, 100] = [*CENTER, 1.0, 0.9]
graph("yolov5", NCHW, {"output": yolov5})

corners = f32(1, 252, 14)
x1, y1, x2, y2 = BOX
corners[0, 100] = [*CENTER, 1.0, x2, y2, x1, y2, x1, y1, x2, y1, 0.9]
graph("yolov5-corners", NCHW, {"output": corners})

graph("nms7", NCHW, {"output": np.array([[0, *BOX, 0, 0.9]], np.float32)}, free={("output", 0)})
graph("nms6", NCHW, {"output": np.array([[[*BOX, 0.9, 0]]], np.float32)}, free={("output", 1)})

loc, conf, landms = f32(1, 168, 4), f32(1, 168, 2), f32(1, 168, 8)
conf[0, :, 0] = 1.0
prior, at, size = 138, 24.0, 96.0  # stride 16, second column and row, the smaller size
conf[0, prior] = [0.1, 0.9]
off = lambda v: (v - at) / (0.1 * size)
loc[0, prior] = [off(32), off(32), math.log(32 / size) / 0.2, math.log(16 / size) / 0.2]
landms[0, prior] = [off(v) for v in (x2, y2, x1, y2, x1, y1, x2, y1)]
graph("retinaface", NCHW, {"landms": landms, "conf": conf, "loc": loc})

cells = (64, 16, 4)
scores = [f32(1, n, 1) for n in cells]
sides = [f32(1, n, 32) for n in cells]
scores[1][0, 5, 0] = 0.9  # stride 16, centre (24, 24)
for side, bins in enumerate([(0, 1), (0,), (1, 2), (1,)]):
    for b in bins:
        sides[1][0, 5, side * 8 + b] = 60.0
graph(
    "nanodet",
    NCHW,
    {f"{kind}_{s}": v for kind, vs in (("cls", scores), ("dis", sides)) for s, v in zip((8, 16, 32), vs)},
)

# Quantised, 8 bit in, channels last: its box comes out of a DequantizeLinear.
quantised = numpy_helper.from_array(np.array([[[32, 48, 96, 80, 2, 0]]], np.uint8), "q")
half = numpy_helper.from_array(np.array(0.5, np.float32), "half")
zero = numpy_helper.from_array(np.array(0, np.uint8), "zero")
graph(
    "quantised",
    [1, 64, 64, 3],
    {"boxes": [1, "n", 6]},
    TensorProto.UINT8,
    nodes=[helper.make_node("DequantizeLinear", ["q", "half", "zero"], ["boxes"])],
    extra=[quantised, half, zero],
)

# Slot i reads letter i of "RGB_" as surely as the picture's channel i is bright; a dark channel is an empty slot.
eye = numpy_helper.from_array(np.eye(3, 4, dtype=np.float32)[None] / 255, "eye")
empty = numpy_helper.from_array(np.array([[[0, 0, 0, 0.5]]], np.float32), "empty")
axes = numpy_helper.from_array(np.array([2], np.int64), "axes")
graph(
    "slots",
    [1, 16, 32, 3],
    {"plate": [1, 3, 4], "region": np.array([[0.1, 0.8]], np.float32)},
    TensorProto.UINT8,
    nodes=[
        helper.make_node("Cast", ["picture"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Unsqueeze", ["means", "axes"], ["column"]),
        helper.make_node("Mul", ["column", "eye"], ["letters"]),
        helper.make_node("Add", ["letters", "empty"], ["plate"]),
    ],
    extra=[eye, empty, axes],
)

# Raw scores; classes: blank, A, B, 7, space. Reads "AB7".
ctc = f32(1, 6, 5)
for step, klass in enumerate([1, 1, 0, 2, 0, 3]):
    ctc[0, step, klass] = 9.0
graph("ctc", [1, 3, 48, "w"], {"text": ctc}, metadata={"character": "A\nB\n7"})

# The plate of yolov8, and a failure at run time where the picture is dark: an index beyond the only element.
light = [numpy_helper.from_array(np.array(value, np.float32), name) for value, name in ((0.2, "dark"), (1.0, "one"))]
graph(
    "fails-in-the-dark",
    NCHW,
    {"output0": [1, 5, 84]},
    metadata={"names": "{0: 'licence'}"},
    nodes=[
        helper.make_node("ReduceMean", ["picture"], ["mean"], keepdims=0),
        helper.make_node("Div", ["mean", "dark"], ["share"]),
        helper.make_node("Min", ["share", "one"], ["most"]),
        helper.make_node("Floor", ["most"], ["bright"]),
        helper.make_node("Sub", ["one", "bright"], ["beyond"]),
        helper.make_node("Cast", ["beyond"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["boxes", "index"], ["output0"], axis=0),
    ],
    extra=[*light, numpy_helper.from_array(yolov8[None], "boxes")],
)
