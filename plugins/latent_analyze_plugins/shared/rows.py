"""Rows of a source: by their numbers, how many to sample, and their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Source


FULL_SAMPLE, FULL_DIM = 4000, 256
"""Rows of an automatic sample, and the dimensions above which it has fewer."""


def sample_size(asked: int | Literal["auto"], dim: int) -> int:
    """Return the size of a sample for searching neighbors; auto: 4000, fewer above 256 dimensions.

    Above, the product of rows and rows times dimensions stays the same, and so does the time.
    """
    return int(FULL_SAMPLE * min(FULL_DIM / dim, 1.0) ** 0.5) if asked == "auto" else asked


def label_names(source: Source) -> list[str]:
    """Return the names of the labels of a source, in order."""
    return sorted(f.removeprefix("label:") for f in source.fields if f.startswith("label:"))


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
