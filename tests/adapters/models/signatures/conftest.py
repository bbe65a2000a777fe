"""Makes the helper module beside it importable, and the clock of trials independent of the load."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from latent_analyze_adapters.models.signatures import runs

FEW = 8
"""Rows on which a trial measures how long a row takes."""


@pytest.fixture(autouse=True)
def take(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that sets how many seconds a row seems to take; none, unless it is called.

    Without it, a busy machine would be tried on fewer rows.
    """

    def each_row(seconds: float) -> None:
        calls = count()
        monkeypatch.setattr(
            runs, "perf_counter", lambda: next(calls) * seconds * FEW, raising=False
        )

    each_row(0.0)
    return each_row
