"""Counts, moments and ranges per axis, in one pass."""

from __future__ import annotations

import numpy as np

from latent_analyze.plugin import Batch, Frame, Result
from latent_analyze_plugins.axis_density.readings import Cells, read_cells

_FULL = np.iinfo(np.uint32).max


class AxisTallies:
    """Counts, moments and ranges per axis; sums are taken about the reference's mean.

    Merging sums of float64 agrees with one pass to a relative 1e-9 of the spread.
    """

    def __init__(self, frame: Frame) -> None:
        dim, cells = len(frame["start"]), frame["bins"] + 2
        self.frame = frame
        self.count = self.nonfinite = self._recent_rows = 0
        self._counts = np.zeros((dim, cells), np.int64)
        # The loop over the rows counts in 32 bits, half the cache, and is emptied before they end.
        self._recent = np.zeros((dim, cells), np.uint32)
        self._sums = np.zeros((2, dim))
        self._ranges = np.repeat(np.array([[np.inf], [-np.inf]], np.float32), dim, axis=1)

    def add(self, batch: Batch) -> None:
        """Count the rows of a batch; those with NaN or infinity are counted apart."""
        from latent_analyze_plugins.shared.histogram_kernels import Grid, Tallies, tally_axes

        z = batch.z
        if not np.isfinite(z).all():
            z = z[np.isfinite(z).all(axis=1)]
            self.nonfinite += len(batch) - len(z)
        if self._recent_rows + len(z) > _FULL:
            self._flush()
        width = self.frame["bin_width"]
        low = ((self.frame["start"] - 1) * width).astype(np.float32)
        grid = Grid(low, np.float32(1 / width), self.frame["shift"])
        tally_axes(z, grid, Tallies(self._recent, self._sums, self._ranges))
        self._recent_rows += len(z)
        self.count += len(z)

    def merge(self, other: AxisTallies) -> None:
        """Take in the rows that another accumulator has counted."""
        self._counts += other._counts
        self._counts += other._recent
        self._sums += other._sums
        self._ranges[0] = np.minimum(self._ranges[0], other._ranges[0])
        self._ranges[1] = np.maximum(self._ranges[1], other._ranges[1])
        self.count += other.count
        self.nonfinite += other.nonfinite

    def result(self) -> Result:
        """Return center, spread, width and modes per axis, and the counts."""
        self._flush()
        cells = Cells(self.count, self.nonfinite, self._counts, self._sums, self._ranges)
        return read_cells(cells, self.frame)

    def _flush(self) -> None:
        self._counts += self._recent
        self._recent[:] = 0
        self._recent_rows = 0
