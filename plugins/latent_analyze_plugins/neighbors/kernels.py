"""Compiled loops of the neighbor search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def find_nearest(products: Any, half_squares: Any, first: int, into: Any) -> None:
    """Search the nearest others of each row of a chunk, in its ever larger parts of all rows.

    The parts of level l are 2^l runs of rows, equal up to one row; each is the union of two parts
    of the next level. A search that grows from the smallest part of a row to all rows therefore
    sees every row once, and passes the answer of every level on its way.

    Takes scalar products of the chunk's rows with all rows, shape (chunk, n), half the squared
    length of each row, (n,), and the number of the chunk's first row. Fills `into`: the nearest of
    all rows, nearest first, (chunk, k), and of each level, (level, chunk, place), those of the
    places, from 0, that stand third in it.
    """
    found, by_level, places = into
    n, best = len(half_squares), np.empty(found.shape[1])
    for i in range(len(products)):
        # Half the squared distances, less what is the same for the whole row.
        halves = half_squares - products[i]
        best[:] = worst = np.inf
        low, high = first + i, first + i + 1
        for level in range(len(by_level) - 1, -1, -1):
            part = (first + i << level) // n
            start, stop = -(-part * n >> level), -(-(part + 1) * n >> level)
            for begin, end in ((start, low), (high, stop)):
                for j in range(begin, end):
                    if halves[j] < worst:
                        _insert(best, found[i], halves[j], j)
                        worst = best[-1]
            low, high = start, stop
            by_level[level, i] = found[i][places]


@njit(cache=True, nogil=True)
def sort_by_distance(points: Any, found: Any) -> Any:
    """Return the distances to the rows in `found`, shape (n, k), and sort both by them.

    Differences are taken before they are squared: nothing cancels, however near the rows are.
    """
    squares = np.full(found.shape, np.inf)
    for i in range(len(found)):
        for neighbor in found[i].copy():
            total = 0.0
            for axis in range(points.shape[1]):
                total += (points[i, axis] - points[neighbor, axis]) ** 2
            _insert(squares[i], found[i], total, neighbor)
    return np.sqrt(squares)


@njit(cache=True, nogil=True)
def _insert(values: Any, rows: Any, value: float, row: int) -> None:
    """Insert into ascending values, the last of which falls out."""
    slot = len(values) - 1
    while slot > 0 and value < values[slot - 1]:
        values[slot], rows[slot] = values[slot - 1], rows[slot - 1]
        slot -= 1
    values[slot], rows[slot] = value, row
