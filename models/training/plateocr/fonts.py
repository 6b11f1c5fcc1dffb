"""Fonts from packages, by name, and the cache of their glyphs as masks.

A glyph is drawn once, with a capital (or บ) 64 px high; the renderer stretches these masks. Words and provinces are
drawn once as well. The cache is one file, so that a renderer starts in a moment.
"""

import fnmatch
import pickle
import random
import subprocess
import tarfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from plateocr.alphabet import DIGITS, LATIN, PROVINCE_NAMES, THAI
from plateocr.dice import Dice
from plateocr.glyph import CAP, Glyph, trim
from plateocr.paths import FONTS, WORDS
from plateocr.strokes import skeletons, stroke_font

PROVINCE_SIZE = 34
WORD_SIZE = 24
WORDS_DRAWN = 1600
# Nearly as many fonts again as packages give, written with a round pen (strokes.toml).
STROKE_FONTS = 240
NOTHING = "\uffff"


class FontError(RuntimeError):
    """Fonts that cannot be had: which, and what to do."""


@dataclass
class Assets:
    """All masks. `latin` and `thai` hold one dictionary of glyphs a font, `provinces` one list of masks a Thai font."""

    latin: list[dict[str, Glyph]] = field(default_factory=list)
    thai: list[dict[str, Glyph]] = field(default_factory=list)
    provinces: list[list[np.ndarray]] = field(default_factory=list)
    words: list[np.ndarray] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def load(cache: Path) -> Assets:
    """The cache that `build` wrote."""
    if not cache.exists():
        raise FontError(f"{cache} is missing; run: python -m plateocr fonts")
    with cache.open("rb") as file:
        assets: Assets = pickle.load(file)
    return assets


def build(cache: Path, downloads: Path, held: bool, listing: Path = FONTS, missing_ok: bool = False) -> Assets:
    """Draws every font of the list (the held ones, or the others) and writes the cache."""
    assets = Assets()
    files: dict[str, list[Path]] = {"latin": [], "thai": []}
    for entry in tomllib.loads(listing.read_text(encoding="utf-8"))["font"]:
        if entry.get("held", False) != held:
            continue
        try:
            files[entry["script"]] += _files(entry, downloads)
        except FontError:
            if not missing_ok:
                raise
    for script, alphabet, reference in (("latin", LATIN + DIGITS, "H"), ("thai", THAI, "บ")):
        for path in files[script]:
            glyphs = draw_font(path, alphabet, reference)
            if glyphs is not None:
                getattr(assets, script).append(glyphs)
                assets.names.append(path.name)
                if script == "thai":
                    assets.provinces.append([draw_text(path, name, PROVINCE_SIZE) for name in PROVINCE_NAMES])
    if not assets.latin or not assets.thai:
        raise FontError(f"{listing}: no usable fonts for one of the scripts")
    if not held:
        known, dice = skeletons(), Dice(1)
        assets.latin += [stroke_font(known, dice) for _ in range(STROKE_FONTS)]
    assets.words = _words(files["latin"], files["thai"])
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.open("wb") as file:
        pickle.dump(assets, file)
    return assets


def _files(entry: dict[str, Any], downloads: Path) -> list[Path]:
    if "debian" in entry:
        return _some(_debian(entry), entry["debian"])
    return [path for spec in entry["npm"] for path in _some(_npm(spec, entry, downloads), spec)]


def _some(found: list[Path], package: str) -> list[Path]:
    if not found:
        raise FontError(f"{package} holds none of the files asked for")
    return sorted(found)


def _debian(entry: dict[str, Any]) -> list[Path]:
    package = entry["debian"]
    listed = subprocess.run(["dpkg-query", "-L", package], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        raise FontError(f"the Debian package {package} is missing; run: apt-get install {package}")
    slanted = ("Oblique", "Italic")
    paths = [Path(line) for line in listed.stdout.splitlines() if line.endswith((".ttf", ".otf"))]
    paths = [path for path in paths if not any(word in path.name for word in slanted)]
    best: dict[str, Path] = {}
    for path in paths:
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in entry["files"]):
            best.setdefault(path.stem, path)
    return list(best.values())


