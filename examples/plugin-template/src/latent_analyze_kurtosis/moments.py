"""Central moments up to the fourth, in one pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class CentralMoments:
    """Sums of powers of the distance from the mean, per axis.

    Each block is centered on its own mean and merged with what was there (Pebay 2008, equations
    2.1 and 3.1), so a cloud far from the origin loses no precision.
    """

    def __init__(self, dim: int) -> None:
        self.count = 0
        self.mean, self.m2, self.m3, self.m4 = np.zeros((4, dim))

    def add(self, z: NDArray[np.float32]) -> None:
        """Take in rows, shape (n, dim)."""
        if not len(z):
            return
        block = CentralMoments(z.shape[1])
        block.count, block.mean = len(z), z.mean(axis=0, dtype=np.float64)
        centered = z - block.mean
        squares = centered**2
        block.m2 = squares.sum(axis=0)
        block.m3 = (squares * centered).sum(axis=0)
        block.m4 = (squares**2).sum(axis=0)
        self.merge(block)

    def merge(self, other: CentralMoments) -> None:
        """Take in all that `other` has seen."""
        a, b = self.count, other.count
        n = a + b
        if not b:
            return
        step = (other.mean - self.mean) / n
        self.m4 = (
            self.m4
            + other.m4
            + a * b * (a * a - a * b + b * b) * n * step**4
            + 6 * step**2 * (a * a * other.m2 + b * b * self.m2)
            + 4 * step * (a * other.m3 - b * self.m3)
        )
        self.m3 = (
            self.m3
            + other.m3
            + a * b * (a - b) * n * step**3
            + 3 * step * (a * other.m2 - b * self.m2)
        )
        self.m2 = self.m2 + other.m2 + a * b * n * step**2
        self.mean = self.mean + b * step
        self.count = n

    def excess_kurtosis(self) -> Vector:
        """Return m4 / m2^2 - 3 per axis; NaN along axes without spread."""
        variance = self.m2 / max(self.count, 1)
        # What float32 cannot tell from a constant has no shape.
        flat = variance <= (np.finfo(np.float32).eps * np.abs(self.mean)) ** 2
        variance[flat] = np.nan
        return self.m4 / max(self.count, 1) / variance**2 - 3.0
