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
    width: NDArray[np.float64] | np.float64 = 2 * (high - low) / np.cbrt(count)
    return width


def automatic_width(
    values: NDArray[np.floating], count: int, *, largest: float, most: int
) -> float:
    """Return a round bin width for values from 0 to `largest`: Freedman and Diaconis' rule.

    Values that are all alike still need bins, and all of them have to fit into `most`.
    """
    width = float(freedman_diaconis(values[np.isfinite(values)], count))
    smallest = largest / (most / 10)
    return nice_width(width if width > smallest else max(largest / 100 or 1.0, smallest))


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