def _npm(spec: str, entry: dict[str, Any], downloads: Path) -> list[Path]:
    name, version = spec.rsplit("@", 1)
    archive = downloads / f"{name.strip('@').replace('/', '-')}-{version}.tgz"
    if not archive.exists():
        downloads.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            ["npm", "pack", "--silent", spec], cwd=downloads, capture_output=True, text=True, check=False
        )
        if packed.returncode != 0 or not archive.exists():
            raise FontError(f"npm pack {spec} failed: {packed.stderr.strip()[-300:]}")
    family = name.rsplit("/", 1)[-1]
    wanted = {f"{family}-{entry['script']}-{weight}-normal.woff" for weight in entry["weights"]}
    found = []
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            file = Path(member.name).name
            if file in wanted:
                target = downloads / file
                if not target.exists():
                    stream = tar.extractfile(member)
                    if stream is not None:
                        target.write_bytes(stream.read())
                found.append(target)
    return found


def draw_font(path: Path, alphabet: str, reference: str) -> dict[str, Glyph] | None:
    """Masks of an alphabet, or None where the font lacks one of its characters."""
    high = -ImageFont.truetype(str(path), 100).getbbox(reference, anchor="ls")[1]
    if high <= 0:
        return None
    font = ImageFont.truetype(str(path), round(100 * CAP / high))
    absent = bytes(font.getmask(NOTHING))
    glyphs = {}
    for character in alphabet:
        glyph = _glyph(font, character)
        if glyph is None or bytes(font.getmask(character)) == absent:
            return None
        glyphs[character] = glyph
    return glyphs


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> Glyph | None:
    base = round(2.5 * CAP)
    image = Image.new("L", (4 * CAP, 4 * CAP), 0)
    ImageDraw.Draw(image).text((CAP, base), character, font=font, fill=255, anchor="ls")
    trimmed = trim(np.asarray(image))
    if trimmed is None:
        return None
    mask, top = trimmed
    return Glyph(mask, top - base, top + mask.shape[0] - base)


def draw_text(path: Path, text: str, size: int) -> np.ndarray:
    """A text's mask, uint8 [height, width], shaped as its script asks."""
    if not features.check("raqm") and any(character > "\u0e00" for character in text):
        raise FontError("Pillow has no raqm: Thai vowels would stand in wrong places; use the pinned wheel")
    if not text:
        return np.zeros((1, 1), np.uint8)
    font = ImageFont.truetype(str(path), size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text, anchor="ls"))
    image = Image.new("L", (right - left + 8, bottom - top + 8), 0)
    ImageDraw.Draw(image).text((4 - left, 4 - top), text, font=font, fill=255, anchor="ls")
    trimmed = trim(np.asarray(image))
    if trimmed is None:
        raise FontError(f"{path.name} draws {text!r} as nothing")
    return trimmed[0]


def _words(latin: list[Path], thai: list[Path]) -> list[np.ndarray]:
    lists = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    draw = random.Random(1)
    masks = []
    for _ in range(WORDS_DRAWN):
        text, path = draw.choice(draw.choice(list(lists.values()))), draw.choice(latin)
        if draw.random() < 0.4:
            text = text.upper()
        if draw.random() < 0.08:
            text, path = draw.choice(PROVINCE_NAMES[1:]), draw.choice(thai)
        masks.append(draw_text(path, text, WORD_SIZE))
    return masks


def describe(assets: Assets) -> Iterable[str]:
    """Lines for a person."""
    yield f"{len(assets.latin)} Latin fonts, {len(assets.thai)} Thai fonts, {len(assets.words)} words"
    yield ", ".join(assets.names)
