"""The average of several runs' weights: one network that reads better than each of them.

A "model soup" (Wortsman et al. 2022, arXiv 2203.05482). The runs must have gone on from one another, or from the same
weights: networks that learned from different random ones have nothing in common to average.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from plateocr.errors import NotOfThisNetworkError
from plateocr.learning import look
from plateocr.net import PlateReader


@torch.no_grad()
def average(runs: list[dict[str, Tensor]], drawn: Iterable[np.ndarray]) -> PlateReader:
    """The network of the mean of weights, in whatever precision each has them.

    `drawn`: batches of pictures as training has them, uint8 [n, HEIGHT, WIDTH], from which every normalisation takes
    its statistics anew: the mean of two networks' statistics are not those of the mean network.
    Raises NotOfThisNetworkError where the runs' weights are another network's.
    """
    network = PlateReader()
    mean = {name: torch.stack([_of(run, name, value) for run in runs]).mean(0) for name, value in _floats(network)}
    network.load_state_dict(network.state_dict() | mean)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # every batch counts as much as any other
    network.train()
    for pictures in drawn:
        look(network, pictures)
    return network.eval()


def _floats(network: PlateReader) -> list[tuple[str, Tensor]]:
    return [(name, value) for name, value in network.state_dict().items() if value.dtype.is_floating_point]


def _of(run: dict[str, Tensor], name: str, like: Tensor) -> Tensor:
    value = run.get(name)
    if value is None or value.shape != like.shape:
        given = "missing" if value is None else list(value.shape)
        raise NotOfThisNetworkError(f"{name} is {given}, not {list(like.shape)}: the weights are not of this network")
    return value.float()
