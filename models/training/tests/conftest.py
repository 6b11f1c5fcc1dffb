"""What the tests share: glyphs of two fonts, drawn once."""

from pathlib import Path

import pytest

from plateocr import fonts
from plateocr.layout import Layout, load_all
from plateocr.sample import Source

LISTING = Path(__file__).parent / "fonts.toml"


@pytest.fixture(scope="session")
def glyphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("glyphs")
    fonts.build(folder / "glyphs.pkl", folder, held=False, listing=LISTING)
    return folder / "glyphs.pkl"


@pytest.fixture(scope="session")
def layouts() -> list[Layout]:
    return load_all()


@pytest.fixture
def source(glyphs: Path, layouts: list[Layout]) -> Source:
    return Source(fonts.load(glyphs), layouts, seed=5)
