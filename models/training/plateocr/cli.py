"""How both command lines are told of a training, and run what they were told."""

import argparse
import sys
from pathlib import Path
from types import ModuleType

from plateocr.errors import NotOfThisNetworkError
from plateocr.fonts import FontError
from plateocr.layout import LayoutError


def add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", training: dict[str, float]) -> None:
    """Adds the command `train`; `training` has each project's own `until`, `batch`, `rate`, `ramp` and `every`."""
    train = commands.add_parser("train", help="train; goes on from the run's last checkpoint")
    train.add_argument("--until", type=int, default=training["until"], help="samples, those of earlier runs included")
    train.add_argument("--batch", type=int, default=training["batch"], help="samples a step")
    train.add_argument("--rate", type=float, default=training["rate"], help="highest learning rate")
    train.add_argument("--cool", type=float, default=0.4, help="share of the samples over which the rate falls")
    train.add_argument("--ramp", type=int, default=training["ramp"], help="samples until they are as hard as they get")
    train.add_argument("--every", type=int, default=training["every"], help="samples between checkpoints")
    train.add_argument("--threads", type=int, default=1)
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--weights", type=Path, help="start from these weights instead of random ones")


def train(arguments: argparse.Namespace, training: ModuleType, glyphs: Path, held: Path) -> None:
    """Trains by `training`, a project's module, with the letters of `glyphs`, and measures with those of `held`.

    It goes on from the run's last checkpoint where there is one.
    """
    from plateocr import learning

    told = {name: value for name, value in vars(arguments).items() if name in training.Plan.__dataclass_fields__}
    plan = training.Plan(folder=arguments.run, **told)
    last = arguments.run / "last.pt"
    if last.exists():
        state = learning.resume(training.fresh(plan), last)
        print(f"going on from {last}: {state.seen} samples seen")
    else:
        weights = learning.weights(arguments.weights) if arguments.weights else None
        state = training.fresh(plan, weights)
    training.run(plan, state, glyphs, held if held.exists() else None)


def run(arguments: argparse.Namespace, commands: ModuleType) -> int:
    """Runs the named command, a function of `commands`. What a person can put right is said in a line and gives 1."""
    try:
        getattr(commands, arguments.command)(arguments)
    except (FontError, LayoutError, NotOfThisNetworkError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
