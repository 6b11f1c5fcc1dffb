"""A plate drawn flat, as a layout says, with everything around it that is not to be read."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from plateocr.alphabet import PROVINCE_NAMES
from plateocr.bend import Bend, mixed, some_bend
from plateocr.canvas import Textures, paste, paste_words, resize
from plateocr.clutter import bolts, border, dealer_frame, emboss, side_picture, stickers, surround
from plateocr.dice import Dice
from plateocr.fonts import Assets
from plateocr.glyph import Glyph
from plateocr.grammar import ROW_END, Format, plain
from plateocr.layout import Band, Layout, Row
from plateocr.line import Style, draw_line, draw_style

PROVINCE_POINTS = 12


@dataclass
class Plate:
    """A drawn plate.

    picture: float32 [height, width], 0 to 255. text: the registration without gaps. province: its class, 0 for none.
    centres: float32 [characters, 2], x and y px. rows: which row of the registration each character is in, 0 or 1.
    province_points: float32 [PROVINCE_POINTS, 2] along the province's name, px, or None.
    """

    picture: np.ndarray
    layout: Layout
    text: str = ""
    province: int = 0
    centres: list[tuple[float, float]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    province_points: list[tuple[float, float]] | None = None

    def shift(self, x: float, y: float) -> None:
        """Moves every point: the picture grew at its left and top by x and y px."""
        self.centres = [(px + x, py + y) for px, py in self.centres]
        if self.province_points is not None:
            self.province_points = [(px + x, py + y) for px, py in self.province_points]


class Drawer:
    """Draws plates; holds what is the same for all of them.

    `varied`: letters differ from their fonts' and the layouts' drills are drawn, as in training.
    """

    def __init__(self, assets: Assets, textures: Textures, dice: Dice, varied: bool) -> None:
        self.assets = assets
        self.varied = varied
        self.textures = textures
        self.dice = dice

    def draw(self, layout: Layout, written: str | None = None, province: int | None = None) -> Plate:
        """A plate of a layout; `written` is its registration with gaps and row ends, both are diced where not given."""
        dice = self.dice
        back, ink = shades(layout.inverted, dice)
        width = int(layout.height * dice.within(layout.aspect))
        plate = Plate(np.full((layout.height, width), back, np.float32), layout)
        if written is None:
            written = _loosely(self._format(layout).sample(dice, layout.seldom), dice)
        plate.text = plain(written)
        if dice.chance(layout.texture):
            plate.picture += self.textures.field(layout.height, width, dice) * dice.uniform(15, 85)
        if dice.chance(layout.border):
            border(plate.picture, ink, dice)
        inset = self._bands(plate.picture, layout, dice)
        inset = side_picture(plate.picture, layout.side_picture, inset, self.textures, dice)
        gap = dice.weighted(list(layout.gaps), list(layout.gaps.values()))
        latin, thai = (self._font(fonts) for fonts in (self.assets.latin, self.assets.thai))
        bend = some_bend(dice) if self.varied else Bend(dice)
        style = draw_style(latin, thai, bend, gap, layout.swaps, dice)
        self._rows(plate, layout, written.split(ROW_END), style, ink, inset, province)
        stickers(plate.picture, layout.stickers, self.assets.words, dice)
        bolts(plate.picture, dice.whole(*layout.bolts) if dice.chance(0.6) else 0, dice)
        if dice.chance(layout.dealer_frame):
            dealer_frame(plate.picture, self.assets.words, dice)
        if dice.chance(layout.surround):
            plate.picture, moved = surround(plate.picture, self.assets.words, dice)
            plate.shift(*moved)
        if dice.chance(0.25):
            plate.picture = emboss(plate.picture, dice)
        return plate

    def _format(self, layout: Layout) -> Format:
        if self.varied and layout.drill and layout.drill.formats and self.dice.chance(layout.drill.chance):
            return self.dice.choice(layout.drill.formats)
        return self.dice.weighted(layout.formats, layout.format_weights)

    def _font(self, fonts: list[dict[str, Glyph]]) -> dict[str, Glyph]:
        return mixed(fonts, self.dice) if self.varied else self.dice.choice(fonts)

    def _rows(
        self,
        plate: Plate,
        layout: Layout,
        parts: list[str],
        style: Style,
        ink: float,
        inset: tuple[int, int],
        province: int | None,
    ) -> None:
        for row in layout.rows:
            if not self.dice.chance(row.chance):
                continue
            box = _box(row, plate.picture.shape, inset, self.dice)
            match row.shows:
                case "registration":
                    centres = draw_line(
                        plate.picture, parts[row.part], box, ink, style, row.fill, self.assets.words, self.dice
                    )
                    plate.centres += centres
                    plate.rows += [row.part] * len(centres)
                case "province":
                    self._province(plate, layout, box, ink, style.bend, province)
                case _:
                    shade = ink if self.dice.chance(0.5) else self.dice.uniform(0, 255)
                    paste_words(plate.picture, self.dice.choice(self.assets.words), box, shade, self.dice)

    def _province(
        self,
        plate: Plate,
        layout: Layout,
        box: tuple[float, float, float, float],
        ink: float,
        bend: Bend,
        province: int | None,
    ) -> None:
        dice = self.dice
        plate.province = province if province is not None else self._named(layout)
        mask = bend.word(dice.choice(self.assets.provinces)[plate.province])
        if dice.chance(0.2):
            mask = cv2.dilate(mask, np.ones((2, 2), np.uint8))
        x0, y0, x1, y1 = box
        height, room = y1 - y0, x1 - x0
        width = mask.shape[1] * height / mask.shape[0] * dice.uniform(0.75, 1.35)
        if dice.chance(0.35):
            width = max(width, room * dice.uniform(0.38, 0.8))
        width = min(width, room)
        x = (x0 + x1 - width) / 2 + dice.uniform(-0.02, 0.02) * plate.picture.shape[1]
        paste(plate.picture, resize(mask, width, height), x, y0, ink)
        middle = (y0 + y1) / 2
        plate.province_points = [(x + width * (k + 0.5) / PROVINCE_POINTS, middle) for k in range(PROVINCE_POINTS)]

    def _named(self, layout: Layout) -> int:
        dice = self.dice
        if self.varied and layout.drill and layout.drill.provinces and dice.chance(layout.drill.chance):
            return PROVINCE_NAMES.index(dice.choice(layout.drill.provinces))
        for name, chance in layout.usual_provinces.items():
            if dice.chance(chance):
                return PROVINCE_NAMES.index(name)
        return dice.whole(1, len(PROVINCE_NAMES) - 1)

    def _bands(self, picture: np.ndarray, layout: Layout, dice: Dice) -> tuple[int, int]:
        """Draws the bands; returns how many px they take at the left and at the right."""
        inset = {"left": 0, "right": 0}
        for band in layout.bands:
            if dice.chance(band.chance):
                size = self._band(picture, band, dice)
                if band.side in inset:
                    inset[band.side] = size
        return inset["left"], inset["right"]

    def _band(self, picture: np.ndarray, band: Band, dice: Dice) -> int:
        height, width = picture.shape
        along = width if band.side in ("left", "right") else height
        size = max(2, int(along * dice.within(band.size)))
        area = {
            "left": np.s_[:, :size],
            "right": np.s_[:, width - size :],
            "top": np.s_[:size],
            "bottom": np.s_[height - size :],
        }
        shade = dice.uniform(20, 130) if dice.chance(0.85) else dice.uniform(0, 255)
        picture[area[band.side]] = shade
        light = shade + dice.uniform(60, 125)
        if band.letter:
            cv2.circle(picture, (size // 2, int(height * 0.33)), max(1, int(size * 0.3)), light, 1)
            letter = dice.choice(list(dice.choice(self.assets.latin).values())).mask
            paste(
                picture,
                resize(letter, size * dice.uniform(0.3, 0.5), height * dice.uniform(0.15, 0.22)),
                size * 0.3,
                height * dice.uniform(0.65, 0.75),
                light,
            )
        if band.words:
            box = (width * 0.15, size * 0.15, width * 0.85, size * 0.85)
            paste_words(picture, dice.choice(self.assets.words), box, light, dice)
        return size


def shades(inverted: float, dice: Dice) -> tuple[float, float]:
    """Background and ink, 0 to 255: mostly dark on light, some of little contrast, `inverted` of them light on dark."""
    kind = dice.uniform(0, 1)
    if kind < inverted:
        back = dice.uniform(10, 110)
        return back, dice.uniform(back + 90, 255)
    if kind < 0.28:
        back = dice.uniform(110, 230)
        return back, max(0.0, back - dice.uniform(60, 110))
    back = dice.uniform(150, 250)
    return back, dice.uniform(0, min(90, back - 90))


def _loosely(written: str, dice: Dice) -> str:
    """Gaps as plates really have them: a hyphen may be a space, and a gap may be missing."""
    kind = dice.uniform(0, 1)
    if kind < 0.22:
        return written.replace("-", " ")
    return written.replace("-", "").replace(" ", "") if kind < 0.3 else written


def _box(row: Row, shape: tuple[int, ...], inset: tuple[int, int], dice: Dice) -> tuple[float, float, float, float]:
    height, width = shape[:2]
    left, right = inset
    room = width - left - right
    return (
        left + room * dice.within(row.left),
        height * dice.within(row.top),
        left + room * dice.within(row.right),
        height * dice.within(row.bottom),
    )
