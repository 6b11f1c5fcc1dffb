"""One row of a registration: which glyphs, how wide, how far apart, and where each one came to stand."""

from dataclasses import dataclass

import cv2
import numpy as np

from plateocr.alphabet import THAI
from plateocr.bend import Bend
from plateocr.canvas import paste, resize
from plateocr.dice import Dice, Range
from plateocr.gaps import draw_gap
from plateocr.glyph import CAP, Glyph
from plateocr.grammar import GAPS

USUAL_WIDTHS = "ABCDEHKPRU0456"
KERNEL = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Style:
    """How the rows of one plate are written: the same for both rows of a stacked plate."""

    latin: dict[str, Glyph]
    thai: dict[str, Glyph]
    bend: Bend
    gap: str
    weight: int
    equal_cells: bool
    spacing: float
    cap_width: float | None
    gap_width: float
    latin_stretch: float
    thai_scale: float
    thai_shift: float
    thai_ascenders: bool


@dataclass(frozen=True)
class _Item:
    """A character (or a gap, without a mask): width, and the mask's top and height below the row's top, all in px."""

    character: str
    mask: np.ndarray | None
    width: float
    top: float
    height: float


def draw_style(
    latin: dict[str, Glyph], thai: dict[str, Glyph], bend: Bend, gap: str, swaps: dict[str, float], dice: Dice
) -> Style:
    """Dices how a plate is written. `swaps` are the chances that 0 and O, or 1 and I, share one glyph."""
    latin = _swapped(latin, swaps, dice)
    cap_width = None
    if dice.chance(0.55):
        cap_width = sorted(latin[known].mask.shape[1] for known in USUAL_WIDTHS)[7] * dice.uniform(0.9, 1.15)
    weight = dice.uniform(0, 1)
    return Style(
        latin=latin,
        thai=thai,
        bend=bend,
        gap=gap,
        weight=1 if weight < 0.2 else -1 if weight > 0.88 else 0,
        equal_cells=dice.chance(0.25),
        spacing=dice.uniform(0.06, 0.22),
        cap_width=cap_width,
        gap_width=dice.uniform(0.3, 0.75) if gap in ("emblem", "sticker", "blob") else dice.uniform(0.2, 0.6),
        latin_stretch=dice.uniform(0.85, 1.25),
        thai_scale=dice.uniform(0.92, 1.12),
        thai_shift=dice.uniform(-0.06, 0.06),
        thai_ascenders=dice.chance(0.5),
    )


def _swapped(latin: dict[str, Glyph], swaps: dict[str, float], dice: Dice) -> dict[str, Glyph]:
    """Many plates write 0 as O, or 1 as I: there only the position tells them apart."""
    latin = dict(latin)
    for pair, chance in swaps.items():
        if dice.chance(chance):
            letter, digit = pair
            kept, replaced = (letter, digit) if dice.chance(0.67) else (digit, letter)
            latin[replaced] = latin[kept]
    return latin


def draw_line(
    picture: np.ndarray,
    text: str,
    box: tuple[float, float, float, float],
    shade: float,
    style: Style,
    fill: Range,
    words: list[np.ndarray],
    dice: Dice,
) -> list[tuple[float, float]]:
    """Writes a text with its gaps into the box (x0, y0, x1, y1 px). Returns each character's centre, x and y in px."""
    x0, y0, x1, y1 = box
    row = y1 - y0
    items = [_item(character, row, style, dice) for character in text]
    cell = max(item.width for item in items if item.mask is not None) * dice.uniform(0.95, 1.05)
    gap = style.spacing * row
    widths = [cell if style.equal_cells and item.mask is not None else item.width for item in items]
    total = sum(widths) + gap * (len(items) - 1)
    factor = (x1 - x0) * dice.within(fill) / total
    if factor > 1.0:
        factor = min(factor, dice.uniform(1.0, 1.25) if dice.chance(0.5) else dice.uniform(1.0, 1.9))
    x = (x0 + x1 - total * factor) / 2
    centres = []
    for item, width in zip(items, widths, strict=True):
        place = width * factor
        if item.mask is None:
            draw_gap(picture, style.gap, x, place, (y0, y1), shade, words, dice)
        else:
            wide = item.width * factor
            paste(picture, resize(item.mask, wide, item.height), x + (place - wide) / 2, y0 + item.top, shade)
            centres.append((x + place / 2, (y0 + y1) / 2))
        x += place + gap * factor
    return centres


def _item(character: str, row: float, style: Style, dice: Dice) -> _Item:
    if character in GAPS:
        narrow = character == "-" and style.gap in ("hyphen", "dot")
        return _Item(character, None, (dice.uniform(0.3, 0.5) if narrow else style.gap_width) * row, 0.0, 0.0)
    thai = character in THAI
    glyph = (style.thai if thai else style.latin)[character]
    mask = _weighted(style.bend.letter(character, glyph.mask), style.weight)
    scale = row / CAP * (style.thai_scale if thai else 1.0)
    top, bottom = -row, 0.0
    if thai and style.thai_ascenders:
        top, bottom = glyph.top * scale + style.thai_shift * row, glyph.bottom * scale + style.thai_shift * row
    width = float(mask.shape[1])
    if not thai and style.cap_width is not None:
        width = min(width, style.cap_width)
    return _Item(character, mask, width * scale * (1.0 if thai else style.latin_stretch), row + top, bottom - top)


def _weighted(mask: np.ndarray, weight: int) -> np.ndarray:
    if weight == 0:
        return mask
    return cv2.dilate(mask, KERNEL) if weight > 0 else cv2.erode(mask, KERNEL)
