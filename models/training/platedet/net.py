"""The network: a gray picture of any size in, boxes with scores and four corners out.

A convolutional trunk to maps of stride 8, 16 and 32, what the coarser ones know added to the finer ones, and one head
for all three. A cell says how sure it is, where the plate's middle is from its own, how large the plate is, and where
in the box its corners are.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from platedet.targets import STRIDES
from plateocr.net import Residual, Unit

NECK = 48
# Score, middle, size, corners.
OUT = 1 + 2 + 2 + 8
# How sure cells are at first: most are nowhere near a plate.
BEGINNING = -4.0


class PlateDetector(nn.Module):
    """Gray pictures f32 [n, 1, h, w], 0 to 255, to one map [n, 13, h / stride, w / stride] (rounded up) a stride."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(Unit(1, 16, stride=2), Unit(16, 32, stride=2), Unit(32, 64, stride=2), Residual(64))
        self.middle = nn.Sequential(Unit(64, 96, stride=2), Residual(96), Residual(96))
        self.coarse = nn.Sequential(Unit(96, 128, stride=2), Residual(128), Residual(128))
        self.across = nn.ModuleList(nn.Conv2d(channels, NECK, 1) for channels in (64, 96, 128))
        self.join = nn.ModuleList(Unit(NECK, NECK) for _ in STRIDES)
        self.head = Unit(NECK, NECK)
        self.tell = nn.ModuleList(nn.Conv2d(NECK, OUT, 1) for _ in STRIDES)
        for tell in self.tell:
            nn.init.normal_(tell.weight, std=0.01)
            nn.init.zeros_(tell.bias)
            nn.init.constant_(tell.bias[:1], BEGINNING)

    def forward(self, x: Tensor) -> list[Tensor]:
        fine = self.fine(x / 64 - 2)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        fine, middle, coarse = (across(of) for across, of in zip(self.across, (fine, middle, coarse), strict=True))
        coarse = self.join[2](coarse)
        middle = self.join[1](middle + _finer(coarse, middle))
        fine = self.join[0](fine + _finer(middle, fine))
        return [tell(self.head(of)) for tell, of in zip(self.tell, (fine, middle, coarse), strict=True)]


def _finer(coarse: Tensor, like: Tensor) -> Tensor:
    """A map twice as fine, cut off to the size of another."""
    return F.interpolate(coarse, scale_factor=2.0, mode="nearest")[:, :, : like.shape[2], : like.shape[3]]


def told(maps: list[Tensor]) -> Tensor:
    """What the maps' cells tell, in px, f32 [n, cells, 13]: score before the sigmoid, middle, size, four corners."""
    rows = []
    for of, stride in zip(maps, STRIDES, strict=True):
        ones = torch.ones_like(of[:, :1])
        x, y = (ones.cumsum(3) - 0.5) * stride, (ones.cumsum(2) - 0.5) * stride
        middle_x, middle_y = x + of[:, 1:2] * stride, y + of[:, 2:3] * stride
        wide = of[:, 3:4].clamp(-4, 4).exp() * (stride * 4)
        high = of[:, 4:5].clamp(-4, 4).exp() * (stride * 2)
        corners = []
        for corner in range(4):
            along, down = of[:, 5 + 2 * corner : 6 + 2 * corner], of[:, 6 + 2 * corner : 7 + 2 * corner]
            # They begin as the box's own.
            corners.append(middle_x + wide * (along + (-0.5 if corner in (0, 3) else 0.5)))
            corners.append(middle_y + high * (down + (-0.5 if corner in (0, 1) else 0.5)))
        rows.append(torch.cat([of[:, :1], middle_x, middle_y, wide, high, *corners], 1).flatten(2))
    return torch.cat(rows, 2).transpose(1, 2)


class Exported(nn.Module):
    """What the ONNX file holds: f32 [1, cells, 14] as YOLOv5 with four landmarks has it.

    Middle, width, height, score, four corners, and the one class, which is always 1.
    """

    def __init__(self, detector: PlateDetector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, x: Tensor) -> Tensor:
        rows = told(self.detector(x))
        score = rows[:, :, :1].sigmoid()
        return torch.cat([rows[:, :, 1:5], score, rows[:, :, 5:], torch.ones_like(score)], 2)
