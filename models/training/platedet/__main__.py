"""Commands: render, train, export, evaluate, photos. `python -m platedet COMMAND --help` tells more."""

import argparse
import os
import sys
from pathlib import Path

from platedet import commands
from plateocr.cli import run


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="platedet", description=__doc__)
    default = Path(os.environ.get("PLATEDET_RUN", "run"))
    top.add_argument("--run", type=Path, default=default, help="folder for glyphs and checkpoints (default: run)")
    some = top.add_subparsers(dest="command", required=True)

    render = some.add_parser("render", help="a sheet of scenes as PNG")
    render.add_argument("sheet", type=Path)
    render.add_argument("--seed", type=int, default=1)
    render.add_argument("--difficulty", type=float, default=1.0)

    train = some.add_parser("train", help="train; goes on from the run's last checkpoint")
    train.add_argument("--until", type=int, default=200_000, help="scenes, those of earlier runs included")
    train.add_argument("--rate", type=float, default=1.5e-3, help="highest learning rate")
    train.add_argument("--cool", type=float, default=0.4, help="share of the scenes over which the rate falls")
    train.add_argument("--ramp", type=int, default=10_000, help="scenes until they are as hard as they get")
    train.add_argument("--batch", type=int, default=32, help="scenes a step")
    train.add_argument("--every", type=int, default=10_000, help="scenes between checkpoints")
    train.add_argument("--threads", type=int, default=1)
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--weights", type=Path, help="start from these weights instead of random ones")

    export = some.add_parser("export", help="write ONNX with half-precision weights, and its manifest")
    export.add_argument("onnx", type=Path)
    export.add_argument("--checkpoint", type=Path, help="default: the run's last")

    measure = some.add_parser("evaluate", help="drawn scenes with plates in fonts never seen in training")
    measure.add_argument("onnx", type=Path)
    measure.add_argument("--scenes", type=int, default=600)
    measure.add_argument("--seed", type=int, default=7)

    real = some.add_parser("photos", help="real photos, one look each; takes clp_det.onnx as well, to compare")
    real.add_argument("onnx", type=Path)
    real.add_argument("truth", type=Path, help="a list file,x,y,w,h,… beside its photos")
    real.add_argument("--confidence", type=float, default=0.3)
    return top


def main() -> int:
    """Runs a command."""
    return run(parser().parse_args(), commands)


if __name__ == "__main__":
    sys.exit(main())
