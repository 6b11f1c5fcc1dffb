"""The list of fonts, and how they come out of packages."""

import tarfile
import tomllib
from pathlib import Path

import pytest
from conftest import LISTING

from plateocr import fonts
from plateocr.paths import FONTS


def test_no_font_is_both_learnt_and_measured_with_and_each_is_pinned() -> None:
    entries = tomllib.loads(FONTS.read_text(encoding="utf-8"))["font"]
    listed = [(package, entry) for entry in entries for package in entry.get("npm") or [entry["debian"]]]
    once = {(package, entry["script"]) for package, entry in listed}
    roles = {(package, entry.get("held", False)) for package, entry in listed}
    assert len(listed) == len(once)
    assert len(roles) == len(dict(roles))
    assert all(package.count("@") == 2 for package, entry in listed if "npm" in entry)


def test_each_package_of_an_entry_gives_the_weights_that_it_has(tmp_path: Path) -> None:
    listing = _listing(tmp_path, have=("one-latin-500-normal.woff", "two-latin-700-normal.woff"))
    assets = fonts.build(tmp_path / "glyphs.pkl", tmp_path, held=False, listing=listing)
    assert [name for name in assets.names if name.endswith(".woff")] == [
        "one-latin-500-normal.woff",
        "two-latin-700-normal.woff",
    ]


def test_a_package_without_any_of_its_weights_is_named(tmp_path: Path) -> None:
    listing = _listing(tmp_path, have=("one-latin-500-normal.woff", "two-thai-700-normal.woff"))
    with pytest.raises(fonts.FontError, match=r"@some/two@1\.0\.0 holds none"):
        fonts.build(tmp_path / "glyphs.pkl", tmp_path, held=False, listing=listing)


def _listing(folder: Path, have: tuple[str, str]) -> Path:
    """The tests' own list and an entry of two packages, which are there already as `npm pack` leaves them."""
    some_font = next(Path("/usr/share/fonts").rglob("DejaVuSans-Bold.ttf"))
    for family, file in zip(("one", "two"), have, strict=True):
        with tarfile.open(folder / f"some-{family}-1.0.0.tgz", "w:gz") as archive:
            archive.add(some_font, f"package/files/{file}")
    entry = '[[font]]\nnpm = ["@some/one@1.0.0", "@some/two@1.0.0"]\nscript = "latin"\nweights = [500, 700]\n'
    listing = folder / "fonts.toml"
    listing.write_text(LISTING.read_text(encoding="utf-8") + entry, encoding="utf-8")
    return listing
