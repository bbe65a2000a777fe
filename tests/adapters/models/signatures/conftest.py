"""Makes the helper module beside it importable, and the clock of trials independent of the load."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

from latent_analyze_adapters.models.signatures import pools, race
from latent_analyze_adapters.models.signatures.runs import FEW, Speed


@pytest.fixture(autouse=True)
def take(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that sets how many seconds a row seems to take; none, unless it is called.

    Without it, a busy machine would be tried on fewer rows.
    """

    def each_row(seconds: float) -> None:
        def speed_of(run: Callable[[int], object], plan: Any) -> Speed:
            del plan
            run(FEW)
            return Speed(0.0, seconds)

        for module in (pools, race):
            monkeypatch.setattr(module, "speed_of", speed_of)

    each_row(0.0)
    return each_row
