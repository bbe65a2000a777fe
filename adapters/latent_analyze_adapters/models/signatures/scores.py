"""How much of the data reconstructions explain, and how sure a difference of two of them is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Errors = NDArray[np.float64]

MOST = 0.5
"""Share of the rows that must be decoded to finite values."""


@dataclass(frozen=True, eq=False)
class Score:
    """The share of the variance of some rows that their reconstructions explain.

    It is 1 - squared error / squared distance from the mean of the rows. Of rows whose
    reconstructions are not finite nothing is explained; it is minus infinity where most are not, or
    the rows do not differ.

    Attributes
    ----------
    errors
        Squared error of each row, (n,); not finite where the reconstruction is not.
    far
        Squared distance of each row from the mean of all n, (n,).
    """

    errors: Errors
    far: Errors

    @cached_property
    def explained(self) -> float:
        """The share."""
        total, usable = float(self.far.sum()), np.isfinite(self.errors).mean() > MOST
        return 1 - float(self._errors.sum()) / total if total > 0 and usable else -np.inf

    def lead(self, other: Score) -> tuple[float, float]:
        """Return by how much more is explained than by another, and the standard error of that.

        Both are of the same rows, or of the first ones that both have, so what is hard or easy
        about a row cancels. The standard error is that of a ratio of sums (Cochran 1977, chapter
        6).
        """
        if not (np.isfinite(self.explained) and np.isfinite(other.explained)):
            same = self.explained == other.explained
            return (0.0 if same else self.explained - other.explained), 0.0
        count = min(len(self.far), len(other.far))
        far = min(self.far, other.far, key=len)
        better = other._errors[:count] - self._errors[:count]
        difference = float(better.sum() / far.sum())
        rest = better - difference * far
        spread = np.sqrt((rest**2).sum() * count / max(count - 1, 1))
        return difference, float(spread / far.sum())

    @cached_property
    def _errors(self) -> Errors:
        return np.where(np.isfinite(self.errors), self.errors, self.far)


def squared_errors(decoded: NDArray[np.float32], x: NDArray[np.float32]) -> Errors:
    """Return the squared error of each row, (n,)."""
    rows = x.reshape(len(x), -1).astype(np.float64)
    with np.errstate(all="ignore"):
        off: Errors = ((decoded.reshape(rows.shape) - rows) ** 2).sum(axis=1)
    return off


def distances(x: NDArray[np.float32]) -> Errors:
    """Return the squared distance of each row from the mean of all, (n,)."""
    rows = x.reshape(len(x), -1).astype(np.float64)
    far: Errors = ((rows - rows.mean(axis=0)) ** 2).sum(axis=1)
    return far


def explained_of(x: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], float]:
    """Return a function: reconstructions -> share of the variance of `x` that they explain."""
    far = distances(x)
    return lambda decoded: Score(squared_errors(decoded, x), far).explained


def fitted(decoded: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return reconstructions with the scale and shift of each place in the last axis that fit best.

    Both are found by least squares.
    """
    a, b = (v.reshape(-1, x.shape[-1]).astype(np.float64) for v in (decoded, x))
    with np.errstate(all="ignore"):
        far = a - a.mean(axis=0)
        scale = (far * b).sum(axis=0) / (far**2).sum(axis=0)
    scale = np.where(np.isfinite(scale), scale, 1.0)
    found: NDArray[np.float32] = (far * scale + b.mean(axis=0)).astype(np.float32).reshape(x.shape)
    return found


def correlation(decoded: NDArray[np.float32], x: NDArray[np.float32]) -> float:
    """Return how well reconstructions follow the rows, 0 to 1, whatever their offset and size.

    It is the squared correlation of the differences from the mean row: a decoder that gets its
    z-points from the right place, but in a wrong unit, or returns values in one, follows the rows
    and explains nothing. 0 where they go the other way, or are not finite.
    """
    with np.errstate(all="ignore"):
        a, b = (v.reshape(len(x), -1).astype(np.float64) for v in (decoded, x))
        a, b = a - a.mean(axis=0), b - b.mean(axis=0)
        found = float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))
    return max(found, 0.0) ** 2 if np.isfinite(found) else 0.0
