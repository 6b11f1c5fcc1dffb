"""A run as a person starts it: stopped by a signal it saves, leaves nobody behind, and the next one goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HOME = Path(__file__).parent.parent
PATIENCE = 120.0


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def start(folder: Path, samples: int, project: str = "plateocr") -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        project,
        "--run",
        str(folder),
        "train",
        "--until",
        str(samples),
        "--every",
        "64",
    ]
    environment = {**os.environ, "PYTHONPATH": str(HOME), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def test_a_run_that_is_stopped_saves_and_the_next_one_goes_on(tmp_path: Path, glyphs: Path) -> None:
    (tmp_path / "glyphs.pkl").write_bytes(glyphs.read_bytes())
    first = start(tmp_path, 1_000_000)
    until(lambda: (tmp_path / "last.pt").exists() or first.poll() is not None)
    started = children(first.pid)
    first.send_signal(signal.SIGTERM)
    assert first.wait(PATIENCE) == 0
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))
    seen = json.loads((tmp_path / "curve.jsonl").read_text(encoding="utf-8").splitlines()[-1])["seen"]

    second = start(tmp_path, seen + 64)
    said, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0
    assert f"{seen} samples seen" in said
    assert json.loads(said.splitlines()[-1])["seen"] == seen + 64
