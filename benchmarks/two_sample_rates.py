"""Rates of the two-sample tests: how often they cry wolf, and how often they find what is there.

- ``alike``: both samples have one distribution, or the rows are normal. Every p-value of at most
  5 %, every direction and every moment that differs is a false alarm.
- ``different``: what should be found.
- ``fitted``: draws of what was fitted to rows, compared with the same rows and with others. These
  are no false alarms: what is fitted to few rows is not the data.

The columns: share with a p-value of at most 5 %, with the exact binomial interval of Clopper &
Pearson (1934); share with an interval of the effect above 0; mean effect and bound; share with a
direction that stands out, and with a moment that differs; processor seconds of the test and of
the search for departures.

    python benchmarks/two_sample_rates.py alike
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from latent_analyze.statistics import TwoSample, against_gaussian, departures, two_sample

LEVEL = 0.05

COLUMNS = (
    "samples", "rows x axes", "p <= 5 %", "interval above 0", "effect", "bound", "direction",
    "moment", "seconds",
)  # fmt: skip

Draw = Callable[[np.random.Generator, int, int], np.ndarray]
Fit = Callable[[np.random.Generator, np.ndarray], np.ndarray]


def normal(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    return rng.standard_normal((count, dim))


def oblique(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    """A normal cloud of uneven spread, off-center, turned at random."""
    turn = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    return normal(rng, count, dim) * np.geomspace(0.2, 2, dim) @ turn + rng.normal(0, 5, dim)


def heavy(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    return normal(rng, count, dim) / np.sqrt(rng.chisquare(3, (count, 1)) / 3)


def shifted(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    return normal(rng, count, dim) + 0.3 * np.eye(dim)[0]


def scaled(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    return 1.1 * normal(rng, count, dim)


def stretched(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    return normal(rng, count, dim) * np.where(np.arange(dim) == 0, 1.3, 1.0)


def two_groups(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    """Two normal groups, three spreads apart."""
    return normal(rng, count, dim) + 3 * np.eye(dim)[0] * rng.integers(0, 2, (count, 1))


def ten_groups(rng: np.random.Generator, count: int, dim: int, groups: int = 10) -> np.ndarray:
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((max(dim, 10), max(dim, 10))))[0]
    return normal(rng, count, dim) + 5 * turn[rng.integers(0, groups, count), :dim]


def nine_groups(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    return ten_groups(rng, count, dim, groups=9)


def filament(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    """A closed curve with noise of 0.05."""
    waves = np.random.default_rng(6).standard_normal((3, 2, dim)) / np.arange(1, 4)[:, None, None]
    turns = np.arange(1, 4) * rng.uniform(0, 2 * np.pi, (count, 1))
    curve = np.cos(turns) @ waves[:, 0] + np.sin(turns) @ waves[:, 1]
    return curve + 0.05 * normal(rng, count, dim)


def shell(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    z = normal(rng, count, dim)
    return z * (np.sqrt(dim) + 2) / np.linalg.norm(z, axis=1, keepdims=True)


def moments(rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    return rng.multivariate_normal(rows.mean(axis=0), np.cov(rows.T), len(rows))


def mixture(rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    from sklearn.mixture import GaussianMixture

    found = GaussianMixture(10, random_state=int(rng.integers(2**31))).fit(rows)
    return rng.permutation(found.sample(len(rows))[0])


@dataclass(frozen=True)
class Case:
    """Two samples; without y, one against the normal distribution of its moments.

    With a fit, y is what is fitted to the rows of x, or of y: so many times more.
    """

    x: Draw
    y: Draw | None
    rows: int
    dim: int
    repeats: int
    fit: Fit | None = None
    times: int = 1

    def __str__(self) -> str:
        other = self.y.__name__ if self.y else "normal of its moments"
        if self.fit:
            rows = f"{self.times * self.rows:,} other" if self.y else "these"
            other = f"{self.fit.__name__} of {rows} rows"
        return f"{self.x.__name__} / {other} | {self.rows} x {self.dim}"

    def samples(self, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return x and y, shapes (rows, dim)."""
        rng = np.random.default_rng([seed, self.rows, self.dim])
        x = self.x(rng, self.rows, self.dim)
        y = self.y(rng, self.times * self.rows, self.dim) if self.y else None
        return x, self.fit(rng, x if y is None else y)[: self.rows] if self.fit else y

    def test(self, seed: int) -> TwoSample:
        """Return what the test finds."""
        x, y = self.samples(seed)
        return against_gaussian(x, seed=seed) if y is None else two_sample(x, y, seed=seed)

    def departs(self, seed: int) -> tuple[bool, bool]:
        """Return whether y leaves x along a direction, and in a moment."""
        x, y = self.samples(seed)
        if y is None:
            return False, False
        found = departures(y, x, seed=seed)
        return bool(found.standing_out), found.first_moment is not None


