"""Letters that differ from their fonts': still letters, of the same size, alike on one plate."""

import numpy as np

from plateocr.alphabet import DIGITS, LATIN, PROVINCE_NAMES, spell
from plateocr.bend import Bend, bent, mixed
from plateocr.dice import Dice
from plateocr.sample import Source


def test_a_bent_letter_has_its_size_and_another_shape(source: Source) -> None:
    mask = source.drawer.assets.latin[0]["B"].mask
    moved = bent(mask, 0.05, (5, 5), Dice(3))
    assert moved.shape == mask.shape
    difference = np.abs(moved.astype(int) - mask.astype(int)).mean()
    assert 1 < difference < 90
    assert np.array_equal(bent(mask, 0.0, (5, 5), Dice(3)), mask)


def test_a_letter_is_bent_alike_wherever_it_stands_on_a_plate(source: Source) -> None:
    mask, bend = source.drawer.assets.latin[0]["8"].mask, Bend(Dice(4), 0.06, 0.1)
    assert np.array_equal(bend.letter("8", mask), bend.letter("8", mask))
    assert bend.letter("8", mask).shape[0] == mask.shape[0]


def test_letters_of_several_fonts_are_a_whole_alphabet(source: Source) -> None:
    for seed in range(20):
        assert set(mixed(source.drawer.assets.latin, Dice(seed))) == set(LATIN + DIGITS)


def test_no_two_provinces_are_spelt_alike() -> None:
    assert len({tuple(spell(province)) for province in range(len(PROVINCE_NAMES))}) == len(PROVINCE_NAMES)
