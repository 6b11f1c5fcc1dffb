"""How well a reader reads drawn plates of fonts that it never saw. Real photos are measured by `lpr-agent eval`."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plateocr.alphabet import BLANK, PROVINCE_NAMES, decode
from plateocr.layout import Layout
from plateocr.paths import LAYOUTS
from plateocr.sample import Sample, source

if TYPE_CHECKING:
    from torch import nn

# Pictures uint8 [n, 64, 200] to probabilities of letters [n, 100, classes] and of provinces [n, 78].
Reader = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

BATCH = 64
SURE = 0.8
ALIKE = str.maketrans("OI", "01")


@dataclass(frozen=True)
class Read:
    """What was drawn and what was read. `confidence` is the mean of the characters' own, as in the agent."""

    layout: str
    truth: str
    text: str
    confidence: float
    least: float
    province: int | None
    province_read: int


@dataclass
class Score:
    """Reads of one evaluation."""

    reads: list[Read] = field(default_factory=list)

    def exact(self) -> dict[str, float]:
        """The share of registrations exactly right, by layout."""
        return self._right(lambda text: text)

    def alike(self) -> dict[str, float]:
        """The same with O as 0 and I as 1, which many plates write alike, as `lpr-agent eval` counts them, too."""
        return self._right(lambda text: text.translate(ALIKE))

    def _right(self, seen: Callable[[str], str]) -> dict[str, float]:
        found = defaultdict(list)
        for read in self.reads:
            found[read.layout].append(seen(read.text) == seen(read.truth))
        return {layout: float(np.mean(right)) for layout, right in sorted(found.items())}

    def provinces(self) -> float:
        """The share of provinces right among plates that show one."""
        asked = [read for read in self.reads if read.province]
        return float(np.mean([read.province == read.province_read for read in asked])) if asked else 1.0

    def none_right(self) -> float:
        """The share of plates without a province of which none was claimed."""
        asked = [read for read in self.reads if read.province == 0]
        return float(np.mean([read.province_read == 0 for read in asked])) if asked else 1.0

    def province_rates(self) -> dict[str, float]:
        """The share right for each province."""
        found = defaultdict(list)
        for read in self.reads:
            if read.province:
                found[PROVINCE_NAMES[read.province]].append(read.province == read.province_read)
        return {name: float(np.mean(right)) for name, right in found.items()}

    def sure_wrong(self) -> tuple[float, float]:
        """Of reads at least as confident as SURE: their share of all, and the share of them that is wrong."""
        sure = [read for read in self.reads if read.confidence >= SURE]
        wrong = [read for read in sure if read.text != read.truth]
        return len(sure) / max(1, len(self.reads)), len(wrong) / max(1, len(sure))

    def summary(self) -> dict[str, Any]:
        """Figures for the learning curve."""
        return {
            "exact": {layout: round(value, 4) for layout, value in self.exact().items()},
            "province": round(self.provinces(), 4),
            "none": round(self.none_right(), 4),
            "sure": [round(value, 4) for value in self.sure_wrong()],
        }


def plates_of_all(held: Path, plates: int, seed: int, difficulty: float = 0.5, layouts: Path = LAYOUTS) -> list[Sample]:
    """So many plates of every layout, in the fonts of a cache; with provinces, as many of each as go round."""
    drawn_from = source(held, seed, varied=False, layouts=layouts)
    samples = []
    for layout in drawn_from.layouts:
        samples += [drawn_from.sample(difficulty, layout, _province(layout, number)) for number in range(plates)]
    return samples


def plates_of_provinces(held: Path, each: int, seed: int, difficulty: float = 0.5) -> list[Sample]:
    """So many cars' plates of every province."""
    drawn_from = source(held, seed, varied=False)
    layout = next(layout for layout in drawn_from.layouts if layout.has_provinces and layout.registration_rows == 1)
    names = range(1, len(PROVINCE_NAMES))
    return [drawn_from.sample(difficulty, layout, name) for name in names for _ in range(each)]


def _province(layout: Layout, number: int) -> int | None:
    return number % (len(PROVINCE_NAMES) - 1) + 1 if layout.has_provinces else None


def read_all(reader: Reader, samples: list[Sample]) -> Score:
    """Reads samples in batches."""
    score = Score()
    for start in range(0, len(samples), BATCH):
        part = samples[start : start + BATCH]
        letters, provinces = reader(np.stack([sample.picture for sample in part]))
        for sample, columns, named in zip(part, letters, provinces, strict=True):
            text, sureness = read_columns(columns)
            mean = float(np.mean(sureness)) if sureness else 0.0
            least = min(sureness, default=0.0)
            score.reads.append(
                Read(sample.layout, sample.text, text, mean, least, sample.province, int(named.argmax()))
            )
    return score


def read_columns(columns: np.ndarray) -> tuple[str, list[float]]:
    """Probabilities [columns, classes] to a text and each character's confidence: the highest of its columns."""
    best = columns.argmax(-1)
    text, sureness, before = decode(best.tolist()), [], BLANK
    for column, value in enumerate(best):
        if value != BLANK and value == before:
            sureness[-1] = max(sureness[-1], float(columns[column, value]))
        elif value != BLANK:
            sureness.append(float(columns[column, value]))
        before = value
    return text, sureness


def torch_reader(network: "nn.Module") -> Reader:
    """A reader from a network in training."""
    import torch

    def read(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        network.eval()
        with torch.no_grad():
            scores = network(torch.from_numpy(pictures).float()[:, None])
        return scores.letters.softmax(-1).numpy(), scores.provinces.softmax(-1).numpy()

    return read


def one_thread(path: Path) -> "onnxruntime.InferenceSession":  # noqa: F821
    """An exported file in ONNX Runtime on one thread; FileNotFoundError where there is none."""
    import onnxruntime

    if not path.is_file():
        raise FileNotFoundError(f"{path} is no ONNX file; `export` writes one")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def onnx_reader(path: Path) -> Reader:
    """A reader from an exported file."""
    session = one_thread(path)
    name = session.get_inputs()[0].name

    def read(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        letters, provinces = session.run(None, {name: pictures[:, None].astype(np.float32)})
        return letters, provinces

    return read
