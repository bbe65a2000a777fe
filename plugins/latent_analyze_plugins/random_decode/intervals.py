"""95 % intervals of shares, and of what is put together from several."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""


def wilson(share: float, total: float) -> tuple[float, float]:
    """Return the 95 % interval (Wilson 1927) of a share that was seen in `total` > 0 rows.

    `total` may be the number of independent rows that would say as much: no whole number.
    """
    weight = Z95**2 / total
    center = (share + weight / 2) / (1 + weight)
    half = Z95 * math.sqrt(share * (1 - share) / total + weight / (4 * total)) / (1 + weight)
    low = 0.0 if share == 0 else center - half
    return low, 1.0 if share == 1 else center + half


def combined(value: float, intervals: Iterable[tuple[float, float]]) -> NDArray[np.float64]:
    """Return both ends of the interval of a value with several independent sources of error.

    Each interval is that of the value if this source were the only one; their distances from the
    value add as squares, each side for itself (variance estimates recovery, Zou & Donner 2008).
    """
    below = above = 0.0
    for low, high in intervals:
        below += max(value - low, 0.0) ** 2
        above += max(high - value, 0.0) ** 2
    return np.array([value - math.sqrt(below), value + math.sqrt(above)])
