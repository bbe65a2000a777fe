"""Where z-points leave the data: the first moment that differs, as numbers and in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Finding, Result
from latent_analyze.statistics import departures, rounded
from latent_analyze_plugins.random_decode.rates import Rates

MOST_ROWS = 500
"""z-points compared, of each side: a difference that more would be needed for is no answer."""

FEWEST_ROWS = 20
"""Fewer z-points have no moments worth a test."""

MOST_AXES = 1024
"""Above, correlations of all axes take too long."""

NAMES = ("radius", "mean", "spread", "skewness", "tails")
RATIOS = ("skewness", "tails")
KINDS = ("", "axis", "component")
WORDS = ("", "axis", "principal component")

COARSE, LARGE = 10, 1e5
"""One place fewer than `rounded` gives: these differences are large; and numbers for exponents."""

MOST_NAMED = 5
"""Sources that a sentence names."""


def measure_departure(z: NDArray[Any], data: NDArray[Any], seed: int) -> dict[str, Any]:
    """Return the first moment in which z-points (m, dim) differ from the data (n, dim), if any.

    Six numbers: which moment, along what (0 nothing, 1 an axis, 2 a component), its number, the
    values of both, and the scale that `rounded` takes.
    """
    if z.shape[1] > MOST_AXES or min(len(z), len(data)) < FEWEST_ROWS:
        return {}
    first = departures(z, data, seed=seed, max_rows=MOST_ROWS).first_moment
    if first is None:
        return {}
    place = [NAMES.index(first.name), KINDS.index(first.kind or ""), first.number or 0]
    return {"departure": np.array([*place, first.draws, first.data, first.scale])}


def departures_of(rates: Rates) -> Iterator[Finding]:
    """Say where sources that do not work leave the data."""
    found = {
        label: _words(rates.results[label])
        for label in rates.samplers
        if not rates.works(label) and "departure" in rates.results[label].arrays
    }
    if found:
        some = [f"{label}: {text}" for label, text in list(found.items())[:MOST_NAMED]]
        yield Finding("note", f"Where draws leave the data first: {'; '.join(some)}.")


def _words(result: Result) -> str:
    """Return ``"its radius is 4.0 where the data lie at 19.8"``."""
    name, kind, number, draws, data, scale = result["departure"].tolist()
    along = f" along {WORDS[int(kind)]} {int(number)}" if kind else ""
    coarse = scale if NAMES[int(name)] in RATIOS else COARSE * scale
    own, other = (_number(value, coarse) for value in (draws, data))
    return f"its {NAMES[int(name)]}{along} is {own} where that of the data is {other}"


def _number(value: float, scale: float) -> str:
    return f"{value:.3g}" if abs(value) >= LARGE else rounded(value, scale)
