"""Exact nearest neighbors of a sample, and of ever smaller random parts of it, in one pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RANKS = np.array([1, 2, 8, 16])
"""Neighbors that are kept of every decimation."""

CHUNK_VALUES = 2_000_000
"""Scalar products held at a time: 16 MB, whatever the number of points."""


@dataclass(frozen=True)
class Cloud:
    """Distinct finite z-points in random order.

    Attributes
    ----------
    points
        Shape (n, dim), float64: differences of float32 numbers are exact in it.
    duplicates, nonfinite
        Rows left out because they repeat another one, or hold NaN or infinity.
    """

    points: NDArray[np.float64]
    duplicates: int
    nonfinite: int

    def first(self, count: int) -> Cloud:
        """Return the cloud with at most `count` points; they are in random order."""
        return replace(self, points=self.points[:count])


@dataclass(frozen=True)
class Neighborhoods:
    """Neighbors of each point in ascending order of distance; a point is none of its own.

    Attributes
    ----------
    rows, distances
        Row numbers and distances of the nearest of all points, shape (n, k).
    by_level
        Distances to the neighbors of rank `RANKS` within random parts of n / 2^level points,
        shape (level, n, rank). Level 0 are all points.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]
    by_level: NDArray[np.float64]


def distinct_points(z: NDArray[np.float32], rng: np.random.Generator) -> Cloud:
    """Return each finite row once, in random order: any run of rows is then a random part."""
    finite = np.isfinite(z).all(axis=1)
    # Adding 0 turns -0.0 into 0.0, which has other bytes and is the same number.
    rows = np.ascontiguousarray(z[finite], np.float32) + np.float32(0.0)
    as_bytes = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()
    _, first = np.unique(as_bytes, return_index=True)
    kept = rng.permutation(np.sort(first))
    return Cloud(
        points=rows[kept].astype(np.float64),
        duplicates=len(rows) - len(kept),
        nonfinite=int((~finite).sum()),
    )


def find_neighbors(points: NDArray[np.float64], k: int, levels: int = 1) -> Neighborhoods:
    """Return the k nearest neighbors of each point, exact to 1e-7 of the cloud's extent.

    One matrix product per chunk of rows serves all levels. It works on centered rows in float64;
    which rows are nearest is thus certain unless they lie nearer to each other than 1e-7 of the
    extent, and their distances are computed once more from differences.

    Parameters
    ----------
    points
        In random order, shape (n, dim), n > k.
    k
        At least the largest rank.
    levels
        Number of decimations, n / 2^level points in a part; the last ones hold more than
        ``RANKS[-1]`` points.
    """
    from latent_analyze_plugins.neighbors import _kernels

    n, places = len(points), RANKS - 1
    centered = points - points.mean(axis=0)
    halves = 0.5 * np.einsum("ij,ij->i", centered, centered)
    rows = np.empty((n, k), np.int64)
    by_level = np.empty((levels, n, len(places)), np.int64)
    chunk = max(CHUNK_VALUES // n, 16)
    for first in range(0, n, chunk):
        part = slice(first, first + chunk)
        products = centered[part] @ centered.T
        _kernels.nearest_by_level(products, halves, first, (rows[part], by_level[:, part], places))
    return Neighborhoods(
        rows=rows,
        distances=_kernels.sort_by_distance(points, rows),
        by_level=np.stack([_kernels.sort_by_distance(points, level) for level in by_level]),
    )


def tree_edges(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lengths of the edges of the Euclidean minimum spanning tree, ascending."""
    from latent_analyze_plugins.neighbors import _kernels

    centered = points - points.mean(axis=0)
    halves = 0.5 * np.einsum("ij,ij->i", centered, centered)
    edges = _kernels.spanning_tree(centered @ centered.T, halves)
    return np.sort(np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1))