SIZES = ((90, 2, 1000), (90, 24, 300), (90, 256, 1000), (1000, 16, 300), (2000, 256, 40))

CASES = {
    "alike": [
        *(Case(normal, normal, *size) for size in SIZES),
        *(Case(oblique, None, *size) for size in SIZES),
        *(Case(draw, draw, *size[:2], 300) for draw in (heavy, ten_groups) for size in SIZES[1:4]),
    ],
    "different": [
        Case(x, y, *size)
        for size in ((1000, 16, 30), (2000, 64, 20))
        for x, y in (
            (shifted, normal), (scaled, normal), (stretched, normal), (shell, normal),
            (ten_groups, nine_groups),
            (two_groups, None), (ten_groups, None), (filament, None), (heavy, None),
        )
    ],
    "fitted": [
        Case(draw, y, 1000, 16, repeats, fit, times)
        for draw, fit in ((normal, moments), (ten_groups, mixture))
        for y, repeats, times in ((None, 100, 1), (draw, 100, 1), (draw, 50, 10))
    ],
}  # fmt: skip


@dataclass
class Row:
    """What repeats of a case gave."""

    results: list[TwoSample] = field(default_factory=list)
    departed: list[tuple[bool, bool]] = field(default_factory=list)
    seconds: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def add(self, case: Case, seed: int) -> None:
        """Take in one repeat."""
        start = time.process_time()
        self.results.append(case.test(seed))
        middle = time.process_time()
        self.departed.append(case.departs(seed))
        self.seconds += middle - start, time.process_time() - middle

    @property
    def alarms(self) -> int:
        """P-values of at most 5 %."""
        return sum(result.p_value <= LEVEL for result in self.results)

    def __str__(self) -> str:
        n = len(self.results)
        low, high = interval(self.alarms, n)
        above = np.mean([result.interval[0] > 0 for result in self.results])
        effect, bound = np.mean([(r.effect, r.bound) for r in self.results], axis=0)
        direction, moment = np.mean(self.departed, axis=0)
        test, departing = self.seconds / n
        return (
            f"{self.alarms / n:.3f} ({low:.3f} to {high:.3f}) of {n} | {above:.3f} | {effect:.2f}"
            f" | {bound:.2f} | {direction:.3f} | {moment:.3f} | {test:.2f} + {departing:.2f}"
        )


def interval(hits: int, runs: int) -> tuple[float, float]:
    """Return the 95 % interval of Clopper & Pearson for a share."""
    from scipy.stats import beta

    low = beta.ppf(0.025, hits, runs - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, runs - hits) if hits < runs else 1.0
    return float(low), float(high)


def measure(case: Case, seeds: Sequence[int]) -> Row:
    row = Row()
    for seed in seeds:
        row.add(case, seed)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", choices=list(CASES), default=list(CASES))
    groups = parser.parse_args().groups
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for case in (case for group in groups for case in CASES[group]):
        print(f"| {case} | {measure(case, range(case.repeats))} |", flush=True)


if __name__ == "__main__":
    main()
