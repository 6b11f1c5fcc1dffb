"""Layouts of plates as data: one TOML file each in `layouts/`, read and checked here."""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from plateocr.alphabet import ALPHABET, PROVINCE_NAMES, THAI
from plateocr.dice import Range
from plateocr.grammar import ROW_END, Format, FormatError, parse
from plateocr.paths import LAYOUTS

SHOWS = ("registration", "province", "words")
SIDES = ("left", "right", "top", "bottom")
GAP_KINDS = ("hyphen", "dot", "emblem", "sticker", "blob", "nothing")


class LayoutError(ValueError):
    """A layout's file that cannot be used: which file, and what is wrong in it."""


@dataclass(frozen=True)
class Row:
    """A row of a plate. Edges are shares of the plate's height (top, bottom) and width (left, right)."""

    shows: str
    top: Range
    bottom: Range
    left: Range
    right: Range
    part: int = 0
    fill: Range = (0.82, 0.99)
    chance: float = 1.0


@dataclass(frozen=True)
class Band:
    """A band of another shade along one side; `size` is its share of the plate's width or height."""

    side: str
    size: Range
    chance: float = 1.0
    letter: bool = False
    words: bool = False


@dataclass(frozen=True)
class Drill:
    """What training sees more often than roads do, as it is hard to tell apart: formats, and provinces by name."""

    chance: float
    formats: tuple[Format, ...] = ()
    provinces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """How plates of one kind look. README.md explains every key."""

    name: str
    country: str
    share: float
    aspect: Range
    formats: tuple[Format, ...]
    format_weights: tuple[float, ...]
    rows: tuple[Row, ...]
    bands: tuple[Band, ...] = ()
    height: int = 128
    inverted: float = 0.08
    texture: float = 0.1
    border: float = 0.3
    surround: float = 0.4
    dealer_frame: float = 0.0
    side_picture: float = 0.0
    bolts: tuple[int, int] = (0, 4)
    stickers: tuple[int, int] = (0, 0)
    gaps: dict[str, float] = field(default_factory=lambda: {"hyphen": 1.0, "nothing": 1.0})
    swaps: dict[str, float] = field(default_factory=dict)
    seldom: dict[str, float] = field(default_factory=dict)
    usual_provinces: dict[str, float] = field(default_factory=dict)
    drill: Drill | None = None

    @property
    def has_provinces(self) -> bool:
        """Whether a row names a province."""
        return any(row.shows == "province" for row in self.rows)

    @property
    def registration_rows(self) -> int:
        """1 or 2."""
        return sum(row.shows == "registration" for row in self.rows)

    @property
    def thai(self) -> bool:
        """Whether some format has Thai letters."""
        return any(set(place.options) & set(THAI) for known in self.formats for place in known.places)


def load(path: Path) -> Layout:
    """Reads one layout; raises LayoutError."""
    try:
        return _build(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, FormatError, KeyError, TypeError, ValueError) as error:
        raise LayoutError(f"{path}: {error}") from error


def load_all(folder: Path = LAYOUTS) -> list[Layout]:
    """Every layout of a folder, by name."""
    layouts = [load(path) for path in sorted(folder.glob("*.toml"))]
    if not layouts:
        raise LayoutError(f"{folder} holds no layout (*.toml)")
    return layouts


def _build(name: str, table: dict[str, Any]) -> Layout:
    formats = table.pop("formats")
    rows = tuple(Row(**_tuples(row)) for row in table.pop("row"))
    bands = tuple(Band(**_tuples(band)) for band in table.pop("band", []))
    usual = table.pop("provinces", {}).get("usual", {})
    drill = table.pop("drill", None)
    unknown = set(table) - {known.name for known in fields(Layout)}
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    layout = Layout(
        name=name,
        formats=tuple(parse(entry["format"]) for entry in formats),
        format_weights=tuple(float(entry.get("weight", 1)) for entry in formats),
        rows=rows,
        bands=bands,
        usual_provinces=usual,
        drill=_drill(drill) if drill else None,
        **_tuples(table),
    )
    _check(layout)
    return layout


def _drill(table: dict[str, Any]) -> Drill:
    formats = tuple(parse(source) for source in table.get("formats", []))
    return Drill(**{**_tuples(table), "formats": formats})


def _tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def _check(layout: Layout) -> None:
    _known("shows", {row.shows for row in layout.rows}, SHOWS)
    _known("side", {band.side for band in layout.bands}, SIDES)
    _known("gaps", set(layout.gaps), GAP_KINDS)
    _known("seldom", set(layout.seldom), list(ALPHABET))
    if not all(0 < share <= 1 for share in layout.seldom.values()):
        raise ValueError("seldom: how often a character is issued beside others is above 0, and at most 1")
    _known("provinces.usual", set(layout.usual_provinces), PROVINCE_NAMES)
    parts = [row.part for row in layout.rows if row.shows == "registration"]
    if parts not in ([0], [0, 1]):
        raise ValueError("a plate has one row of registration (part 0) or two (parts 0 and 1, the upper one first)")
    drill = layout.drill or Drill(0.0)
    _known("drill.provinces", set(drill.provinces), PROVINCE_NAMES)
    for known in layout.formats + drill.formats:
        if known.source.count(ROW_END) + 1 != len(parts):
            raise ValueError(f"format {known.source!r} has not as many rows as the layout")


def _known(key: str, used: set[str], allowed: tuple[str, ...] | list[str]) -> None:
    unknown = used - set(allowed)
    if unknown:
        raise ValueError(f"{key}: {', '.join(sorted(unknown))} is none of {', '.join(allowed[:12])}")
