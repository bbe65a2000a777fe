"""Compiled loops of the neighbor search and of the minimum spanning tree."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def nearest_by_level(products: Any, half_squares: Any, first: int, into: Any) -> None:
    """Search the nearest rows of each row of a chunk, in its ever larger parts of all rows.

    The parts of level l are 2^l runs of consecutive rows, equal up to one row; each is the union
    of two parts of the next level. A search that grows from the smallest part of a row to all rows
    therefore sees every row once, and passes the answer of every level on its way.

    Parameters
    ----------
    products
        Scalar products of the chunk's rows with all rows, shape (chunk, n); overwritten.
    half_squares
        Half the squared length of each row, shape (n,).
    first
        Row number of the chunk's first row.
    into
        Three arrays: the nearest of all rows in ascending order, shape (chunk, k), filled; those
        of the given places at each level, shape (level, chunk, place), filled; the places, from 0.
    """
    found, by_level, places = into
    n, k = len(half_squares), found.shape[1]
    best, rows = np.empty(k), np.empty(k, np.int64)
    for i in range(len(products)):
        own, halves = first + i, products[i]
        # Half the squared distance, less what is the same for the whole row.
        for j in range(n):
            halves[j] = half_squares[j] - halves[j]
        best[:], rows[:] = np.inf, own
        low, high = own, own + 1
        for level in range(len(by_level) - 1, -1, -1):
            part = (own << level) // n
            start, stop = _start(part, n, level), _start(part + 1, n, level)
            _take_nearer(halves, (start, low), best, rows)
            _take_nearer(halves, (high, stop), best, rows)
            low, high = start, stop
            for p in range(len(places)):
                by_level[level, i, p] = rows[places[p]]
        found[i] = rows


@njit(cache=True, nogil=True)
def _start(part: int, n: int, level: int) -> int:
    return (part * n + (1 << level) - 1) >> level


@njit(cache=True, nogil=True)
def _take_nearer(halves: Any, span: Any, best: Any, rows: Any) -> None:
    """Keep the smallest of a span and of those kept so far, in ascending order."""
    last = len(best) - 1
    worst = best[last]
    for j in range(span[0], span[1]):
        if halves[j] >= worst:
            continue
        slot = last
        while slot > 0 and halves[j] < best[slot - 1]:
            best[slot], rows[slot] = best[slot - 1], rows[slot - 1]
            slot -= 1
        best[slot], rows[slot] = halves[j], j
        worst = best[last]


@njit(cache=True, nogil=True)
def sort_by_distance(points: Any, found: Any) -> Any:
    """Return the distances to the rows in `found`, shape (n, k), and sort both by them.

    Differences are taken before they are squared: nothing cancels, however near the rows are.
    """
    n, k = found.shape
    squares = np.empty((n, k))
    for i in range(n):
        for place in range(k):
            neighbor, total = found[i, place], 0.0
            for axis in range(points.shape[1]):
                total += (points[i, axis] - points[neighbor, axis]) ** 2
            slot = place
            while slot > 0 and total < squares[i, slot - 1]:
                squares[i, slot], found[i, slot] = squares[i, slot - 1], found[i, slot - 1]
                slot -= 1
            squares[i, slot], found[i, slot] = total, neighbor
    return np.sqrt(squares)


@njit(cache=True, nogil=True)
def spanning_tree(products: Any, half_squares: Any) -> Any:
    """Return the edges of the minimum spanning tree of all rows, shape (n - 1, 2) (Prim 1957).

    Parameters
    ----------
    products
        Scalar products of all rows, shape (n, n).
    half_squares
        Half the squared length of each row, shape (n,).
    """
    n = len(products)
    nearest, parent = np.full(n, np.inf), np.zeros(n, np.int64)
    outside = np.ones(n, np.bool_)
    edges = np.empty((n - 1, 2), np.int64)
    newest = 0
    for edge in range(n - 1):
        outside[newest], closest = False, -1
        for j in range(n):
            if not outside[j]:
                continue
            square = half_squares[newest] + half_squares[j] - products[newest, j]
            if square < nearest[j]:
                nearest[j], parent[j] = square, newest
            if closest < 0 or nearest[j] < nearest[closest]:
                closest = j
        newest = closest
        edges[edge, 0], edges[edge, 1] = parent[newest], newest
    return edges
