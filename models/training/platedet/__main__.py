"""Commands: render, train, export, evaluate, photos. `python -m platedet COMMAND --help` tells more."""

import argparse
import os
import sys
from pathlib import Path

from platedet import commands
from plateocr import cli


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

    cli.add_train(some, {"until": 300_000, "batch": 32, "rate": 1.5e-3, "ramp": 10_000, "every": 10_000})

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
    return cli.run(parser().parse_args(), commands)


if __name__ == "__main__":
    sys.exit(main())
