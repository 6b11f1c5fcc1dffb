"""Formats of registrations, written as in `models.regions` of the agent.

`D` is a digit, `L` a Latin letter, `T` a Thai consonant, `[ABC1-9]` one of these, other characters themselves; `?`
follows what may be missing. A space or a hyphen is a gap on the plate, `/` the end of a row: no part of the text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from plateocr.alphabet import ALPHABET, DIGITS, LATIN, THAI
from plateocr.dice import Dice

GAPS = " -"
ROW_END = "/"
SETS = {"D": DIGITS, "L": LATIN, "T": THAI}


class FormatError(ValueError):
    """A format that cannot be understood."""


@dataclass(frozen=True)
class Place:
    """One place of a format: what may stand there, and whether it may be empty."""

    options: str
    optional: bool = False


@dataclass(frozen=True)
class Format:
    """A parsed format."""

    source: str
    places: tuple[Place, ...]

    def sample(self, dice: Dice, seldom: Mapping[str, float] = MappingProxyType({})) -> str:
        """A registration with its gaps and row ends, such as `4ขท 3055`.

        `seldom`: characters that are issued less often than others that may stand in their place, 0 to 1.
        """
        kept = (place for place in self.places if not (place.optional and dice.chance(0.5)))
        return "".join(
            dice.weighted(place.options, [seldom.get(option, 1.0) for option in place.options]) for place in kept
        )

    def matches(self, text: str) -> bool:
        """Whether a text without gaps fits."""
        return re.fullmatch(self.pattern(), plain(text)) is not None

    def pattern(self) -> str:
        """The format as a regular expression over texts without gaps."""
        kept = (place for place in self.places if place.options not in GAPS + ROW_END)
        return "".join(f"[{re.escape(place.options)}]{'?' if place.optional else ''}" for place in kept)


def plain(text: str) -> str:
    """The registration alone: no gaps, no row ends."""
    return text.translate(str.maketrans("", "", GAPS + ROW_END))


def parse(source: str) -> Format:
    """Reads a format; raises FormatError with the place that is wrong."""
    places: list[Place] = []
    at = 0
    while at < len(source):
        if source[at] == "[":
            end = source.find("]", at)
            if end < 0:
                raise FormatError(f"{source!r}: the [ at {at} is not closed")
            options, at = _members(source[at + 1 : end], source), end + 1
        else:
            options, at = SETS.get(source[at], source[at]), at + 1
        unknown = set(options) - set(ALPHABET + GAPS + ROW_END)
        if unknown:
            raise FormatError(f"{source!r}: {''.join(sorted(unknown))!r} is not in the alphabet")
        optional = at < len(source) and source[at] == "?"
        places.append(Place(options, optional))
        at += optional
    if not any(place.options not in GAPS + ROW_END for place in places):
        raise FormatError(f"{source!r} holds no character")
    return Format(source, tuple(places))


def _members(inside: str, source: str) -> str:
    members = ""
    for low, high, single in re.findall(r"(.)-(.)|(.)", inside):
        if single:
            members += single
            continue
        first, last = ALPHABET.find(low), ALPHABET.find(high)
        if not 0 <= first <= last:
            raise FormatError(f"{source!r}: {low}-{high} is no range of the alphabet")
        members += ALPHABET[first : last + 1]
    if not members:
        raise FormatError(f"{source!r}: [] holds nothing")
    return members
