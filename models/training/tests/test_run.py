"""A run as a person starts it: stopped by a signal it saves, leaves nobody behind, and the next one goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
PATIENCE = 120.0


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def run(project: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", project, "--run", str(folder), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(HOME), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def start(project: str, folder: Path, samples: int, batch: int) -> subprocess.Popen[str]:
    return run(project, folder, "train", "--until", str(samples), "--batch", str(batch), "--every", str(batch))


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


# Of the detector's batches those of wide scenes have a quarter.
@pytest.mark.parametrize(("project", "batch", "steps"), [("plateocr", 64, {64}), ("platedet", 8, {8, 2})])
def test_a_run_that_is_stopped_saves_and_the_next_one_goes_on(
    tmp_path: Path, glyphs: Path, project: str, batch: int, steps: set[int]
) -> None:
    (tmp_path / "glyphs.pkl").write_bytes(glyphs.read_bytes())
    first = start(project, tmp_path, 1_000_000, batch)
    until(lambda: (tmp_path / "last.pt").exists() or first.poll() is not None)
    started = children(first.pid)
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE) == 0
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))
    seen = json.loads((tmp_path / "curve.jsonl").read_text(encoding="utf-8").splitlines()[-1])["seen"]

    second = start(project, tmp_path, seen + 1, batch)
    said, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0
    assert f"{seen} samples seen" in said
    assert json.loads(said.splitlines()[-1])["seen"] - seen in steps


@pytest.mark.parametrize(
    "command", [["plateocr", "evaluate", "no.onnx"], ["platedet", "photos", "no.onnx", "truth.csv"]]
)
def test_a_model_that_is_not_there_is_said_in_a_line(tmp_path: Path, glyphs: Path, command: list[str]) -> None:
    (tmp_path / "glyphs-held.pkl").write_bytes(glyphs.read_bytes())
    project, *arguments = command
    said = run(project, tmp_path, *arguments)
    assert said.wait(PATIENCE) == 1
    assert said.stderr is not None and said.stderr.read() == "no.onnx is no ONNX file; `export` writes one\n"
