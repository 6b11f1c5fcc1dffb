"""Cars drawn from polygons, from behind, from in front and from the side."""

from dataclasses import dataclass

import numpy as np

from platedet.face import Face, Points, fill, shade_of, shaded
from platedet.signs import Pool, Sign
from platedet.vehicle import Drawn, put
from plateocr.canvas import Textures
from plateocr.dice import Dice


@dataclass
class Body:
    """One vehicle's measures in metres, and its shades."""

    width: float
    height: float
    shoulder: float
    bumper: float
    floor: float
    shade: float
    glass: float
    plastic: float
    rough: float


class CarPainter:
    """Draws cars on a picture."""

    def __init__(self, pool: Pool, textures: Textures, dice: Dice) -> None:
        self.pool = pool
        self.textures = textures
        self.dice = dice

    def car(self, face: Face, sign: Sign | None, at: tuple[float, float], behind: bool) -> Drawn:
        """A car whose plate, if any, has its middle at x, y metres."""
        body = self._body()
        outline = self._outline(body)
        self._ground(face, body)
        drawn = Drawn(self._depth(face, outline, body))
        face.shaded(outline, body.shade, self.dice.uniform(-20, 90), body.rough, self.textures, self.dice)
        self._window(face, body)
        self._creases(face, body)
        self._bumper(face, body, behind)
        if not behind:
            self._grille(face, body)
        drawn.lamps = self._lamps(face, body, behind)
        self._badges(face, body)
        if self.dice.chance(0.25):
            self._sticker(face, body)
        self._seat(face, body, sign, at)
        if sign is not None:
            drawn.plate = put(face, sign, *at, self.dice)
        return drawn

    def side(self, face: Face) -> Drawn:
        """A car from the side: wheels, doors, windows, and no plate."""
        dice = self.dice
        body, half = self._body(), dice.uniform(1.8, 2.4)
        roof = dice.uniform(0.4, 0.75) * half
        outline = [
            (-half, body.floor), (half, body.floor), (half, body.shoulder * 0.9), (roof * 1.2, body.shoulder),
            (roof * 0.7, body.height), (-roof * 0.8, body.height), (-roof * 1.3, body.shoulder),
            (-half, body.shoulder * 0.85),
        ]  # fmt: skip
        face.oval(0, 0, half * 1.02, 0.12, dice.uniform(0, 50))
        face.shaded(outline, body.shade, dice.uniform(0, 90), body.rough, self.textures, dice)
        for x in (-roof * 0.45, roof * 0.3):
            pane = [(x - 0.4, body.shoulder), (x + 0.4, body.shoulder), (x + 0.3, body.height - 0.08)]
            face.shaded([*pane, (x - 0.3, body.height - 0.08)], body.glass, 60, 90, self.textures, dice)
            face.line([(x + 0.5, body.floor), (x + 0.5, body.shoulder)], body.shade * 0.6, 0.01)
        for x in (-half * 0.62, half * 0.62):
            face.oval(x, 0.31, 0.32, 0.32, dice.uniform(5, 40))
            face.oval(x, 0.31, 0.2, 0.2, dice.uniform(80, 220))
            for turn in np.arange(0, 3.1, 0.63):
                dx, dy = 0.2 * float(np.cos(turn)), 0.2 * float(np.sin(turn))
                face.line([(x - dx, 0.31 - dy), (x + dx, 0.31 + dy)], dice.uniform(10, 90), 0.03)
        return Drawn(face.px(outline))

    def _body(self) -> Body:
        dice = self.dice
        shade = dice.one_of((5, 60), (60, 170), (170, 255))
        shoulder = dice.uniform(0.8, 1.1)
        return Body(
            width=dice.uniform(1.5, 1.95),
            height=shoulder + dice.uniform(0.4, 0.75),
            shoulder=shoulder,
            bumper=dice.uniform(0.48, 0.66),
            floor=dice.uniform(0.16, 0.3),
            shade=shade,
            glass=dice.one_of((5, 60), (30, 160)),
            plastic=shade if dice.chance(0.6) else dice.uniform(10, 90),
            rough=dice.uniform(0, 70),
        )

    def _outline(self, body: Body) -> Points:
        dice = self.dice
        w, bulge, roof = body.width / 2, dice.uniform(0.96, 1.0), dice.uniform(0.62, 0.85)
        right = [
            (w * 0.86, body.floor), (w * bulge, body.floor + 0.1), (w, body.bumper), (w * 0.99, body.shoulder - 0.12),
            (w * 0.94, body.shoulder), (w * roof, body.height - 0.06), (w * roof * 0.85, body.height),
        ]  # fmt: skip
        return [*right, *((-x, y) for x, y in reversed(right))]

    def _ground(self, face: Face, body: Body) -> None:
        dice, w = self.dice, body.width / 2
        face.oval(0, 0.02, w * 1.1, 0.15, dice.uniform(0, 60))
        tyre = dice.uniform(5, 50)
        for x in (-w * 0.82, w * 0.82):
            face.box(x - 0.11, 0, x + 0.11, body.floor + 0.25, tyre)

    def _depth(self, face: Face, outline: Points, body: Body) -> np.ndarray:
        """The side that an oblique view shows: the outline again, further away. Returns the whole's hull, px."""
        dice = self.dice
        near = face.px(outline)
        away = dice.normal(0.45) * body.width * face.scale
        smaller, lift = dice.uniform(0.75, 0.92), dice.uniform(0.0, 0.15) * face.scale
        far = (near - near.mean(0)) * smaller + near.mean(0) + [away, -lift]
        shade = shade_of(body.shade * dice.uniform(0.5, 1.15))
        hull = np.concatenate([near, far])
        order = np.argsort(np.arctan2(*(hull - hull.mean(0)).T[::-1]))
        shaded(face.picture, hull[order].astype(np.float32), shade, 40, body.rough, self.textures, dice)
        if abs(away) > 0.3 * face.scale:
            fill(face.picture, (far * 0.3 + near * 0.7)[4:-4].astype(np.float32), body.glass)
        return hull.astype(np.float32)

    def _window(self, face: Face, body: Body) -> None:
        dice, w = self.dice, body.width / 2
        low, high = body.shoulder + dice.uniform(-0.08, 0.08), body.height - dice.uniform(0.08, 0.14)
        inner, roof = dice.uniform(0.8, 0.9) * w, dice.uniform(0.58, 0.72) * w
        frame = [(-inner, low), (inner, low), (roof, high), (-roof, high)]
        face.shaded(frame, body.glass, dice.uniform(-60, 120), dice.uniform(20, 160), self.textures, dice)
        if dice.chance(0.5):
            face.line([*frame, frame[0]], dice.uniform(0, 90), 0.02)
        if dice.chance(0.5):
            face.line([(0.0, low), (dice.uniform(0.2, 0.5), low + 0.04)], dice.uniform(0, 60), 0.02)
        if dice.chance(0.3):
            x, y, wide = dice.uniform(-0.5, 0.3), dice.uniform(low, high - 0.1), dice.uniform(0.08, 0.5)
            if dice.chance(0.5):
                face.box(x, y, x + wide, y + wide * 0.35, dice.uniform(0, 255))
            face.words(dice.choice(self.pool.assets.words), x, y, x + wide, y + wide * 0.3, dice.uniform(0, 255))

    def _creases(self, face: Face, body: Body) -> None:
        dice, w = self.dice, body.width / 2
        for _ in range(dice.whole(1, 4)):
            y, bend = dice.uniform(body.bumper, body.shoulder), dice.uniform(-0.05, 0.05)
            shade = shade_of(body.shade + dice.uniform(-90, 90))
            face.line([(-w, y), (0, y + bend), (w, y)], shade, dice.uniform(0.005, 0.03))
        for x in (-w * 0.72, w * 0.72):
            if dice.chance(0.5):
                face.line([(x, body.bumper), (x * 1.02, body.shoulder)], body.shade * 0.5, 0.01)

    def _bumper(self, face: Face, body: Body, behind: bool) -> None:
        dice, w = self.dice, body.width / 2
        low = body.floor + dice.uniform(0, 0.12)
        band = [(-w * 0.9, low), (w * 0.9, low), (w, body.bumper), (-w, body.bumper)]
        if dice.chance(0.7):
            face.shaded(band, body.plastic, dice.uniform(-30, 60), body.rough, self.textures, dice)
        if dice.chance(0.5):
            y = dice.uniform(low, body.bumper)
            face.line([(-w, y), (w, y)], dice.uniform(0, 255), dice.uniform(0.01, 0.07))
        for side in (-1, 1):
            x, y = side * dice.uniform(0.5, 0.75) * w, low + dice.uniform(0, 0.1)
            if behind and dice.chance(0.4):
                face.oval(x, low, 0.05, 0.03, dice.uniform(0, 230))
            elif dice.chance(0.5):
                face.box(x - 0.1, y, x + 0.1, y + 0.07, dice.uniform(40, 255))
        if dice.chance(0.3 if behind else 0.7):
            inner = dice.uniform(0.4, 0.75) * w
            self._bars(face, (-inner, low, inner, low + dice.uniform(0.08, 0.2)))

    def _bars(self, face: Face, area: tuple[float, float, float, float]) -> None:
        """A dark opening with bars or a mesh."""
        dice = self.dice
        x0, y0, x1, y1 = area
        face.box(x0, y0, x1, y1, dice.uniform(0, 70))
        shade, thick = dice.uniform(20, 255), dice.uniform(0.005, 0.02)
        for y in np.arange(y0, y1, dice.uniform(0.02, 0.08)):
            face.line([(x0, float(y)), (x1, float(y))], shade, thick)
        if dice.chance(0.45):
            for x in np.arange(x0, x1, dice.uniform(0.02, 0.1)):
                face.line([(float(x), y0), (float(x), y1)], shade, thick)

    def _grille(self, face: Face, body: Body) -> None:
        dice, w = self.dice, body.width / 2
        inner, low = dice.uniform(0.3, 0.7) * w, body.bumper + dice.uniform(0, 0.08)
        self._bars(face, (-inner, low, inner, low + dice.uniform(0.08, 0.25)))
        if dice.chance(0.5):
            face.line([(-inner, low), (inner, low)], dice.uniform(150, 255), 0.02)

    def _lamps(self, face: Face, body: Body, behind: bool) -> list[tuple[float, float, float]]:
        dice, w = self.dice, body.width / 2
        kind, shade, lit = dice.whole(0, 2), dice.uniform(20, 255), dice.chance(0.25)
        y0 = body.bumper + dice.uniform(0.0, 0.15)
        wide, high = (dice.uniform(0.1, 0.2), dice.uniform(0.25, 0.5)) if kind == 0 else (0.0, 0.0)
        if kind > 0:
            wide, high = dice.uniform(0.2, 0.42), dice.uniform(0.1, 0.24)
        slant, cells = dice.uniform(-0.06, 0.1), dice.whole(0, 3)
        inner = shade_of(shade + dice.uniform(-110, 110))
        lamps = []
        for side in (-1, 1):
            x0, x1 = side * (w * 0.97 - wide), side * w * 0.98
            if kind == 2 and dice.chance(0.3):
                face.oval((x0 + x1) / 2, y0 + high / 2, wide / 2, high / 2, shade)
            else:
                face.fill([(x0, y0 + slant), (x1, y0), (x1, y0 + high + slant), (x0, y0 + high)], shade)
            for cell in range(cells):
                x, y = x0 + (x1 - x0) * (cell + 0.5) / cells, y0 + high * dice.uniform(0.35, 0.65)
                face.oval(x, y, wide / cells * 0.35, high * 0.25, inner)
            if lit:
                ((x, y),) = face.px([((x0 + x1) / 2, y0 + high / 2)])
                lamps.append((float(x), float(y), face.scale * dice.uniform(0.06, 0.3 if behind else 0.5)))
        return lamps

    def _badges(self, face: Face, body: Body) -> None:
        dice, w = self.dice, body.width / 2
        contrast = shade_of(body.shade + dice.choice([-1, 1]) * dice.uniform(60, 200))
        if dice.chance(0.7):
            y = dice.uniform(body.bumper + 0.1, body.shoulder)
            face.oval(0, y, dice.uniform(0.03, 0.08), dice.uniform(0.03, 0.06), contrast)
        for x in (-w * 0.6, w * 0.35):
            if dice.chance(0.5):
                y, wide = dice.uniform(body.bumper + 0.05, body.shoulder), dice.uniform(0.12, 0.4)
                face.words(dice.choice(self.pool.assets.words), x, y, x + wide, y + wide * 0.2, contrast)

    def _sticker(self, face: Face, body: Body) -> None:
        """A board or sticker with words that is no plate: on the bumper, the lid or in the window."""
        dice, w = self.dice, body.width / 2
        board, aspect = self.pool.notice()
        x, y, wide = dice.uniform(-0.9, 0.5) * w, dice.uniform(body.floor, body.height - 0.2), dice.uniform(0.1, 0.6)
        face.paste(board, x, y, x + wide, y + wide / aspect)

    def _seat(self, face: Face, body: Body, sign: Sign | None, at: tuple[float, float]) -> None:
        """What a plate is screwed on: a recess, a bar with its lamps above. Without a plate it stays empty."""
        dice = self.dice
        x, y = at
        half = (sign.width if sign else dice.uniform(0.3, 0.52)) / 2
        high = (sign.height if sign else dice.uniform(0.11, 0.2)) / 2
        if dice.chance(0.65):
            # Where the recess ends is not where the plate does, near as it may be.
            dx, dy = half + dice.one_of((0.01, 0.1), (0.1, 0.4)), high + dice.uniform(0.01, 0.12)
            slant = dice.uniform(0, 0.12)
            recess = [(x - dx, y - dy), (x + dx, y - dy), (x + dx - slant, y + dy), (x - dx + slant, y + dy)]
            shade = shade_of(body.shade * dice.uniform(0.3, 1.2))
            face.shaded(recess, shade, -40, 20, self.textures, dice)
        if dice.chance(0.4):
            bar = y + high + dice.uniform(0.02, 0.06)
            face.box(x - half * 1.1, bar, x + half * 1.1, bar + dice.uniform(0.01, 0.05), dice.uniform(0, 255))
