"""What the histograms of the analyses share: round bin widths and quantiles of counts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def nice_width(width: float, *, up: bool = False) -> float:
    """Return the number of 1, 2, 5 times a power of ten nearest to `width`, or not below it."""
    exponent = math.floor(math.log10(width))
    steps = [float(f"{m}e{e}") for e in (exponent, exponent + 1) for m in (1, 2, 5)]
    if up:
        return next(step for step in steps if step >= width * (1 - 1e-9))
    return min(steps, key=lambda step: abs(math.log(step / width)))


def freedman_diaconis(values: NDArray[np.floating], count: int) -> NDArray[np.float64] | np.float64:
    """Return 2 IQR / count^(1/3) of a sample of `count` values (Freedman & Diaconis 1981).

    Parameters
    ----------
    values
        The sample, shape (n,) or (n, dim).
    count
        Number of values that will be counted: more than n if `values` are a part of them.
    """
    low, high = np.quantile(values, [0.25, 0.75], axis=0)
    return 2 * (high - low) / np.cbrt(count)


def quantile_positions(counts: NDArray[np.int64], share: float) -> NDArray[np.float64]:
    """Return where the lower `share` of the counts ends, in bins, interpolated linearly in a bin.

    Parameters
    ----------
    counts
        Shape (curves, bins).
    share
        Between 0 and 1.

    Returns
    -------
    Shape (curves,); NaN where nothing was counted.
    """
    cumulative = np.cumsum(counts, axis=1)
    total = cumulative[:, -1]
    target = share * total
    index = (cumulative < target[:, None]).sum(axis=1)
    rows = np.arange(len(counts))
    inside = counts[rows, index]
    below = cumulative[rows, index] - inside
    part = np.divide(target - below, inside, out=np.zeros(len(counts)), where=inside > 0)
    return np.where(total > 0, index + part, np.nan)


def share_below(counts: NDArray[np.int64], position: float) -> float:
    """Return the share of counts (bins,) below a position in bins, interpolated in a bin."""
    total = counts.sum()
    edges = np.arange(len(counts) + 1)
    return float(np.interp(position, edges, np.concatenate([[0], np.cumsum(counts)])) / total)


def rounded(value: float, scale: float) -> str:
    """Return a number as text, with as many places as tell it apart on a scale.

    >>> rounded(1000.1234, scale=0.5), rounded(3.94123, scale=0.5)
    ('1000.123', '3.941')
    """
    if not (math.isfinite(value) and math.isfinite(scale) and scale > 0):
        return f"{value:.3g}"
    places = 2 - math.floor(math.log10(scale))
    if not 0 <= places <= 6:
        return f"{value:.3g}"
    return f"{value:.{places}f}"
