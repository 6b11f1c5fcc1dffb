"""The learning curve: a line for each group of layouts, from what training wrote."""

import json
from pathlib import Path

import pytest

from plateocr import curve


def test_the_curve_shows_each_group_at_its_last_value(tmp_path: Path) -> None:
    exact = {"us": 0.5, "eu": 0.7, "eu-stacked": 0.4, "th-car": 0.8, "th-motorcycle": 0.3}
    entries = [{"seen": seen, "exact": exact, "province": 0.9} for seen in (10_000, 20_000)]
    data = tmp_path / "curve.jsonl"
    data.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    curve.draw(data, tmp_path / "curve.svg")
    drawn = (tmp_path / "curve.svg").read_text(encoding="utf-8")
    assert drawn.count("<polyline") == 5
    for said in ("Latin, one row 0.600", "Latin, two rows 0.400", "Thai cars 0.800", "provinces 0.900", "20,000"):
        assert said in drawn


def test_without_figures_there_is_nothing_to_draw(tmp_path: Path) -> None:
    (tmp_path / "curve.jsonl").write_text('{"seen": 1, "loss": 2.0}\n', encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        curve.draw(tmp_path / "curve.jsonl", tmp_path / "curve.svg")
