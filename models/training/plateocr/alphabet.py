"""The characters that the reader knows, in the order of its classes, and the provinces in the order of theirs."""

import tomllib
import unicodedata

from plateocr.paths import PROVINCES

DIGITS = "0123456789"
LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Consonants on Thai plates: all but ฃ and ฅ, which are out of use.
THAI = "กขคฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ"
ALPHABET = DIGITS + LATIN + THAI

BLANK = 0
CLASS_OF = {character: place + 1 for place, character in enumerate(ALPHABET)}
CLASSES = len(ALPHABET) + 1


def _provinces() -> list[str]:
    """Class 0 is "no province"; a list is only ever lengthened at its end, or a trained head loses its meaning."""
    return ["", *tomllib.loads(PROVINCES.read_text(encoding="utf-8"))["names"]]


PROVINCE_NAMES = _provinces()


def _spelt(name: str) -> str:
    """A name without what stands above and below its letters."""
    return "".join(character for character in name if unicodedata.category(character) != "Mn")


_SPELT = [_spelt(name) for name in PROVINCE_NAMES]
SPELLING = "".join(sorted(set("".join(_SPELT))))


def spell(province: int) -> list[int]:
    """A province's letters as classes, each 1 to len(SPELLING)."""
    return [SPELLING.index(letter) + 1 for letter in _SPELT[province]]


def encode(text: str) -> list[int]:
    """Classes of a registration's characters, each 1 to CLASSES - 1."""
    return [CLASS_OF[character] for character in text]


def decode(classes: list[int]) -> str:
    """Greedy CTC: one class a column in, the registration out."""
    text, before = "", BLANK
    for value in classes:
        if value not in (BLANK, before):
            text += ALPHABET[value - 1]
        before = value
    return text
