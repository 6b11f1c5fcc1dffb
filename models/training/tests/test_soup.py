"""The average of runs: the mean of their weights, with normalisations that fit it."""

from pathlib import Path

import pytest
import torch

from plateocr import commands, evaluate, export, released, soup
from plateocr.__main__ import parser
from plateocr.errors import NotOfThisNetworkError
from plateocr.net import PlateReader
from plateocr.sample import Source

SHIPPED = Path(__file__).parents[2] / "plate-ocr.onnx"


def network(seed: int) -> PlateReader:
    torch.manual_seed(seed)
    return PlateReader()


def test_weights_are_the_mean_of_the_runs(source: Source) -> None:
    runs = [network(seed).state_dict() for seed in range(3)]
    averaged = soup.average(runs, [source.pictures(4)]).state_dict()
    mean = sum(run["letters.weight"] for run in runs) / 3
    assert torch.allclose(averaged["letters.weight"], mean, atol=1e-6)


def test_normalisations_are_those_of_the_mean_and_not_the_mean_of_theirs(source: Source) -> None:
    drawn = source.pictures(48)
    runs = [network(1).state_dict(), network(2).state_dict()]
    averaged = soup.average(runs, [drawn[:24], drawn[24:]])
    of_theirs = PlateReader()
    of_theirs.load_state_dict({name: (runs[0][name] + runs[1][name]) / 2 for name in runs[0]})
    pictures = torch.from_numpy(drawn).float()[:, None]
    with torch.no_grad():
        said, said_by_theirs = averaged(pictures).letters, of_theirs.eval()(pictures).letters
        by_their_own = averaged.train()(pictures).letters
    far, farther = ((letters - by_their_own).abs().mean() for letters in (said, said_by_theirs))
    assert far < 0.1 * by_their_own.std()
    assert far < 0.1 * farther


def test_the_average_of_a_run_with_itself_reads_what_it_reads(
    tmp_path: Path, glyphs: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "glyphs.pkl").write_bytes(glyphs.read_bytes())
    drawn = source.pictures(96, 0.5)
    one = released.reader(SHIPPED, drawn)
    torch.save({"average": one.state_dict()}, tmp_path / "last.pt")
    torch.save(one.state_dict(), tmp_path / "weights.pt")
    monkeypatch.setattr(commands, "SOUP_BATCHES", 3)
    files = [str(tmp_path / name) for name in ("last.pt", "weights.pt", "soup.pt")]
    commands.average(parser().parse_args(["--run", str(tmp_path), "average", *files]))

    averaged = export.load(tmp_path / "soup.pt")
    texts = [
        [evaluate.read_columns(columns)[0] for columns in evaluate.torch_reader(reader)(drawn)[0]]
        for reader in (one, averaged)
    ]
    assert sum(map(str.__eq__, *texts)) > 0.75 * len(drawn)


def test_weights_of_another_network_are_refused(source: Source) -> None:
    other = network(1).state_dict()
    other["letters.weight"] = other["letters.weight"][:5]
    with pytest.raises(NotOfThisNetworkError, match=r"letters\.weight is \[5, .*not of this network"):
        soup.average([network(1).state_dict(), other], [source.pictures(2)])
