"""Exact nearest neighbors of a sample, and of ever smaller random parts of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Batch
from latent_analyze.statistics import distinct_rows

RANKS = np.array([1, 2, 8, 16])
"""Neighbors that are kept of every decimation."""
CHUNK_VALUES = 2_000_000
"""Scalar products held at a time: 16 MB, whatever the number of points."""


@dataclass(frozen=True)
class Cloud:
    """Distinct finite z-points in random order.

    `points`, shape (n, dim), are float64: differences of float32 numbers are exact in it. `rows`
    are their row numbers in the source. `duplicates` and `nonfinite` were left out because they
    repeat another one, or hold NaN or infinity.
    """

    points: NDArray[np.float64]
    rows: NDArray[np.int64]
    duplicates: int
    nonfinite: int


@dataclass(frozen=True)
class Neighborhoods:
    """Neighbors of each point in ascending order of distance; a point is none of its own.

    `rows` and `distances`, shape (n, k), are the nearest of all points. `by_level`, shape (level,
    n, rank), are the distances to the neighbors of rank `RANKS` within random parts of n / 2^level
    points; level 0 are all points.
    """

    rows: NDArray[np.int64]
    distances: NDArray[np.float64]
    by_level: NDArray[np.float64]


def distinct_points(batch: Batch, rng: np.random.Generator, most: int | None = None) -> Cloud:
    """Return each finite z-point once, in random order: any run of them is then a random part."""
    finite = np.flatnonzero(np.isfinite(batch.z).all(axis=1))
    first = finite[distinct_rows(batch.z[finite])]
    kept = rng.permutation(first)[:most]
    points = batch.z[kept].astype(np.float64)
    return Cloud(points, batch.rows[kept], len(finite) - len(first), len(batch) - len(finite))


def find_neighbors(points: NDArray[np.float64], k: int, levels: int = 1) -> Neighborhoods:
    """Return the k nearest neighbors of each point, k being at least the largest rank.

    Which ones are nearest is certain unless they lie nearer to each other than 1e-7 of the cloud's
    extent; their distances are exact. One matrix product per chunk of rows serves all levels of
    decimation; the parts of the last one hold more than ``RANKS[-1]`` points. `points`, shape
    (n, dim), n > k, are in random order.
    """
    from latent_analyze_plugins.neighbors.kernels import find_nearest, sort_by_distance

    n, centered = len(points), points - points.mean(axis=0)
    halves = 0.5 * np.einsum("ij,ij->i", centered, centered)
    rows, by_level = np.zeros((n, k), np.int64), np.empty((levels, n, len(RANKS)), np.int64)
    chunk = max(CHUNK_VALUES // n, 16)
    for first in range(0, n, chunk):
        part = slice(first, first + chunk)
        into = rows[part], by_level[:, part], RANKS - 1
        find_nearest(centered[part] @ centered.T, halves, first, into)
    distances = sort_by_distance(points, rows)
    ranked = [sort_by_distance(points, level) for level in by_level]
    return Neighborhoods(rows, distances, np.stack(ranked))


def tree_edges(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lengths of the edges of the minimum spanning tree, ascending (Prim 1957)."""
    centered = points - points.mean(axis=0)
    products = centered @ centered.T
    halves = 0.5 * np.diagonal(products)
    nearest, parent = np.full(len(points), np.inf), np.zeros(len(points), np.int64)
    outside = halves.copy()  # infinite where the tree has been
    edges = np.empty((len(points) - 1, 2), np.int64)
    newest = 0
    for edge in edges:
        outside[newest] = nearest[newest] = np.inf
        half_squares = outside + (halves[newest] - products[newest])
        parent[half_squares < nearest] = newest
        np.minimum(nearest, half_squares, out=nearest)
        newest = int(nearest.argmin())
        edge[:] = parent[newest], newest
    return np.sort(np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1))
