"""Compiled loops over rows; every row is computed alone, so no count depends on the split."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


# Sums may be reordered, but in the same way for every row: each is summed on its own.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _project(row: Any, mean: Any, directions: Any, scores: Any) -> None:
    for m in range(len(directions)):
        total = 0.0
        for j in range(len(row)):
            total += (row[j] - mean[j]) * directions[m, j]
        scores[m] = total


@njit(cache=True, nogil=True)
def count_parts(z: Any, planes: Any, counts: Any) -> int:
    """Count rows per part of each window, and return how many rows are finite.

    `planes` are the mean, (dim,), directions, (direction, dim), which make scores in standard
    deviations, pairs of their numbers, (pair, 2), and descending half-widths, (pair, window). Adds
    to `counts`, shape (pair, window, part, part).
    """
    mean, directions, pairs, half_widths = planes
    parts, finite, scores = counts.shape[2], 0, np.empty(len(directions))
    for i in range(len(z)):
        _project(z[i], mean, directions, scores)
        if not np.isfinite(scores.sum()):
            continue
        finite += 1
        for p in range(len(pairs)):
            x, y = scores[pairs[p, 0]], scores[pairs[p, 1]]
            for k in range(half_widths.shape[1]):
                # A plane of fewer windows than others is filled up with windows of width 0.
                if half_widths[p, k] <= 0.0:
                    break
                scale = 0.5 * parts / half_widths[p, k]
                u, v = x * scale + 0.5 * parts, y * scale + 0.5 * parts
                # A point outside a window is outside all windows within it.
                if not (0.0 <= u < parts and 0.0 <= v < parts):
                    break
                counts[p, k, int(u), int(v)] += 1
    return finite
