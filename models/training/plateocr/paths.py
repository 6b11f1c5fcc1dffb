"""Where the project's own data lies."""

from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
LAYOUTS = HOME / "layouts"
# Kept out of training: what evaluation alone draws.
HELD_LAYOUTS = LAYOUTS / "held"
FONTS = HOME / "fonts.toml"
WORDS = HOME / "words.toml"
PROVINCES = HOME / "provinces.toml"
STROKES = HOME / "strokes.toml"
