"""Rows of a source by their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Source


def rows_of(source: Source, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the z-points of these row numbers, in this order; a row may stand more than once.

    Parameters
    ----------
    source
        Any source; each of its blocks that holds a wanted row is read once.
    rows
        Row numbers from 0 to `source.count` - 1, shape (n,).

    Returns
    -------
    z
        Shape (n, dim), float64, latent units.
    """
    found = np.empty((len(rows), source.dim))
    order = np.argsort(rows, kind="stable")
    ascending = rows[order]
    for block in source.blocks():
        low, high = np.searchsorted(ascending, [block.start, block.stop])
        if low < high:
            found[order[low:high]] = source.read(block).z[ascending[low:high] - block.start]
    return found
