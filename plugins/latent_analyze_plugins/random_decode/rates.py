"""The rates of all sources, held against that of held-out data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Result, ResultSet
from latent_analyze_plugins.random_decode.copying import SIGNIFICANT, SUBSTANTIAL
from latent_analyze_plugins.random_decode.scores import CRITERIA

JUDGED = ("good", "coverage")
"""What is drawn where good outputs can be told from bad ones."""

DRAWS = "@posterior"
"""End of the label of a source that is itself made of posterior draws."""

ENOUGH = 0.5
"""A source works if its rate is at least this share of that of held-out data."""


def boundary(label: str, unit: str) -> float | None:
    """Return b of a source labeled ``uniform:b=2`` with b in `unit`; None for other sources."""
    match = re.fullmatch(r"uniform:b=([0-9.eE+-]+)(:unit=spread)?", label)
    return float(match[1]) if match and bool(match[2]) == (unit == "spread") else None


class Rates:
    """The rates of all sources, held against that of held-out data.

    Attributes
    ----------
    tested, name
        The rates there are, and the one that decides: that of good outputs where these can be told
        from bad, else the joint rate, support alone where there is no cycle.
    judged, names
        Whether good can be told from bad; what is drawn, then with the coverage.
    control
        That rate of held-out data.
    cubes, unit
        Label -> b of the uniform cubes next to the data, b ascending; what b is measured in.
    samplers
        Labels of the other sources next to the data, the best one first.
    """

    def __init__(self, results: ResultSet) -> None:
        options: Any = results.options
        self.results, self.unit = results.results, options.unit
        self.tested = [name for name in CRITERIA if f"{name}_rate" in results.data.scalars]
        self.name = self.tested[0]
        self.judged = self.name == "good"
        self.names = [*JUDGED] if self.judged else self.tested
        self.control: float = results.frame[f"control_{self.name}"]
        found = [(boundary(label, self.unit), label) for label in results.shown]
        self.cubes = {label: b for b, label in sorted((b, k) for b, k in found if b is not None)}
        self.samplers = [label for b, label in found if b is None]
        self.samplers.sort(key=lambda label: -self.worth(label))

    def of(self, label: str) -> float:
        """Return the deciding rate of a source."""
        return float(self.results[label][f"{self.name}_rate"])

    def worth(self, label: str) -> float:
        """Return the deciding rate, of good outputs times the share of the data they reach."""
        reached = _coverage(self.results[label])[0] if self.judged else 1.0
        return self.of(label) * reached

    def copies(self, label: str) -> bool:
        """Whether the draws of a source are copies of the data."""
        return self.copies_of(self.results[label])

    @staticmethod
    def copies_of(result: Result) -> bool:
        """Whether the draws of a result are copies of the data."""
        if "copied" not in result.scalars:
            return False
        significant = result["copied_p_value"] <= SIGNIFICANT
        return bool(significant and result["copied_interval"][0] >= SUBSTANTIAL)

    def works(self, label: str) -> bool:
        """Whether the rate of a source is at least half that of held-out data.

        Where good can be told from bad the lower end of the interval must be: five good draws show
        nothing.
        """
        rate = self.of(label)
        if self.judged:
            rate = self.table([self.results[label]], "good")[1, 0]
        return bool(self.control > 0 and rate >= ENOUGH * self.control)

    def table(self, found: Iterable[Result], name: str) -> NDArray[np.float64]:
        """Return a rate of each result, and its 95 % interval, low and high; shape (3, n)."""
        if name == "coverage":
            return np.array([_coverage(result) for result in found]).T
        place = self.tested.index(name)
        return np.array([[r[f"{name}_rate"], *r["interval"][place]] for r in found]).T

    def text(self, result: Result) -> str:
        """Return the deciding rate of a result as text, with its interval."""
        rate, low, high = self.table([result], self.name)[:, 0]
        return f"{rate:.3g} (95 % interval {low:.2g} to {high:.2g})"


def _coverage(result: Result) -> tuple[float, float, float]:
    """Return the coverage and its interval; 0 where no output is finite."""
    if "coverage" not in result.scalars:
        return 0.0, 0.0, 0.0
    low, high = result["coverage_interval"]
    return float(result["coverage"]), float(low), float(high)
