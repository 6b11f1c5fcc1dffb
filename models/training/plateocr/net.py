"""The network: a gray picture in, a registration of one or two rows and a province out.

A plain convolutional trunk to a map of 8 x 50 cells. From it each row of the registration is collapsed to 50 columns by
a convolution of its own, and the columns of both rows, the upper row first, are one sequence of 100 for CTC: a plate of
one row leaves the second one blank. The province is read by attention: 12 learned places along its name.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from plateocr.alphabet import CLASSES, PROVINCE_NAMES, SPELLING
from plateocr.camera import HEIGHT, WIDTH
from plateocr.plate import PROVINCE_POINTS

ROWS = 2
COLUMNS = WIDTH // 4
MAP_HEIGHT = HEIGHT // 8
SPELT = 96


class Unit(nn.Sequential):
    """Convolution, batch normalisation, ReLU."""

    def __init__(
        self,
        inside: int,
        outside: int,
        kernel: int | tuple[int, int] = 3,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 1,
    ) -> None:
        super().__init__(
            nn.Conv2d(inside, outside, kernel, stride, padding, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(inplace=True),
        )


class Residual(nn.Module):
    """A unit whose result is added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.unit = Unit(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.unit(x)


class AlongRow(nn.Module):
    """A residual convolution over columns, `apart` from one it sees to the next: letters of a row help each other."""

    def __init__(self, channels: int, kernel: int = 5, apart: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, kernel, padding=kernel // 2 * apart, dilation=apart, bias=False)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + F.relu(self.norm(self.conv(x)))


class Scores(NamedTuple):
    """What the network says before any softmax.

    letters: [n, 100, classes]. provinces: [n, 78]. attention: [n, points, 400]. spelling: [n, 50, letters of
    provinces].
    """

    letters: Tensor
    provinces: Tensor
    attention: Tensor
    spelling: Tensor


class Province(nn.Module):
    """From the trunk's map [n, 96, 8, 50] to scores of provinces, of attention, and of the name's letters.

    The letters are asked in training only, so that the keys tell them apart: names that differ in two letters are few
    in the province's own loss.
    """

    def __init__(self, inside: int, channels: int = 64, hidden: int = 160) -> None:
        super().__init__()
        self.keys = nn.Sequential(Unit(inside, channels), Residual(channels))
        self.attend = nn.Conv2d(channels, PROVINCE_POINTS, 1)
        self.place = nn.Parameter(torch.zeros(1, PROVINCE_POINTS, MAP_HEIGHT, COLUMNS))
        self.name = nn.Sequential(
            nn.Linear(PROVINCE_POINTS * channels, hidden),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, len(PROVINCE_NAMES)),
        )
        self.spelling = nn.Sequential(
            Unit(channels, SPELT, (MAP_HEIGHT, 3), padding=(0, 1)),
            nn.Flatten(2),
            AlongRow(SPELT),
            nn.Conv1d(SPELT, len(SPELLING) + 1, 1),
        )

    def forward(self, trunk: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        keys = self.keys(trunk)
        attention = (self.attend(keys) + self.place).flatten(2)
        seen = torch.bmm(attention.softmax(-1), keys.flatten(2).transpose(1, 2))
        return self.name(seen.flatten(1)), attention, self.spelling(keys).transpose(1, 2)


class PlateReader(nn.Module):
    """Gray pictures f32 [n, 1, 64, 200], 0 to 255, to scores."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            *(Unit(1, 32, stride=2), Residual(32)),
            *(Unit(32, 64, stride=2), Residual(64), Residual(64)),
            *(Unit(64, 96, stride=(2, 1)), Residual(96), Residual(96)),
        )
        self.deep = nn.Sequential(Unit(96, 160, stride=(2, 1)), Residual(160), Residual(160))
        self.rows = nn.ModuleList(Unit(160, 160, (MAP_HEIGHT // 2, 3), padding=(0, 1)) for _ in range(ROWS))
        # With the second a letter sees some 30 of 50 columns to either side: others tell whether it may be a 0 or an O.
        self.along = nn.Sequential(AlongRow(160), AlongRow(160, apart=8), AlongRow(160), AlongRow(160))
        self.letters = nn.Conv1d(160, CLASSES, 1)
        self.province = Province(96)

    def forward(self, x: Tensor) -> Scores:
        x = x - x.mean((2, 3), keepdim=True)
        x = x / (x.pow(2).mean((2, 3), keepdim=True).sqrt() + 2.0)
        trunk = self.trunk(x)
        deep = self.deep(trunk)
        columns = torch.cat([row(deep).squeeze(2) for row in self.rows], 2)
        letters = self.letters(self.along(columns)).transpose(1, 2)
        return Scores(letters, *self.province(trunk))


class Exported(nn.Module):
    """What the ONNX file holds: probabilities of letters [n, 100, classes] and provinces [n, 78]."""

    def __init__(self, reader: PlateReader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.reader(x)
        return scores.letters.softmax(-1), scores.provinces.softmax(-1)
