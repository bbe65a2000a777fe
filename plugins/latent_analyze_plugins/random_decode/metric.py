"""The metric of a cloud, and how near z-points lie to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.statistics import MAX_FULL_DIM, nearest_others, shrunk_correlation

FLATTEST = 1e-6
"""Variances of standardized axes below this share of the largest are raised to it."""

SMALLEST_RADIUS = 1e-6
"""Radius of a ball around z-points that are all alike: rounding of the distances, no more."""

CHUNK = 64
"""Rows whose distances to all others are held at once: few enough to stay in a cache."""


def fit_whitening(rows: NDArray[np.float64], floor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return W such that |rows @ W| is a distance in the metric of the rows' second moments.

    The correlations are shrunk as Ledoit & Wolf (2004) do, and narrow directions are measured as
    if they were wider, axes as if they had at least the spread `floor` (dim,): none is left out, so
    what departs in a direction that the rows (n, dim) do not vary in is far away. W has the shape
    (dim, dim), and above 1,024 dimensions (dim,), one factor per axis.
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


def white_in(values: Mapping[str, Any], z: NDArray[Any]) -> NDArray[np.float64]:
    """Return z-points (n, dim) less the center of a frame, in its metric."""
    return whitened(z - values["center"], values["whitening"].astype(np.float64))


def knn_radii(white: NDArray[np.float64], neighbors: int) -> NDArray[np.float64]:
    """Return the distance of each row to its k-th nearest other row, shape (n,)."""
    return np.maximum(nearest_others(white, neighbors)[0][:, -1], SMALLEST_RADIUS)


def support_scores(
    white: NDArray[np.float64], support: NDArray[np.float64], radii: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scores and distances, shape (n,), of whitened rows (n, dim) among the data (m, dim).

    A score is the smallest distance / radius over the balls of the data, at most 1 inside some
    ball; the distance is that to the nearest z-point of the data.
    """
    scores, nearest = np.empty(len(white)), np.empty(len(white))
    lengths = np.einsum("ij,ij->i", support, support)
    for start in range(0, len(white), CHUNK):
        chunk = white[start : start + CHUNK]
        squares = lengths - 2 * (chunk @ support.T)
        squares += np.einsum("ij,ij->i", chunk, chunk)[:, None]
        np.maximum(squares, 0.0, out=squares)
        nearest[start : start + CHUNK] = np.sqrt(squares.min(axis=1))
        scores[start : start + CHUNK] = np.sqrt((squares / radii**2).min(axis=1))
    return scores, nearest
