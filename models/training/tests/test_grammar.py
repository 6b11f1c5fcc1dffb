"""Formats: what they draw fits them, and what is wrong in one is said."""

import pytest

from plateocr.alphabet import BLANK, decode, encode
from plateocr.dice import Dice
from plateocr.grammar import FormatError, parse, plain
from plateocr.layout import Layout


def test_every_registration_drawn_fits_its_format(layouts: list[Layout]) -> None:
    dice = Dice(1)
    for layout in layouts:
        for known in layout.formats:
            for _ in range(20):
                assert known.matches(known.sample(dice)), (layout.name, known.source)


def test_every_registration_drawn_can_be_spelled_in_the_classes(layouts: list[Layout]) -> None:
    dice = Dice(2)
    for layout in layouts:
        for known in layout.formats:
            text = plain(known.sample(dice))
            spelled = [value for pair in zip(encode(text), [BLANK] * len(text), strict=True) for value in pair]
            assert decode(spelled) == text


def test_the_agents_notation_is_understood() -> None:
    thai = parse("D?TT DD?D?D?")
    assert thai.matches("4ขท3055") and thai.matches("กก 1") and not thai.matches("4ข3055")
    ranged = parse("[ABC1-3]-DD")
    assert ranged.matches("B07") and ranged.matches("207") and not ranged.matches("407")


def test_a_letter_that_is_seldom_issued_is_seldom_drawn_where_another_may_stand() -> None:
    dice = Dice(3)
    known = parse("OL-D")
    texts = [known.sample(dice, {"O": 0.1, "0": 0.1}) for _ in range(4000)]
    assert all(text.startswith("O") for text in texts)
    # One in 251 letters and one in 91 figures, not one in 26 and one in ten.
    assert 4 <= sum(text[1] == "O" for text in texts) <= 40
    assert 20 <= sum(text[3] == "0" for text in texts) <= 80


def test_gaps_and_row_ends_are_no_part_of_the_text() -> None:
    assert plain("1กข/12-3 4") == "1กข1234"


@pytest.mark.parametrize("wrong", ["[AB", "ab", "[9-1]", "[]", "- /", ""])
def test_a_wrong_format_is_refused(wrong: str) -> None:
    with pytest.raises(FormatError):
        parse(wrong)
