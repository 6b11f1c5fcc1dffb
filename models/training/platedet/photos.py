"""Real photos, to measure on and for nothing else: one look of a detector at each, beside another detector."""

import csv
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from platedet.evaluate import ENOUGH, NMS, STRANGE, kept, shares
from plateocr.evaluate import one_thread

LONGER_SIDE = 640
MEAN = np.array([104.0, 117.0, 123.0], np.float32)


@dataclass
class Seen:
    """One photo: the best and the surest box's IoU with the labelled plate, boxes elsewhere, the session's time.

    A photo may show more plates than the labelled one.
    """

    file: str
    best: float
    surest: float
    confidence: float
    strange: int
    seconds: float


@dataclass
class Sets:
    """Photos by folder."""

    folders: dict[str, list[Seen]] = field(default_factory=dict)

    def table(self) -> str:
        """One line a folder."""
        lines = []
        for folder, photos in sorted(self.folders.items()):
            found = [photo for photo in photos if photo.best >= ENOUGH]
            lines.append(
                f"{folder}: found {len(found)} of {len(photos)}, surest {sum(p.surest >= ENOUGH for p in photos)}, "
                f"mean IoU {np.mean([p.best for p in found] or [0]):.3f}, "
                f"other boxes a photo {np.mean([p.strange for p in photos]):.2f}, "
                f"median {1e3 * np.median([p.seconds for p in photos]):.1f} ms"
            )
        return "\n".join(lines)


class Look:
    """A detector's one look at a photo: `platedet` files, and those with RetinaFace's three outputs."""

    def __init__(self, path: Path) -> None:
        self.session = one_thread(path)
        self.name = self.session.get_inputs()[0].name
        self.ours = len(self.session.get_outputs()) == 1

    def boxes(self, photo: np.ndarray, confidence: float, side: int = LONGER_SIDE) -> tuple[np.ndarray, float]:
        """Boxes x0, y0, x1, y1, score in the photo's px, and the session's seconds."""
        height, width = photo.shape[:2]
        scale = side / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        # The agent reduces by area for ours, as its manifest says, and bilinearly for the other.
        small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA if self.ours and scale < 1 else cv2.INTER_LINEAR)
        if self.ours:
            tensor = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)[None, None].astype(np.float32)
        else:
            tensor = (small.astype(np.float32) - MEAN).transpose(2, 0, 1)[None]
        began = time.perf_counter()
        outputs = self.session.run(None, {self.name: tensor})
        took = time.perf_counter() - began
        rows = outputs[0][0] if self.ours else _retinaface(outputs, *size)
        boxes = kept(rows, confidence, NMS)
        boxes[:, :4] *= np.array([width / size[0], height / size[1]] * 2, np.float32)
        return boxes, took


def _retinaface(outputs: list[np.ndarray], width: int, height: int) -> np.ndarray:
    """The rows of a detector with priors, as `kept` takes them."""
    by_width = {output.shape[-1]: output[0] for output in outputs}
    loc, conf = by_width[4], by_width[2]
    priors = []
    for stride, sizes in ((8, (24, 48)), (16, (96, 192)), (32, (384, 768))):
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
        middles = np.stack([(x.ravel() + 0.5) * stride, (y.ravel() + 0.5) * stride], 1)
        each = [np.concatenate([middles, np.full((len(middles), 1), size)], 1) for size in sizes]
        priors.append(np.stack(each, 1).reshape(-1, 3))
    prior = np.concatenate(priors).astype(np.float32)
    size = prior[:, 2:3]
    return np.concatenate([prior[:, :2] + loc[:, :2] * 0.1 * size, size * np.exp(loc[:, 2:] * 0.2), conf[:, 1:2]], 1)


def measure(path: Path, truth: Path, confidence: float) -> Sets:
    """Looks at every photo of a truth list that has a box."""
    look, sets = Look(path), Sets()
    with truth.open(encoding="utf-8") as file:
        listed = [row for row in csv.DictReader(file) if row["x"]]
    for row in listed:
        photo = cv2.imread(str(truth.parent / row["file"]))
        if photo is None:
            raise FileNotFoundError(f"{truth.parent / row['file']} is no photo")
        x, y, w, h = (float(row[key]) for key in ("x", "y", "w", "h"))
        plate = np.array([x, y, x + w, y + h], np.float32)
        boxes, took = look.boxes(photo, confidence)
        alike = shares(plate, boxes)
        sets.folders.setdefault(row["file"].split("/")[0], []).append(
            Seen(
                row["file"],
                float(alike.max(initial=0.0)),
                float(alike[0]) if len(boxes) else 0.0,
                float(boxes[0, 4]) if len(boxes) else 0.0,
                int((alike < STRANGE).sum()),
                took,
            )
        )
    return sets
