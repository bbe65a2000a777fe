"""The binomial interval of Wilson (1927)."""

from __future__ import annotations

import math

Z95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""


def wilson_interval(passed: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of which `passed` of `total` >= 1 were seen."""
    share, weight = passed / total, Z95**2 / total
    center = (share + weight / 2) / (1 + weight)
    half = Z95 * math.sqrt(share * (1 - share) / total + weight / (4 * total)) / (1 + weight)
    low = 0.0 if passed == 0 else center - half
    return low, 1.0 if passed == total else center + half
