"""Weights from an exported file: training goes on from the model that is shipped, wherever the run's folder was lost.

An exported file has each normalisation folded into its convolution. Here the convolution keeps what it does and the
normalisation is given the statistics of drawn plates, so that the network says the same and can learn on.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn

from plateocr.errors import NotOfThisNetworkError
from plateocr.net import AlongRow, PlateReader, Unit

FOLDED = ("Conv", "Gemm")
PLACE = "province.place"


def reader(path: Path, pictures: np.ndarray) -> PlateReader:
    """The network with the weights of an exported file; the head that spells provinces, which it lacks, stays random.

    `pictures`, uint8 [n, HEIGHT, WIDTH], are those whose statistics the normalisations take. Where the file's network
    saw smaller pictures, what has a size of the map (the rows' kernels, the places of attention) is stretched to it.
    Raises NotOfThisNetworkError where the file is another network's.
    """
    network, layers = PlateReader().eval(), _layers(onnx.load(path))
    norms = _norms(network)
    modules = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear) and "spelling" not in name
    }
    for name in (*modules, PLACE):
        if name not in layers:
            raise NotOfThisNetworkError(f"{path} has no layer {name}: it is not of this network")
    for name, module in modules.items():
        weight, bias = layers[name]
        # A kernel over the whole height of a higher map adds up more: by as much less each of its values counts.
        share = weight.numel() / module.weight.numel()
        _put(module.weight, _stretched(weight, module.weight.shape) * share, f"{path}: {name}")
        if name in norms:
            _pass_through(norms[name], bias)
        else:
            _put(module.bias, bias, f"{path}: {name}")
    place = _stretched(layers[PLACE][0], network.province.place.shape)
    _put(network.province.place, place, f"{path}: {PLACE}")
    _measure(network, list(norms.values()), pictures)
    return network


def _layers(model: onnx.ModelProto) -> dict[str, tuple[Tensor, Tensor]]:
    """Weights and biases by the name of their module, whole again where the file has them in eight bits."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in tensors:
            tensors[node.output[0]] = _whole(*(tensors[name] for name in node.input))
        elif node.op_type == "Cast" and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]].astype(np.float32)
    layers = {
        _module(node.name): (_tensor(tensors[node.input[1]]), _tensor(tensors[node.input[2]]))
        for node in model.graph.node
        if node.op_type in FOLDED and set(node.input[1:3]) <= tensors.keys()
    }
    place = next((value for name, value in tensors.items() if name.endswith(PLACE)), None)
    return layers if place is None else layers | {PLACE: (_tensor(place), torch.empty(0))}


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32))


def _whole(rounded: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """Values of eight bits, scaled as a whole or by their first axis."""
    shape = (-1,) + (1,) * (rounded.ndim - 1) if scale.size > 1 else ()
    return (rounded.astype(np.float32) - zero.reshape(shape).astype(np.float32)) * scale.reshape(shape)


def _module(node: str) -> str:
    """`/reader/trunk/trunk.1/unit/unit.0/Conv`, as PyTorch names what a module does, to `trunk.1.unit.0`."""
    parts: list[str] = []
    for part in node.strip("/").split("/")[1:-1]:
        if parts and part.startswith(f"{parts[-1]}."):
            parts.pop()
        parts.append(part)
    return ".".join(parts)


def _norms(network: PlateReader) -> dict[str, nn.Module]:
    """The normalisation behind each convolution that has one, by the convolution's name."""
    found: dict[str, nn.Module] = {}
    for name, module in network.named_modules():
        if isinstance(module, Unit):
            found[f"{name}.0"] = module[1]
        elif isinstance(module, AlongRow):
            found[f"{name}.conv"] = module.norm
    return {name: norm for name, norm in found.items() if "spelling" not in name}


def _stretched(values: Tensor, shape: torch.Size) -> Tensor:
    """What has a size of the map, as it is for a map of another size; all else as it is."""
    if values.ndim != 4 or values.shape[:2] != shape[:2] or values.shape == shape:
        return values
    return F.interpolate(values, size=tuple(shape[2:]), mode="bilinear", align_corners=False)


@torch.no_grad()
def _put(into: Tensor, values: Tensor, what: str) -> None:
    if into.shape != values.shape:
        raise NotOfThisNetworkError(
            f"{what} is {list(values.shape)}, not {list(into.shape)}: it is not of this network"
        )
    into.copy_(values)


@torch.no_grad()
def _pass_through(norm: nn.Module, bias: Tensor) -> None:
    """Lets a normalisation only add the bias that was folded into the convolution before it."""
    norm.weight.fill_(1.0)
    norm.bias.copy_(bias)
    norm.running_mean.zero_()
    norm.running_var.fill_(1.0 - norm.eps)


@torch.no_grad()
def _measure(network: PlateReader, norms: list[nn.Module], pictures: np.ndarray) -> None:
    """Gives each normalisation the mean and variance of what it is given, and takes them back by its own weights."""
    given: dict[nn.Module, Tensor] = {}
    hooks = [norm.register_forward_pre_hook(lambda norm, inputs: given.update({norm: inputs[0]})) for norm in norms]
    network(torch.from_numpy(pictures).float()[:, None])
    for hook in hooks:
        hook.remove()
    for norm in norms:
        values = given[norm].transpose(0, 1).flatten(1)
        mean, variance = values.mean(1), values.var(1)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)
