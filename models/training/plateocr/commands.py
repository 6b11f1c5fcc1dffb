"""What each command does."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from plateocr import cli
from plateocr import evaluate as measuring
from plateocr import fonts as fonts_of
from plateocr.layout import load_all
from plateocr.paths import HELD_LAYOUTS, LAYOUTS
from plateocr.sample import Sample, source

if TYPE_CHECKING:
    from torch import Tensor

COLUMNS = 9
# Plates by which the ranges of an eight-bit model are found, and the statistics of weights taken from one.
CALIBRATION_PLATES, CALIBRATION_SEED = 384, 3
# Batches of plates from which averaged weights take their statistics, and plates in each.
SOUP_BATCHES, SOUP_BATCH = 40, 64


def _glyphs(run: Path, held: bool = False) -> Path:
    return run / ("glyphs-held.pkl" if held else "glyphs.pkl")


def _calibration(run: Path) -> np.ndarray:
    return source(_glyphs(run), CALIBRATION_SEED).pictures(CALIBRATION_PLATES)


def fonts(arguments: argparse.Namespace) -> None:
    """Fetches fonts and draws their glyphs: those to train on, and those kept out."""
    for held in (False, True):
        assets = fonts_of.build(_glyphs(arguments.run, held), arguments.run / "fonts", held)
        print("Kept out of training:" if held else "For training:", *fonts_of.describe(assets), sep="\n  ")


def render(arguments: argparse.Namespace) -> None:
    """A contact sheet."""
    drawn_from = source(_glyphs(arguments.run, arguments.held), arguments.seed, varied=not arguments.held)
    layouts = load_all(LAYOUTS) + (load_all(HELD_LAYOUTS) if arguments.held else [])
    layouts = [layout for layout in layouts if arguments.layout in (None, layout.name)]
    if not layouts:
        raise FileNotFoundError(f"no layout is called {arguments.layout}")
    count = COLUMNS * (12 if arguments.layout else 1)
    samples = [drawn_from.sample(arguments.difficulty, layout) for layout in layouts for _ in range(count)]
    _sheet(samples, arguments.sheet)
    for start in range(0, len(samples), COLUMNS):
        print(samples[start].layout, *(sample.text for sample in samples[start : start + COLUMNS]))


def _sheet(samples: list[Sample], path: Path) -> None:
    pictures = [sample.picture for sample in samples]
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % COLUMNS)
    rows = [np.hstack(pictures[start : start + COLUMNS]) for start in range(0, len(pictures), COLUMNS)]
    cv2.imwrite(str(path), np.vstack(rows))


def train(arguments: argparse.Namespace) -> None:
    """Trains, from the last checkpoint where there is one."""
    from plateocr import train as training

    cli.train(arguments, training, _glyphs(arguments.run), _glyphs(arguments.run, held=True))


def keep(arguments: argparse.Namespace) -> None:
    """Writes what another machine needs to go on from this run's model, without its optimiser."""
    from plateocr import learning

    _write(learning.weights(arguments.run / "last.pt"), arguments.weights)


def average(arguments: argparse.Namespace) -> None:
    """Writes the average of several runs' weights, as `keep` writes those of one."""
    from plateocr import learning, soup

    drawn_from = source(_glyphs(arguments.run), CALIBRATION_SEED)
    drawn = (drawn_from.pictures(SOUP_BATCH) for _ in range(SOUP_BATCHES))
    network = soup.average([learning.weights(path) for path in arguments.of], drawn)
    _write(network.state_dict(), arguments.weights)


def take(arguments: argparse.Namespace) -> None:
    """Writes the weights of an exported file, so that training can go on from it where its run is lost."""
    from plateocr import released

    _write(released.reader(arguments.onnx, _calibration(arguments.run)).state_dict(), arguments.weights)


def _write(weights: dict[str, "Tensor"], path: Path) -> None:
    import torch

    from plateocr import train as training

    torch.save(training.halved(weights), path)


def export(arguments: argparse.Namespace) -> None:
    """Writes the ONNX file and its manifest; of a manifest that is there only the hash and the size of the input."""
    from plateocr import export as exporting

    reader = exporting.load(arguments.checkpoint or arguments.run / "last.pt")
    if arguments.half:
        exporting.write_half(reader, arguments.onnx)
    else:
        exporting.write_int8(reader, arguments.onnx, _calibration(arguments.run))
    print(exporting.write_manifest(arguments.onnx))


def evaluate(arguments: argparse.Namespace) -> None:
    """Prints a table."""
    reader = measuring.onnx_reader(arguments.onnx)
    held = _glyphs(arguments.run, held=True)
    samples = measuring.plates_of_all(held, arguments.plates, arguments.seed, arguments.difficulty)
    score = measuring.read_all(reader, samples)
    _table(score)
    print(f"{'provinces':16} {score.provinces():.3f}   none where none is: {score.none_right():.3f}")
    sure, wrong = score.sure_wrong()
    print(f"confidence of {measuring.SURE}: {sure:.3f} of all reads, {wrong:.3f} of these wrong")
    unseen = measuring.plates_of_all(held, arguments.plates, arguments.seed, arguments.difficulty, HELD_LAYOUTS)
    print("Of layouts that it never saw either:")
    _table(measuring.read_all(reader, unseen))
    named = measuring.plates_of_provinces(held, arguments.provinces, arguments.seed, arguments.difficulty)
    rates = measuring.read_all(reader, named).province_rates()
    worst = sorted(rates.items(), key=lambda rate: rate[1])[:8]
    print(
        f"each of {len(rates)} provinces: mean {np.mean(list(rates.values())):.3f}, worst:",
        *(f"{n} {r:.2f}" for n, r in worst),
    )
    if arguments.sheet:
        wrong_ones = [
            (sample, read) for sample, read in zip(samples, score.reads, strict=True) if read.text != read.truth
        ]
        _sheet([sample for sample, _ in wrong_ones], arguments.sheet)
        print(
            *(f"{read.layout}: {read.truth} read as {read.text} ({read.confidence:.2f})" for _, read in wrong_ones),
            sep="\n",
        )


def _table(score: measuring.Score) -> None:
    alike = score.alike()
    for layout, right in score.exact().items():
        print(f"{layout:16} {right:.3f}   with O as 0 and I as 1: {alike[layout]:.3f}")


def curve(arguments: argparse.Namespace) -> None:
    """Draws the learning curve."""
    from plateocr import curve as drawing

    drawing.draw(arguments.run / "curve.jsonl", arguments.svg)
