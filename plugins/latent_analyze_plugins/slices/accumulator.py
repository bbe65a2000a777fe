"""Exact counts and a uniform sample of points, in one pass over the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import AnalysisError, row_priority
from latent_analyze_plugins.slices.metric import count_nearer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Batch, Frame, Result


class LowestPriority:
    """The rows of lowest priority: a uniform sample that does not depend on the split.

    Parameters
    ----------
    size
        Number of rows to keep.
    shape
        Shape of what is kept of a row.
    """

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        self.size = size
        self._priority = [np.zeros(0, np.uint64)]
        self._values = [np.zeros((0, *shape), np.float32)]
        self._limit: int | None = None

    def add(self, priority: NDArray[np.uint64], values: NDArray[np.float32]) -> None:
        """Take in rows; those that cannot be kept are not copied."""
        if self._limit is not None:
            low = priority < np.uint64(self._limit)
            priority, values = priority[low], values[low]
        if len(priority):
            self._priority.append(priority)
            self._values.append(values)
        # Sorting only now and then makes a block cost little however large the sample is.
        if sum(map(len, self._priority)) >= 2 * self.size:
            self._trim()

    def _trim(self) -> None:
        priority = np.concatenate(self._priority)
        order = np.argsort(priority, kind="stable")[: self.size]
        self._priority, self._values = [priority[order]], [np.concatenate(self._values)[order]]
        if len(order) == self.size:
            self._limit = int(self._priority[0][-1])

    @property
    def values(self) -> NDArray[np.float32]:
        """What is kept, in the order of priority, shape (at most size, *shape)."""
        self._trim()
        return self._values[0]

    def __len__(self) -> int:
        return min(sum(map(len, self._priority)), self.size)

    def merge(self, other: LowestPriority) -> None:
        """Take in the rows of another sample."""
        for priority, values in zip(other._priority, other._values, strict=True):
            self.add(priority, values)


class SliceAccumulator:
    """Survivors per half-width, projections, and how the origin lies among the rows.

    Parameters
    ----------
    frame
        Made by `make_frame`.
    options
        Options of the analysis; `points`, `density_sample`, `bins` and `seed` are used.
    """

    def __init__(self, frame: Frame, options: Any) -> None:
        pairs = len(frame["pairs"])
        self.frame, self.options = frame, options
        self.count = self.nonfinite = self.nearer = 0
        self.by_half_width = np.zeros((pairs, len(frame["bs"]) + 1), np.int64)
        self.cells = np.zeros((pairs, options.bins, options.bins), np.int64)
        self.smallest_b = np.full(pairs, np.inf, np.float32)
        self.zoom_count = np.zeros(pairs, np.int64)
        self.axes_beyond = np.zeros(3, np.int64)
        self.projected = LowestPriority(options.points, (pairs, 2))
        self.rows = LowestPriority(options.density_sample, (frame["dim"],))
        self.zoomed = [LowestPriority(options.points, (2,)) for _ in range(pairs)]
        self.sliced = [LowestPriority(options.points, (2,)) for _ in range(pairs)]

    def add(self, batch: Batch) -> None:
        """Take in the rows of a batch; rows with NaN or infinity are counted apart."""
        from latent_analyze_plugins.slices import _kernels

        z = np.asarray(batch.z, np.float32)
        largest, axes, finite = _kernels.largest_three(z)
        if not finite.all():
            self.nonfinite += int((~finite).sum())
            batch = batch.take(finite)
            z, largest, axes = np.asarray(batch.z), largest[finite], axes[finite]
        if not len(z):
            return
        outside = _kernels.largest_outside(largest, axes, self.frame["pairs"])
        _kernels.count_by_half_width(outside, self.frame["bs"], self.by_half_width)
        _kernels.count_cells(z, self.frame["pairs"], self._windows(), self.cells)
        self.count += len(z)
        self.nearer += count_nearer(z, self.frame)
        self.smallest_b = np.minimum(self.smallest_b, outside.min(axis=0))
        beyond = (largest > np.float32(self.frame["b"])).sum(axis=1)
        self.axes_beyond += np.bincount(beyond, minlength=4)[:3]
        self._keep_points(z, row_priority(batch.rows, self.options.seed), outside)

    def _windows(self) -> NDArray[np.float32]:
        scale = self.options.bins / self.frame["width"]
        return np.column_stack([self.frame["low"], scale]).astype(np.float32)

    def _keep_points(
        self,
        z: NDArray[np.float32],
        priority: NDArray[np.uint64],
        outside: NDArray[np.float32],
    ) -> None:
        points = z[:, self.frame["pairs"]]
        self.projected.add(priority, points)
        self.rows.add(priority, z)
        near = np.abs(points).max(axis=2) <= np.float32(self.frame["zoom"])
        survives = outside <= np.float32(self.frame["b"])
        self.zoom_count += near.sum(axis=0)
        for p in range(points.shape[1]):
            self.zoomed[p].add(priority[near[:, p]], points[near[:, p], p])
            self.sliced[p].add(priority[survives[:, p]], points[survives[:, p], p])

    def merge(self, other: SliceAccumulator) -> None:
        """Take in all that another accumulator of the same frame has seen."""
        for name in ("count", "nonfinite", "nearer"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("by_half_width", "cells", "zoom_count", "axes_beyond"):
            getattr(self, name)[...] += getattr(other, name)
        self.smallest_b = np.minimum(self.smallest_b, other.smallest_b)
        self.projected.merge(other.projected)
        self.rows.merge(other.rows)
        for mine, theirs in zip(
            self.zoomed + self.sliced, other.zoomed + other.sliced, strict=True
        ):
            mine.merge(theirs)

    def result(self) -> Result:
        """Return counts, shares, kept points and the origin's percentiles."""
        from latent_analyze_plugins.slices.output import make_result

        if not self.count:
            raise AnalysisError("at least one finite z-point", found="none")
        return make_result(self)
