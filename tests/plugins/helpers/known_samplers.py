"""Data of ten classes, and samplers of which coverage, copies and shares are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CLASSES = 10


class Classes:
    """Ten Gaussian clouds of different shapes in `dim` axes, `apart` the spread of their means."""

    def __init__(self, dim: int = 16, *, apart: float = 2.0, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.dim = dim
        self.means = apart * rng.standard_normal((CLASSES, dim))
        scales = np.exp(0.5 * rng.standard_normal((CLASSES, 1, dim)))
        self.shapes = rng.standard_normal((CLASSES, dim, dim)) / np.sqrt(dim) * scales

    def draw(
        self, n: int, rng: np.random.Generator, frequency: object = None
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Return n rows and their classes, which are as frequent as `frequency` (ten numbers)."""
        weights = np.ones(CLASSES) if frequency is None else np.asarray(frequency, float)
        label = rng.choice(CLASSES, n, p=weights / weights.sum())
        noise = rng.standard_normal((n, self.dim))
        return self.means[label] + np.einsum("ni,nij->nj", noise, self.shapes[label]), label

    def rows(self, n: int, rng: np.random.Generator, frequency: object = None) -> Floats:
        return self.draw(n, rng, frequency)[0]


def without(dropped: int) -> Floats:
    """Return the frequencies of ten classes of which the first few are missing."""
    return (np.arange(CLASSES) >= dropped).astype(float)


def only(kept: int) -> Floats:
    return np.eye(CLASSES)[kept]


FIVE_TIMES = np.array([5.0] + [1.0] * (CLASSES - 1))


def junk(n: int, dim: int, rng: np.random.Generator) -> Floats:
    """Return rows off any data of `Classes`."""
    return 12 * rng.standard_normal((n, dim))


def gaussian_like(rows: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Return draws of the Gaussian with the moments of some rows."""
    return rng.multivariate_normal(rows.mean(axis=0), np.cov(rows.T), n, method="cholesky")
