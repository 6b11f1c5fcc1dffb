"""How many plates of drawn scenes are found, and how often something else is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from platedet.scene import Scene, Source
from plateocr.evaluate import one_thread

# A gray picture, uint8 [h, w], to rows of 14 numbers, float32 [cells, 14], as the ONNX file gives them.
Finder = Callable[[np.ndarray], np.ndarray]

CONFIDENCE, NMS, ENOUGH = 0.3, 0.4, 0.5
# A box with less in common with every plate shows none.
STRANGE = 0.1
SIZES = ((9, 16), (16, 32), (32, 64), (64, 128), (128, 1000))


def onnx_finder(path: Path) -> Finder:
    """An exported file, on one thread."""
    session = one_thread(path)
    return lambda picture: session.run(None, {"gray": picture[None, None].astype(np.float32)})[0][0]


def torch_finder(detector: "torch.nn.Module") -> Finder:  # noqa: F821
    """A detector as it is trained."""
    import torch

    from platedet.net import Exported

    exported = Exported(detector).eval()

    def find(picture: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return exported(torch.from_numpy(picture)[None, None].float())[0].numpy()

    return find


def kept(rows: np.ndarray, confidence: float = CONFIDENCE, nms: float = NMS) -> np.ndarray:
    """What the agent keeps of the rows: boxes float32 [n, 5], x0, y0, x1, y1, score, the surest first."""
    rows = rows[rows[:, 4] >= confidence]
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    boxes = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2, rows[:, 4:5]], 1)
    stay = []
    while len(boxes):
        stay.append(boxes[0])
        boxes = boxes[1:][shares(boxes[0], boxes[1:]) <= nms]
    return np.array(stay, np.float32).reshape(-1, 5)


def shares(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Shared area by joint area of a box x0, y0, x1, y1 and each of others, float32 [n]."""
    sides = np.minimum(box[2:4], others[:, 2:4]) - np.maximum(box[:2], others[:, :2])
    shared = np.maximum(sides, 0).prod(1)
    areas = (others[:, 2:4] - others[:, :2]).prod(1)
    return shared / np.maximum((box[2:4] - box[:2]).prod() + areas - shared, 1e-9)


@dataclass
class Score:
    """Of each plate its width and its best box's IoU; of each box without a plate its score; of `pictures` scenes."""

    pictures: int = 0
    plates: list[tuple[float, float]] = field(default_factory=list)
    strange: list[float] = field(default_factory=list)

    def recall(self, least: float = 0, most: float = 1e9) -> float:
        """Of the plates so wide the share that was found at an IoU of .5."""
        found = [overlap >= ENOUGH for wide, overlap in self.plates if least <= wide < most]
        return float(np.mean(found)) if found else float("nan")

    def overlap(self) -> float:
        """Mean IoU of what was found."""
        found = [overlap for _, overlap in self.plates if overlap >= ENOUGH]
        return float(np.mean(found)) if found else 0.0

    def summary(self) -> dict[str, object]:
        """For the learning curve."""
        sizes = {f"{least}": round(self.recall(least, most), 3) for least, most in SIZES}
        strange = round(len(self.strange) / max(1, self.pictures), 3)
        return {"recall": round(self.recall(), 4), "sizes": sizes, "iou": round(self.overlap(), 3), "strange": strange}


def scenes(cache: Path, count: int, seed: int) -> Iterable[Scene]:
    """Scenes with plates in the fonts of a cache, as they are."""
    source = Source(cache, seed, pool=40, varied=False)
    return (source.scene() for _ in range(count))


def measure(find: Finder, drawn: Iterable[Scene], confidence: float = CONFIDENCE) -> Score:
    """Looks for the plates of scenes."""
    score = Score()
    for scene in drawn:
        score.pictures += 1
        boxes = kept(find(scene.picture), confidence)
        truth = np.concatenate([scene.plates.min(1), scene.plates.max(1)], 1)
        for plate in truth:
            score.plates.append((float(plate[2] - plate[0]), float(shares(plate, boxes).max(initial=0.0))))
        known = np.concatenate([truth, scene.unsure])
        score.strange += [float(box[4]) for box in boxes if shares(box, known).max(initial=0.0) < STRANGE]
    return score
