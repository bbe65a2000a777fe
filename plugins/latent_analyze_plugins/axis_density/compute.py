"""Counts, moments and ranges per axis in one pass, and what the counts of an axis look like."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Batch, Frame, Tally, quantile_positions
from latent_analyze_plugins.axis_density.frame import IQR

FULL = np.iinfo(np.uint32).max

MODE_HEIGHT = 0.05
"""A mode rises above the valleys beside it by at least this share of the highest peak ..."""
MODE_NOISE = 5.0
"""... and by so many standard deviations of the counting noise at the highest peak."""
FEWEST_AXES = 8
"""Among fewer axes none can stand out."""


class AxisCounts(Tally):
    """Counts, moments and ranges per axis; sums are taken about the reference's mean.

    Merging sums of float64 agrees with one pass to a relative 1e-9 of the spread.

    Attributes
    ----------
    count, nonfinite
        Finite rows, and those left out.
    cells
        int64, shape (axes, bins + 2); the first and last column count what lies outside.
    sums
        Sum and sum of squares about the frame's shift, shape (2, axes).
    smallest, largest
        float32, shape (axes,).
    """

    lowest, highest = frozenset({"smallest"}), frozenset({"largest"})

    def __init__(self, frame: Frame) -> None:
        dim, cells = len(frame["start"]), frame["bins"] + 2
        self.frame = frame
        self.count = self.nonfinite = self.recent_rows = 0
        self.cells = np.zeros((dim, cells), np.int64)
        # The loop over the rows counts in 32 bits, half the cache, and is emptied before they end.
        self.recent = np.zeros((dim, cells), np.uint32)
        self.sums = np.zeros((2, dim))
        self.smallest = np.full(dim, np.inf, np.float32)
        self.largest = -self.smallest

    def add(self, batch: Batch) -> None:
        """Count the rows of a batch; those with NaN or infinity are counted apart."""
        from latent_analyze_plugins.shared.histogram_kernels import Grid, Tallies, tally_axes

        z = batch.z
        if not np.isfinite(z).all():
            z = z[np.isfinite(z).all(axis=1)]
            self.nonfinite += len(batch) - len(z)
        if self.recent_rows + len(z) > FULL:
            self._empty_recent()
        width = self.frame["bin_width"]
        low = ((self.frame["start"] - 1) * width).astype(np.float32)
        grid = Grid(low, np.float32(1 / width), self.frame["shift"])
        tally_axes(z, grid, Tallies(self.recent, self.sums, self.smallest, self.largest))
        self.recent_rows += len(z)
        self.count += len(z)

    def merge(self, other: AxisCounts) -> None:
        """Take in all that another accumulator of the same frame has seen."""
        other._empty_recent()
        super().merge(other)

    def _empty_recent(self) -> None:
        self.cells += self.recent
        self.recent[:] = 0
        self.recent_rows = 0

    def result(self) -> dict[str, Any]:
        """Return center, spread, width and modes per axis, over all axes, and the counts."""
        self._empty_recent()
        axes = self._moments()
        axes |= self._shapes(axes["std"])
        axes["center_z"], axes["width_z"] = robust_z(axes["center"]), robust_z(axes["fwhm"])
        beyond = np.maximum(np.abs(axes["center_z"]), np.abs(axes["width_z"]))
        axes["stands_out"] = beyond > self.frame["outliers"]
        outside, values = self.cells[:, [0, -1]], self.cells.sum()
        return {
            "axes": len(self.cells),
            "outstanding": axes["stands_out"].sum(),
            "multimodal": (axes["modes"] > 1).sum(),
            "median_fwhm": _median(axes["fwhm"]),
            "median_spread": _median(axes["spread"]),
            "center_distance": np.sqrt((axes["center"] ** 2).sum()),
            "largest_center": np.abs(axes["center"]).max(),
            "count": self.count,
            "bin_width": self.frame["bin_width"],
            "outside_share": outside.sum() / values if values else math.nan,
            "constant": (self.smallest == self.largest).sum(),
            "nonfinite": self.nonfinite,
            **axes,
            "counts": self.cells[:, 1:-1].copy(),
            "outside": outside,
        }

    def _moments(self) -> dict[str, NDArray[Any]]:
        offset, squares = self.sums / (self.count or math.nan)
        ends = np.array([self.smallest, self.largest], np.float64)
        low, high = ends if self.count else ends * math.nan
        std = np.where(low == high, 0.0, np.sqrt(np.maximum(squares - offset**2, 0.0)))
        return {"mean": self.frame["shift"] + offset, "std": std, "min": low, "max": high}

    def _shapes(self, std: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        from latent_analyze_plugins.shared.histogram_kernels import half_maximum_widths

        width, constant = self.frame["bin_width"], self.smallest == self.largest
        lower, center, upper = (self._quantile(share) for share in (0.25, 0.5, 0.75))
        spread = (upper - lower) / IQR
        bandwidth = self._bandwidth(np.fmin(spread, std))
        counts = self.cells[:, 1:-1]
        curves = smooth(counts, bandwidth / width)
        fwhm = half_maximum_widths(curves) * width
        # Where most values lie outside, the highest point inside is no peak.
        fwhm[counts.sum(axis=1) < 0.5 * self.count] = np.nan
        return {
            "center": np.where(constant, self.smallest, center),
            "spread": np.where(constant, 0.0, spread),
            "fwhm": np.where(constant, 0.0, fwhm),
            "modes": np.where(constant, 1, mode_counts(curves, bandwidth / width)),
            "low_edge": self.frame["start"] * width,
            "bandwidth": bandwidth,
        }

    def _quantile(self, share: float) -> NDArray[np.float64]:
        """Return a quantile per axis, interpolated in an interval; NaN where it lies outside."""
        position = quantile_positions(self.cells, share) - 1
        position[(position < 0) | (position > self.frame["bins"])] = np.nan
        value = (self.frame["start"] + position) * self.frame["bin_width"]
        return np.clip(value, self.smallest, self.largest) if self.count else value

    def _bandwidth(self, spread: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the frame's bandwidth; their own for axes that need one more than twice as wide.

        One bandwidth for all sources keeps their curves comparable, but that of a narrow reference
        would leave nothing but noise of a wide or small source.
        """
        frame = self.frame
        widest = frame["bins"] * frame["bin_width"] / 4
        own = np.minimum(0.9 * spread * max(self.count, 1) ** -0.2, widest)
        return np.where(own > 2 * frame["bandwidth"], own, frame["bandwidth"])


