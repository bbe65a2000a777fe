"""Compiled loops over rows; every row is computed alone, so no count depends on the split."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


# Sums may be reordered, but in the same way for every row: each is summed on its own.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def project(z: Any, mean: Any, directions: Any) -> Any:
    """Return (z - mean) @ directions.T in float64, the same in a block of any size.

    A matrix product may round a row differently in another block. Rows that are not finite come
    out as NaN.
    """
    n, dim = z.shape
    scores = np.empty((n, len(directions)))
    row = np.empty(dim)
    for i in range(n):
        for j in range(dim):
            row[j] = z[i, j] - mean[j]
        for m in range(len(directions)):
            total = 0.0
            for j in range(dim):
                total += row[j] * directions[m, j]
            scores[i, m] = total
    return scores


@njit(cache=True, nogil=True)
def count_parts(scores: Any, pairs: Any, half_widths: Any, counts: Any) -> Any:
    """Count rows per part of each window, and return how many rows are finite.

    Parameters
    ----------
    scores
        Shape (n, direction), in standard deviations.
    pairs
        Shape (pair, 2): numbers of directions.
    half_widths
        Shape (pair, window), in standard deviations, descending.
    counts
        Shape (pair, window, part, part); added to.
    """
    parts = counts.shape[2]
    finite = 0
    for i in range(len(scores)):
        if not np.isfinite(scores[i].sum()):
            continue
        finite += 1
        for p in range(len(pairs)):
            x, y = scores[i, pairs[p, 0]], scores[i, pairs[p, 1]]
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
