"""Rank correlations over few sources and areas under the ROC curve, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

FEWEST = 20
"""Images of either verdict that a source needs for an AUC of its own."""


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval, percentiles of the bootstrap; `sources` that it rests on."""

    value: float
    low: float
    high: float
    sources: int

    @classmethod
    def of(cls, value: float, resampled: NDArray[np.float64], sources: int) -> Estimate:
        """Return the estimate; resamples in which it is not defined (NaN) are left out."""
        if not np.isfinite(resampled).any():
            return cls(value, float("nan"), float("nan"), sources)
        low, high = np.nanquantile(resampled, [0.025, 0.975])
        return cls(value, float(low), float(high), sources)

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


class Scored:
    """The images of one source: a score each, higher is better, and the judge's verdict."""

    def __init__(self, score: NDArray[np.float64], good: NDArray[np.bool_]) -> None:
        self.score, self.good = score, good
        self._level = np.unique(score, return_inverse=True)[1]

    @property
    def fewest(self) -> int:
        """Images of the rarer verdict."""
        return int(min(self.good.sum(), (~self.good).sum()))

    def auc(self, weights: NDArray[np.int64] | None = None) -> float:
        """Chance that a good image scores above a bad one, ties at one half; NaN without both.

        Parameters
        ----------
        weights
            How often each image counts; once if not given.
        """
        counts = np.ones(len(self.good)) if weights is None else weights
        good, bad = (np.bincount(self._level, counts * m) for m in (self.good, ~self.good))
        pairs = good.sum() * bad.sum()
        return float(good @ (bad.cumsum() - bad / 2) / pairs) if pairs else float("nan")


def spearman(x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.float64]:
    """Return Spearman's rank correlation along the last axis; NaN where either is constant."""
    ranks = [rankdata(values, axis=-1) for values in (x, y)]
    a, b = (r - r.mean(axis=-1, keepdims=True) for r in ranks)
    scale = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    with np.errstate(invalid="ignore"):
        return np.asarray((a * b).sum(axis=-1) / scale)


def rank_correlation(
    x: Sequence[float], y: Sequence[float], rng: np.random.Generator, *, resamples: int
) -> Estimate:
    """Return Spearman's rank correlation over sources; the bootstrap resamples sources."""
    one, two = np.array(x), np.array(y)
    picks = rng.integers(0, len(one), (resamples, len(one)))
    whole = float(spearman(one[None], two[None])[0])
    return Estimate.of(whole, spearman(one[picks], two[picks]), len(one))


def pooled_auc(sources: Sequence[Scored], rng: np.random.Generator, *, resamples: int) -> Estimate:
    """Return the AUC over the images of all sources together.

    The bootstrap resamples sources and, within each, images: those of one source are alike.
    """
    together = Scored(
        *(np.concatenate([getattr(s, n) for s in sources]) for n in ("score", "good"))
    )
    values = np.empty(resamples)
    for i in range(resamples):
        times = rng.multinomial(len(sources), np.full(len(sources), 1 / len(sources)))
        drawn = zip(sources, times, strict=True)
        values[i] = together.auc(np.concatenate([_drawn(s, rng, int(n)) for s, n in drawn]))
    return Estimate.of(together.auc(), values, len(sources))


def median_auc(sources: Sequence[Scored], rng: np.random.Generator, *, resamples: int) -> Estimate:
    """Return the median over sources of the AUC within each, of those with enough of both.

    The bootstrap is that of `pooled_auc`.
    """
    enough = [s for s in sources if s.fewest >= FEWEST]
    if not enough:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    values = np.empty(resamples)
    for i in range(resamples):
        drawn = (enough[j] for j in rng.integers(0, len(enough), len(enough)))
        values[i] = np.nanmedian([s.auc(_drawn(s, rng, 1)) for s in drawn])
    return Estimate.of(float(np.median([s.auc() for s in enough])), values, len(enough))


def _drawn(source: Scored, rng: np.random.Generator, times: int) -> NDArray[np.int64]:
    """Return how often each image comes in `times` resamples of the source."""
    count = len(source.good)
    return np.bincount(rng.integers(0, count, times * count), minlength=count)