def _median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan


def smooth(counts: NDArray[np.int64], bandwidth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return counts convolved with a Gaussian.

    Parameters
    ----------
    counts
        Shape (axes, bins).
    bandwidth
        Standard deviation of the Gaussian per axis, in bins, shape (axes,).
    """
    bins = counts.shape[1]
    padded = 1 << (bins + math.ceil(8 * bandwidth.max(initial=1.0))).bit_length()
    frequency = np.fft.rfftfreq(padded)
    transfer = np.exp(-2 * (np.pi * bandwidth[:, None] * frequency) ** 2)
    smoothed = np.fft.irfft(np.fft.rfft(counts, padded) * transfer, padded)[:, :bins]
    return np.maximum(smoothed, 0.0)


def mode_counts(curves: NDArray[np.float64], bandwidth: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of modes per smoothed curve, shape (axes,).

    A mode rises above the valleys beside it by `MODE_HEIGHT` and `MODE_NOISE`. The variance of a
    smoothed Poisson count c is c / (2 sqrt(pi) h) for a bandwidth of h bins.
    """
    from latent_analyze_plugins.shared.histogram_kernels import count_modes

    peak = curves.max(axis=1)
    noise = np.sqrt(peak / (2 * math.sqrt(math.pi) * bandwidth))
    threshold = np.clip(MODE_NOISE * noise, MODE_HEIGHT * peak, 0.9 * peak)
    return count_modes(curves, threshold)


def robust_z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (value - median) / (1.4826 MAD) (Iglewicz & Hoaglin 1993).

    Where more than half of the values agree, so that the MAD is zero, 1.2533 times the mean
    absolute deviation takes its place. Zero for fewer than `FEWEST_AXES` finite values, and for
    values that are not finite.
    """
    finite = np.isfinite(values)
    scores = np.zeros(len(values))
    if finite.sum() < FEWEST_AXES:
        return scores
    deviation = values[finite] - np.median(values[finite])
    scale = 1.4826 * np.median(np.abs(deviation)) or 1.2533 * np.abs(deviation).mean()
    if scale > 0:
        scores[finite] = deviation / scale
    return scores
