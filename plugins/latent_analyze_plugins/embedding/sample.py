"""The z-points of a page: a seeded sample, each different one once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import row_priority

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Batch, Context


@dataclass(frozen=True)
class Sample:
    """Different finite z-points in row order, and what was left out of the sample."""

    batch: Batch
    notes: tuple[str, ...]


def draw(
    context: Context,
    size: int,
    *,
    points: int | None = None,
    fields: frozenset[str] = frozenset({"z"}),
) -> Sample:
    """Return a seeded sample without repeated rows and without NaN or infinity.

    Parameters
    ----------
    size
        Rows to sample.
    points
        Most z-points to keep, a random part of the sample: measures of a page depend on the number
        of its points, so no source gets more than the reference has.
    fields
        What to read.
    """
    batch = context.sample(size, fields)
    finite = np.flatnonzero(np.isfinite(batch.z).all(axis=1))
    kept = finite[first_of_each(batch.z[finite])]
    notes = []
    if len(finite) < len(batch):
        notes.append(f"left out: {len(batch) - len(finite)} z-points with NaN or infinity")
    if len(kept) < len(finite):
        notes.append(f"left out: {len(finite) - len(kept)} z-points that repeat another one")
    if points is not None and len(kept) > points:
        order = np.argsort(row_priority(batch.rows[kept], 0), kind="stable")
        kept = np.sort(kept[order[:points]])
    return Sample(batch.take(kept), tuple(notes))


def first_of_each(z: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the places where each different row of (n, dim) stands first, ascending."""
    # Adding 0 turns -0.0 into 0.0, which has other bytes and is the same number.
    rows = np.ascontiguousarray(z, np.float32) + np.float32(0.0)
    as_bytes = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()
    _, first = np.unique(as_bytes, return_index=True)
    return np.sort(first)
