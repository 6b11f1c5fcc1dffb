"""Commands: fonts, render, train, keep, average, take, export, evaluate, curve. `COMMAND --help` tells more."""

import argparse
import os
import sys
from pathlib import Path

from plateocr import cli, commands


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="plateocr", description=__doc__)
    default = Path(os.environ.get("PLATEOCR_RUN", "run"))
    top.add_argument("--run", type=Path, default=default, help="folder for fonts, glyphs, checkpoints (default: run)")
    some = top.add_subparsers(dest="command", required=True)

    some.add_parser("fonts", help="fetch the fonts of fonts.toml and draw their glyphs")

    render = some.add_parser("render", help="a sheet of plates as PNG, one row a layout")
    render.add_argument("sheet", type=Path)
    render.add_argument("--layout", help="only this layout")
    render.add_argument("--seed", type=int, default=1)
    render.add_argument("--difficulty", type=float, default=1.0)
    render.add_argument(
        "--held", action="store_true", help="in the fonts kept out of training, and the layouts kept out as well"
    )

    cli.add_train(some, {"until": 2_000_000, "batch": 64, "rate": 2e-3, "ramp": 60_000, "every": 20_000})

    export = some.add_parser("export", help="write ONNX with convolutions of eight bits, and its manifest")
    export.add_argument("onnx", type=Path)
    export.add_argument("--half", action="store_true", help="weights in half precision instead: larger and slower")
    export.add_argument(
        "--checkpoint", type=Path, help="or weights alone (keep, average, take); default: the run's last"
    )

    keep = some.add_parser("keep", help="the averaged weights in half precision: small, for `train --weights`")
    keep.add_argument("weights", type=Path)

    average = some.add_parser("average", help="the average of several runs' weights, often better than each of them")
    average.add_argument("of", type=Path, nargs="+", help="checkpoints, or weights alone")
    average.add_argument("weights", type=Path)

    take = some.add_parser("take", help="the weights of an exported file, for `train --weights`")
    take.add_argument("onnx", type=Path)
    take.add_argument("weights", type=Path)

    measure = some.add_parser("evaluate", help="drawn plates of fonts never seen in training")
    measure.add_argument("onnx", type=Path)
    measure.add_argument("--plates", type=int, default=200, help="of each layout")
    measure.add_argument("--provinces", type=int, default=10, help="plates of each province")
    measure.add_argument("--difficulty", type=float, default=0.5)
    measure.add_argument("--seed", type=int, default=7)
    measure.add_argument("--sheet", type=Path, help="a PNG of plates read wrong")

    curve = some.add_parser("curve", help="draw the learning curve as SVG")
    curve.add_argument("svg", type=Path)
    return top


def main() -> int:
    """Runs a command."""
    return cli.run(parser().parse_args(), commands)


if __name__ == "__main__":
    sys.exit(main())
