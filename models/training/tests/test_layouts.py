"""Layouts: each one draws, its labels lie where the characters are, and a file that is wrong says what is wrong."""

from pathlib import Path

import numpy as np
import pytest

from plateocr.alphabet import PROVINCE_NAMES
from plateocr.camera import HEIGHT, WIDTH
from plateocr.layout import Layout, LayoutError, load, load_all
from plateocr.net import COLUMNS
from plateocr.paths import HELD_LAYOUTS
from plateocr.sample import Source
from plateocr.targets import IGNORED, batch, columns_of, points_of

ROW = '[[row]]\nshows = "registration"\ntop = [0.1, 0.2]\nbottom = [0.8, 0.9]\nleft = [0.0, 0.1]\nright = [0.9, 1.0]\n'


def test_every_layout_draws_a_picture_and_fitting_labels(source: Source, layouts: list[Layout]) -> None:
    for layout in layouts + load_all(HELD_LAYOUTS):
        for _ in range(3):
            sample = source.sample(layout=layout)
            assert sample.picture.shape == (HEIGHT, WIDTH) and sample.picture.dtype == np.uint8
            assert any(known.matches(sample.text) for known in layout.formats), sample.text
            assert len(sample.shot.centres) == len(sample.text) == len(sample.rows)
            assert bool(sample.province) <= layout.has_provinces


def test_easy_plates_are_labelled_where_their_characters_are(source: Source, layouts: list[Layout]) -> None:
    for layout in layouts:
        sample = source.sample(difficulty=0.0, layout=layout)
        x, y = sample.shot.centres.T
        assert ((x > 0) & (x < WIDTH) & (y > 0) & (y < HEIGHT)).all(), layout.name
        upper = np.array(sample.rows) == 0
        assert (np.diff(x[upper]) > 0).all()
        if layout.registration_rows == 2:
            assert y[upper].max() < y[~upper].min()


def test_what_is_kept_out_of_training_is_no_layout_of_it(layouts: list[Layout]) -> None:
    held = load_all(HELD_LAYOUTS)
    assert not {layout.country for layout in held} & {layout.country for layout in layouts}
    assert all(layout.share == 0 for layout in held) and all(layout.share > 0 for layout in layouts)


def test_columns_spell_the_registration_row_by_row(source: Source, layouts: list[Layout]) -> None:
    for layout in layouts:
        sample = source.sample(difficulty=0.0, layout=layout)
        asked = columns_of(sample)
        spelled = [value for value in asked if value > 0]
        assert len(spelled) >= len(sample.text) - 2
        if layout.registration_rows == 1:
            assert (asked[COLUMNS:] == 0).all()


def test_a_provinces_points_lie_below_a_cars_registration(source: Source, layouts: list[Layout]) -> None:
    thai = next(layout for layout in layouts if layout.name == "th-car")
    sample = source.sample(difficulty=0.0, layout=thai, province=3)
    assert PROVINCE_NAMES[sample.province or 0] == PROVINCE_NAMES[3]
    assert (points_of(sample) != IGNORED).all()
    assert sample.shot.province_points is not None
    assert sample.shot.province_points[:, 1].min() > sample.shot.centres[:, 1].mean()


def test_what_is_hard_to_tell_apart_is_drilled_in_training_and_not_measured_more(
    glyphs: Path, layouts: list[Layout]
) -> None:
    from plateocr.fonts import load as load_fonts

    brazil = next(layout for layout in layouts if layout.name == "br")
    assert brazil.drill is not None

    def begin_with_o(varied: bool) -> int:
        source = Source(load_fonts(glyphs), [brazil], seed=4, varied=varied)
        return sum(source.sample().text.startswith("O") for _ in range(100))

    assert begin_with_o(varied=True) >= 12
    assert begin_with_o(varied=False) <= 11


def test_a_seed_draws_the_same_again(glyphs: Path, layouts: list[Layout]) -> None:
    from plateocr.fonts import load as load_fonts

    first, second = (batch(Source(load_fonts(glyphs), layouts, seed=11), 4, 1.0) for _ in range(2))
    assert (first.pictures == second.pictures).all() and first.texts == second.texts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "formats"),
        ('country = "x"\nshare = 1\naspect = [2, 3]\nformats = [{format = "LL/DD"}]\n' + ROW, "rows"),
        ('country = "x"\nshare = 1\naspect = [2, 3]\ncolour = 1\nformats = [{format = "LL"}]\n' + ROW, "colour"),
        ('country = "x"\nshare = 1\naspect = [2, 3]\nformats = [{format = "ll"}]\n' + ROW, "alphabet"),
        (
            'country = "x"\nshare = 1\naspect = [2, 3]\nformats = [{format = "LL"}]\nseldom = { O = 0 }\n' + ROW,
            "above 0",
        ),
        (
            'country = "x"\nshare = 1\naspect = [2, 3]\nformats = [{format = "LL"}]\n[drill]\nchance = 1\n'
            + 'provinces = ["Atlantis"]\n'
            + ROW,
            "Atlantis",
        ),
    ],
)
def test_a_wrong_layout_is_refused_with_its_file_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "xx.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LayoutError, match=said) as refused:
        load(path)
    assert "xx.toml" in str(refused.value)
