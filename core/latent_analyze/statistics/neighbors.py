"""Exact nearest neighbors, a chunk of queries at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALL = 1 << 28
"""Products of a search that one thread does in a fraction of a second."""


def nearest(
    queries: NDArray[Any], points: NDArray[Any], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the k nearest of `points` (all, if there are fewer) to each query.

    Parameters
    ----------
    queries, points
        Shapes (m, dim) and (n, dim).

    Returns
    -------
    distances, rows
        Shape (m, min(k, n)), ascending. Distances are right to about 1e-8 of the cloud's extent.
    """
    center = points.mean(axis=0, dtype=np.float64)
    search = _index(points - center)
    with _threads(len(queries) * points.size):
        distances, rows = search.kneighbors(queries - center, n_neighbors=min(k, len(points)))
    return distances, rows


def nearest_others(points: NDArray[Any], k: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the k nearest other points of each point; see `nearest`."""
    center = points.mean(axis=0, dtype=np.float64)
    search = _index(points - center)
    with _threads(len(points) * points.size):
        distances, rows = search.kneighbors(n_neighbors=min(k, len(points) - 1))
    return distances, rows


def _index(points: NDArray[np.float64]) -> Any:
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(algorithm="brute").fit(points)


def _threads(products: int) -> AbstractContextManager[Any]:
    """Return a context with one thread for a small search.

    On a busy machine threads wait for each other far longer than such a search takes.
    """
    if products > SMALL:
        return nullcontext()
    one: AbstractContextManager[Any] = _pools().limit(limits=1, user_api="openmp")
    return one


@cache
def _pools() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
