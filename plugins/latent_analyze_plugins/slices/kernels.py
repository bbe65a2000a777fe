"""Compiled loops over rows; every row is computed alone, so no result depends on the split."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

LARGEST_FLOAT = np.float32(np.finfo(np.float32).max)


@njit(cache=True, nogil=True)
def largest_three(z: Any) -> Any:
    """Return the three largest |z_j| of each row, descending, with their axes.

    Two axes can be looked through at a time, so the largest component outside any pair of axes is
    one of these three. Missing ones (dim < 3) are -1. The third array says whether a row is finite.
    """
    n, dim = z.shape
    values = np.full((n, 3), -1.0, np.float32)
    axes = np.full((n, 3), -1, np.int32)
    finite = np.ones(n, np.bool_)
    for i in range(n):
        for j in range(dim):
            x = abs(z[i, j])
            if x <= values[i, 2]:
                continue
            # NaN fails every comparison, so it arrives here like a large value does.
            if not x <= LARGEST_FLOAT:
                finite[i] = False
                break
            place = 2
            while place > 0 and x > values[i, place - 1]:
                values[i, place] = values[i, place - 1]
                axes[i, place] = axes[i, place - 1]
                place -= 1
            values[i, place] = x
            axes[i, place] = j
    return values, axes, finite


@njit(cache=True, nogil=True)
def largest_outside(values: Any, axes: Any, pairs: Any) -> Any:
    """Return max |z_j| over all axes j outside a pair, shape (n, pair); 0 if there is none."""
    outside = np.zeros((len(values), len(pairs)), np.float32)
    for i in range(len(values)):
        for p in range(len(pairs)):
            for place in range(3):
                axis = axes[i, place]
                if axis not in (pairs[p, 0], pairs[p, 1]):
                    outside[i, p] = max(values[i, place], np.float32(0.0))
                    break
    return outside


@njit(cache=True, nogil=True)
def count_cells(z: Any, pairs: Any, windows: Any, counts: Any) -> None:
    """Count rows per cell of each pair's window (low, low, cells per unit); others in no cell."""
    bins = counts.shape[1]
    for i in range(z.shape[0]):
        for p in range(len(pairs)):
            u = (z[i, pairs[p, 0]] - windows[p, 0]) * windows[p, 2]
            v = (z[i, pairs[p, 1]] - windows[p, 1]) * windows[p, 2]
            if 0.0 <= u < bins and 0.0 <= v < bins:
                counts[p, int(u), int(v)] += 1
