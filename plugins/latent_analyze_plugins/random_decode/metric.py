"""Regularized metrics, and the k-NN balls around the z-points of the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_plugins.shared.shrinkage import MAX_FULL_DIM, shrunk_correlation

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLATTEST = 1e-6
"""Variances of standardized axes below this share of the largest are raised to it."""

SMALLEST_RADIUS = 1e-6
"""Radius of a ball around z-points that are all alike: rounding of the distances, no more."""

CHUNK = 64
"""Rows whose distances to all others are held at once: few enough to stay in a cache."""


def fit_whitening(rows: NDArray[np.float64], floor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return W such that |rows @ W| is a distance in the metric of the rows' second moments.

    The correlations are shrunk as Ledoit & Wolf (2004) do, and narrow directions are measured as
    if they were wider: none is left out, so what departs in a direction that the rows do not vary
    in is far away.

    Parameters
    ----------
    rows
        Shape (n, dim): z-points less their mean, or residuals.
    floor
        Smallest spread per axis that counts as one, shape (dim,), above 0.

    Returns
    -------
    whitening
        Shape (dim, dim); above 1,024 dimensions (dim,), one factor per axis.
    """
    scale = np.maximum(np.sqrt(np.einsum("ij,ij->j", rows, rows) / len(rows)), floor)
    if rows.shape[1] > MAX_FULL_DIM:
        return 1.0 / scale
    values, vectors = shrunk_correlation(rows / scale)
    if not values[-1] > 0:
        return np.diag(1.0 / scale)
    return vectors / np.sqrt(np.maximum(values, FLATTEST * values[-1])) / scale[:, None]


def whitened(rows: NDArray[np.float64], whitening: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows @ whitening, shape (n, dim)."""
    return rows * whitening if whitening.ndim == 1 else rows @ whitening


def knn_radii(white: NDArray[np.float64], neighbors: int) -> NDArray[np.float64]:
    """Return the distance of each row to its k-th nearest other row, shape (n,)."""
    radii = np.empty(len(white))
    for start, squares in _squared_distances(white, white):
        own = np.arange(len(squares))
        squares[own, start + own] = np.inf
        nearest = np.partition(squares, neighbors - 1, axis=1)[:, neighbors - 1]
        radii[start : start + len(squares)] = np.sqrt(nearest)
    return np.maximum(radii, SMALLEST_RADIUS)


def support_scores(
    white: NDArray[np.float64], support: NDArray[np.float64], radii: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far rows are from z-points of the data.

    Parameters
    ----------
    white
        Whitened rows, shape (n, dim).
    support, radii
        Whitened z-points of the data, shape (m, dim), and the radius of the ball of each.

    Returns
    -------
    scores
        Smallest distance / radius over the balls, shape (n,): at most 1 inside some ball.
    nearest
        Distance to the nearest z-point of the data, shape (n,).
    """
    scores, nearest = np.empty(len(white)), np.empty(len(white))
    for start, squares in _squared_distances(white, support):
        rows = slice(start, start + len(squares))
        nearest[rows] = np.sqrt(squares.min(axis=1))
        squares /= radii**2
        scores[rows] = np.sqrt(squares.min(axis=1))
    return scores, nearest


def _squared_distances(
    one: NDArray[np.float64], two: NDArray[np.float64]
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield (first row, squared distances to all of `two`) per chunk of rows of `one`."""
    squares = np.einsum("ij,ij->i", two, two)
    for start in range(0, len(one), CHUNK):
        chunk = one[start : start + CHUNK]
        found = squares - 2 * (chunk @ two.T)
        found += np.einsum("ij,ij->i", chunk, chunk)[:, None]
        yield start, np.maximum(found, 0.0, out=found)
