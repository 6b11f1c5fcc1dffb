"""How both command lines run what they were told."""

import argparse
import sys
from types import ModuleType

from plateocr.fonts import FontError
from plateocr.layout import LayoutError


def run(arguments: argparse.Namespace, commands: ModuleType) -> int:
    """Runs the named command, a function of `commands`. What a person can put right is said in a line and gives 1."""
    try:
        getattr(commands, arguments.command)(arguments)
    except (FontError, LayoutError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
