"""What each command does."""

import argparse
import os
from pathlib import Path

import cv2
import numpy as np

from platedet import evaluate as measuring
from platedet.scene import Scene, Source
from plateocr import cli

COLUMNS, ROWS = 8, 8


def _glyphs(run: Path, held: bool = False) -> Path:
    """The reader's glyphs (`training.sh fonts`), unless the run's folder has its own."""
    name = "glyphs-held.pkl" if held else "glyphs.pkl"
    own = run / name
    return own if own.exists() else Path(os.environ.get("PLATEOCR_RUN", run)) / name


def render(arguments: argparse.Namespace) -> None:
    """A contact sheet: plates framed in green, what nothing is asked about in red."""
    source = Source(_glyphs(arguments.run), arguments.seed)
    scenes = [source.scene(arguments.difficulty) for _ in range(COLUMNS * ROWS)]
    pictures = [_framed(scene) for scene in scenes]
    rows = [np.hstack(pictures[start : start + COLUMNS]) for start in range(0, len(pictures), COLUMNS)]
    cv2.imwrite(str(arguments.sheet), np.vstack(rows))


def _framed(scene: Scene) -> np.ndarray:
    picture = cv2.cvtColor(scene.picture, cv2.COLOR_GRAY2BGR)
    for quad in scene.plates:
        cv2.polylines(picture, [np.round(quad).astype(np.int32)], True, (0, 255, 0))
    for x0, y0, x1, y1 in np.round(scene.unsure).astype(int).tolist():
        cv2.rectangle(picture, (x0, y0), (x1, y1), (0, 0, 255))
    return picture


def train(arguments: argparse.Namespace) -> None:
    """Trains, from the last checkpoint where there is one."""
    from platedet import train as training

    cli.train(arguments, training, _glyphs(arguments.run), _glyphs(arguments.run, held=True))


def export(arguments: argparse.Namespace) -> None:
    """Writes the ONNX file and its manifest; of a manifest that is there already only the hash."""
    from platedet import export as exporting

    checkpoint = arguments.checkpoint or arguments.run / "last.pt"
    exporting.write(exporting.load(checkpoint), arguments.onnx)
    print(exporting.write_manifest(arguments.onnx))


def evaluate(arguments: argparse.Namespace) -> None:
    """Prints a table."""
    find = measuring.onnx_finder(arguments.onnx)
    scenes = list(measuring.scenes(_glyphs(arguments.run, held=True), arguments.scenes, arguments.seed))
    for confidence in (0.1, 0.2, 0.3, 0.5):
        score = measuring.measure(find, scenes, confidence)
        sizes = " ".join(f"{least}px {score.recall(least, most):.3f}" for least, most in measuring.SIZES)
        print(
            f"confidence {confidence}: recall {score.recall():.3f} ({sizes}), IoU {score.overlap():.3f}, "
            f"{len(score.strange) / score.pictures:.3f} strange boxes a scene"
        )


def photos(arguments: argparse.Namespace) -> None:
    """Prints a table of one look a photo."""
    from platedet import photos as looking

    sets = looking.measure(arguments.onnx, arguments.truth, arguments.confidence)
    print(sets.table())
    for photo in (photo for folder in sets.folders.values() for photo in folder if photo.best < measuring.ENOUGH):
        print(f"missed: {photo.file} (IoU {photo.best:.2f}, surest {photo.confidence:.2f}, others {photo.strange})")
