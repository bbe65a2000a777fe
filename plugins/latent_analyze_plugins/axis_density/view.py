"""Counts along axes, put on the common axis that figures draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Frame, Result, quantile_positions
from latent_analyze_plugins.axis_density.curves import smooth

FAR_APART = 20
"""Axes whose intervals lie so many times their extent apart are drawn about their middles."""


@dataclass(frozen=True)
class View:
    """A common axis for the intervals of all latent axes.

    Attributes
    ----------
    frame
        The frame of the analysis.
    offset
        First interval of each axis on the common axis, shape (axes,).
    origin
        Position of the common axis' first edge, in latent units.
    centered
        Whether each axis is shown about the middle of its own intervals.
    """

    frame: Frame
    offset: NDArray[np.int64]
    origin: float
    centered: bool

    @classmethod
    def of(cls, frame: Frame) -> View:
        """Return the view of a frame."""
        start, bins, width = frame["start"], frame["bins"], frame["bin_width"]
        if np.ptp(start) > FAR_APART * bins:
            return cls(frame, np.zeros_like(start), -(bins // 2) * width, centered=True)
        return cls(frame, start - start.min(), int(start.min()) * width, centered=False)

    @property
    def label(self) -> str:
        """Label of the common axis."""
        what = "value minus middle of the axis" if self.centered else "value along the axis"
        return f"{what}, latent units"

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the intervals on the common axis."""
        intervals = int(self.offset.max()) + self.frame["bins"]
        return self.origin + np.arange(intervals + 1) * self.frame["bin_width"]

    def pooled(self, counts: NDArray[np.int64], values: float | None = None) -> NDArray[np.float64]:
        """Return the density over all axes together, per latent unit.

        Parameters
        ----------
        counts
            Shape (axes, bins).
        values
            Number of all values, those outside the intervals included; by default those inside.
        """
        total = np.zeros(len(self.edges) - 1)
        for offset, row in zip(self.offset, counts, strict=True):
            total[offset : offset + len(row)] += row
        values = values or max(float(counts.sum()), 1.0)
        return np.asarray(total / (values * self.frame["bin_width"]))

    def limits(self, counts: NDArray[np.int64]) -> tuple[float, float]:
        """Return the range of the common axis that holds 99.9 % of the counts, with a margin."""
        pooled = np.round(self.pooled(counts, 1 / self.frame["bin_width"])).astype(np.int64)
        low, high = (
            float(quantile_positions(pooled[None], share)[0]) for share in (0.0005, 0.9995)
        )
        margin = 0.05 * (high - low) + 1
        width = self.frame["bin_width"]
        return self.origin + (low - margin) * width, self.origin + (high + margin) * width

    def curves(self, result: Result, axes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the smoothed density of some axes, shape (axes, bins)."""
        return self.densities(result["counts"], axes, max(result["count"], 1))

    def densities(
        self, counts: NDArray[np.int64], axes: NDArray[np.int64], values: float | None = None
    ) -> NDArray[np.float64]:
        """Return the smoothed density of some axes, per latent unit, from counts of all."""
        width = self.frame["bin_width"]
        chosen = np.asarray(counts[axes], np.int64)
        total = np.maximum(chosen.sum(axis=1, keepdims=True), 1) if values is None else values
        return smooth(chosen, self.frame["bandwidth"][axes] / width) / (total * width)

    def centers(self, axis: int) -> NDArray[np.float64]:
        """Return the middles of the intervals of one axis on the common axis."""
        first = self.origin + self.offset[axis] * self.frame["bin_width"]
        return np.asarray(first + (np.arange(self.frame["bins"]) + 0.5) * self.frame["bin_width"])

    def values(self, axis: int) -> NDArray[np.float64]:
        """Return the middles of the intervals of one axis where they are, in latent units."""
        first = self.frame["start"][axis]
        return np.asarray((first + np.arange(self.frame["bins"]) + 0.5) * self.frame["bin_width"])
