"""Exact counts and a uniform sample of points, in one pass over the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import (
    AnalysisError,
    Batch,
    Frame,
    Tally,
    Values,
    row_priority,
    stack_padded,
)
from latent_analyze_plugins.slices.metric import count_nearer, origin_density_percentile


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
        self._kept = [(np.zeros(0, np.uint64), np.zeros((0, *shape), np.float32))]

    def add(self, priority: NDArray[np.uint64], values: NDArray[np.float32]) -> None:
        """Take in rows; those that cannot be kept are not copied."""
        lowest, _ = self._kept[0]
        if len(lowest) == self.size:
            low = priority < lowest[-1]
            priority, values = priority[low], values[low]
        if len(priority):
            self._kept.append((priority, values))
        # Sorting only now and then makes a block cost little however large the sample is.
        if sum(len(part) for part, _ in self._kept) >= 2 * self.size:
            self._trim()

    def _trim(self) -> None:
        priority, values = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
        order = np.argsort(priority, kind="stable")[: self.size]
        self._kept = [(priority[order], values[order])]

    @property
    def values(self) -> NDArray[np.float32]:
        """What is kept, in the order of priority, shape (at most size, *shape)."""
        self._trim()
        return self._kept[0][1]

    def merge(self, other: LowestPriority) -> None:
        """Take in the rows of another sample."""
        for priority, values in other._kept:
            self.add(priority, values)


class SliceCounts(Tally):
    """Survivors per half-width, projections, and how the origin lies among the rows.

    Parameters
    ----------
    frame
        Made by `make_frame`.
    options
        Options of the analysis; `points`, `density_sample`, `bins` and `seed` are used.
    """

    lowest = frozenset({"smallest_b"})

    def __init__(self, frame: Frame, options: Any) -> None:
        pairs, points = len(frame["pairs"]), options.points
        self.frame, self.options = frame, options
        self.count = self.nonfinite = self.nearer = 0
        self.by_half_width = np.zeros((pairs, len(frame["bs"]) + 1), np.int64)
        self.cells = np.zeros((pairs, options.bins, options.bins), np.int64)
        self.smallest_b = np.full(pairs, np.inf, np.float32)
        self.zoom_count = np.zeros(pairs, np.int64)
        self.axes_beyond = np.zeros(3, np.int64)
        self.rows = LowestPriority(options.density_sample, (frame["dim"],))
        self.projected = LowestPriority(points, (pairs, 2))
        self.zoomed = [LowestPriority(points, (2,)) for _ in range(pairs)]
        self.sliced = [LowestPriority(points, (2,)) for _ in range(pairs)]

    def add(self, batch: Batch) -> None:
        """Take in the rows of a batch; rows with NaN or infinity are counted apart."""
        from latent_analyze_plugins.slices.kernels import largest_outside, largest_three

        largest, axes, finite = largest_three(batch.z)
        self.nonfinite += int((~finite).sum())
        if not finite.all():
            batch, largest, axes = batch.take(finite), largest[finite], axes[finite]
        if not len(batch):
            return
        outside = largest_outside(largest, axes, self.frame["pairs"])
        beyond = (largest > np.float32(self.frame["b"])).sum(axis=1)
        self.axes_beyond += np.bincount(beyond, minlength=4)[:3]
        self.smallest_b = np.minimum(self.smallest_b, outside.min(axis=0))
        self.count += len(batch)
        self.nearer += count_nearer(batch.z, self.frame)
        self._count(batch.z, outside)
        self._keep_points(batch.z, row_priority(batch.rows, self.options.seed), outside)

    def _count(self, z: NDArray[np.float32], outside: NDArray[np.float32]) -> None:
        """Count rows per smallest b of the grid at which they survive, and per cell."""
        from latent_analyze_plugins.slices.kernels import count_cells

        steps = np.searchsorted(self.frame["bs"], outside)
        for counts, column in zip(self.by_half_width, steps.T, strict=True):
            counts += np.bincount(column, minlength=len(counts))
        scale = self.options.bins / self.frame["width"]
        windows = np.column_stack([self.frame["low"], scale]).astype(np.float32)
        count_cells(z, self.frame["pairs"], windows, self.cells)

    def _keep_points(
        self, z: NDArray[np.float32], priority: NDArray[np.uint64], outside: NDArray[np.float32]
    ) -> None:
        points = z[:, self.frame["pairs"]]
        self.projected.add(priority, points)
        self.rows.add(priority, z)
        near = np.abs(points).max(axis=2) <= np.float32(self.frame["zoom"])
        survives = outside <= np.float32(self.frame["b"])
        self.zoom_count += near.sum(axis=0)
        for samples, chosen in ((self.zoomed, near), (self.sliced, survives)):
            for p, (sample, mask) in enumerate(zip(samples, chosen.T, strict=True)):
                sample.add(priority[mask], points[mask, p])

    def result(self) -> Values:
        """Return counts, shares, kept points and the origin's percentiles."""
        if not self.count:
            raise AnalysisError("at least one finite z-point", found="none")
        frame, sample = self.frame, self.rows.values
        survivors = np.cumsum(self.by_half_width[:, :-1], axis=1)
        values = {
            "n": self.count,
            "b": frame["b"],
            **self._shares(survivors[:, np.searchsorted(frame["bs"], np.float32(frame["b"]))]),
            "origin_distance": np.sqrt(frame["origin_square"]),
            "origin_mahalanobis_percentile": 100.0 * self.nearer / self.count,
            "pairs": frame["pairs"],
            "half_width": frame["bs"],
            "survivors": survivors,
            "smallest_b": self.smallest_b,
            "cells": self.cells,
            "outside": self.count - self.cells.sum(axis=(1, 2)),
            "zoom_count": self.zoom_count,
            "projection": self.projected.values.transpose(1, 0, 2),
            "zoom": stack_padded([sample.values for sample in self.zoomed], np.nan),
            "slice": stack_padded([sample.values for sample in self.sliced], np.nan),
        }
        if len(sample) > 1:
            values["origin_density_percentile"] = origin_density_percentile(sample, frame)
        return Values(values, sample_size=len(sample), notes=self._notes(len(sample)))

    def _shares(self, at_b: NDArray[np.int64]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for (i, j), survivors in zip(self.frame["pairs"], at_b.tolist(), strict=True):
            values[f"survivors_{i}_{j}"] = survivors
            values[f"survivor_share_{i}_{j}"] = survivors / self.count
        # A row with c axes beyond b survives for all, dim - 1, one or none of the pairs.
        pairs = self.frame["all_pairs"]
        survived = int(self.axes_beyond @ [pairs, self.frame["dim"] - 1, 1])
        return {**values, "survivor_share_all_pairs": survived / (self.count * pairs)}

    def _notes(self, sample: int) -> list[str]:
        frame, constant = self.frame, self.frame["constant_axes"]
        notes = [
            f"metric of the distances: {frame['metric']} (shrinkage {frame['shrinkage']:.2g}), "
            f"rank {frame['rank']} of {frame['dim']}, fitted to {frame['metric_sample']:,} "
            "z-points of the reference"
        ]
        if constant:
            notes.append(f"axes that do not vary, left out of the metric: {constant}")
        if self.nonfinite:
            notes.append(f"z-points with NaN or infinity, left out: {self.nonfinite:,}")
        if sample < 2:
            notes.append("no density around the origin: it needs two z-points")
        return notes
