"""The benchmarks start: what they import is still there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))
PROGRAMS = [path for path in SCRIPTS if "__main__" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_benchmark_starts(path: Path) -> None:
    done = subprocess.run([sys.executable, str(path), "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_tenth_of_the_exports_is_read_right(tmp_path: Path) -> None:
    """None is wrong without a word, and nine of ten are right at the first call."""
    path = next(path for path in SCRIPTS if path.stem == "signatures")
    done = subprocess.run(
        [sys.executable, str(path), str(tmp_path), "--tenth"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
