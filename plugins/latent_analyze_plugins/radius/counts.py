"""The histogram of radii and what it says."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Array, Batch, Frame, Result, Scalar
from latent_analyze_plugins.radius.shells import matching_cube
from latent_analyze_plugins.shared.histograms import quantile_positions

MAX_BINS = 1_000_000
UNIT = "latent units"


class RadiusCounts:
    """Counts of radii and their moments; sums are taken about the expected radius.

    Merging sums of float64 agrees with one pass to a relative 1e-9.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.counts = np.zeros(0, np.int64)
        self.count = self.outside = self.nonfinite = 0
        self.total = self.squares = 0.0
        self.min, self.max = math.inf, -math.inf

    def add(self, batch: Batch) -> None:
        """Count the radii of a batch; rows with NaN or infinity are counted apart."""
        from latent_analyze_plugins.shared.histogram_kernels import squared_radii

        radii = np.sqrt(squared_radii(batch.z))
        finite = np.isfinite(radii)
        self.nonfinite += int((~finite).sum())
        if finite.any():
            self._add_radii(radii[finite])

    def _add_radii(self, radii: NDArray[np.float64]) -> None:
        index = np.floor(radii / self.frame["bin_width"])
        inside = index < MAX_BINS
        self._add_counts(np.bincount(index[inside].astype(np.int64)))
        self.outside += int((~inside).sum())
        shifted = radii - self.frame["expected"]
        self.count += len(radii)
        self.total += float(shifted.sum())
        self.squares += float((shifted**2).sum())
        self.min, self.max = min(self.min, float(radii.min())), max(self.max, float(radii.max()))

    def _add_counts(self, counts: NDArray[np.int64]) -> None:
        if len(counts) > len(self.counts):
            self.counts = np.pad(self.counts, (0, len(counts) - len(self.counts)))
        self.counts[: len(counts)] += counts

    def merge(self, other: RadiusCounts) -> None:
        """Take in the radii that another accumulator has counted."""
        self._add_counts(other.counts)
        self.count += other.count
        self.outside += other.outside
        self.nonfinite += other.nonfinite
        self.total += other.total
        self.squares += other.squares
        self.min, self.max = min(self.min, other.min), max(self.max, other.max)

    def result(self) -> Result:
        """Return moments, quantiles and counts."""
        counts = Array(self.counts, ("bin",), "z-points", "z-points per radius interval")
        return Result(
            {**self._moments(), **self._places(), **self._shells(), **self._bookkeeping()},
            {"counts": counts},
        )

    @property
    def _mean(self) -> float:
        return self.frame["expected"] + self.total / self.count if self.count else math.nan

    @property
    def _std(self) -> float:
        if not self.count:
            return math.nan
        return math.sqrt(max(self.squares - self.total**2 / self.count, 0.0) / self.count)

    @property
    def _effect(self) -> float:
        return 0.1 * self.frame["expected_width"]

    def _moments(self) -> dict[str, Scalar]:
        mean, std = self._mean, self._std
        low, high = (self.min, self.max) if self.count else (math.nan, math.nan)
        return {
            "count": Scalar(self.count, "z-points", "finite z-points"),
            "mean": Scalar(mean, UNIT, "mean radius"),
            "std": Scalar(
                std, UNIT, "standard deviation of the radius: how thick the shell is",
                calibrated=True, minimum_effect=self._effect,
            ),
            "relative_width": Scalar(std / mean if mean else math.nan, "", "std / mean"),
            "rms": Scalar(math.hypot(mean, std), UNIT, "root mean square radius"),
            "min": Scalar(low, UNIT, "smallest radius"),
            "max": Scalar(high, UNIT, "largest radius"),
        }  # fmt: skip

    def _places(self) -> dict[str, Scalar]:
        mode = math.nan
        if self.counts.any():
            mode = (int(self.counts.argmax()) + 0.5) * self.frame["bin_width"]
        return {
            "mode": Scalar(mode, UNIT, "center of the fullest interval, the lowest if several"),
            "q05": self._quantile(0.05, calibrated=True),
            "median": self._quantile(0.5, calibrated=False),
            "q95": self._quantile(0.95, calibrated=True),
        }

    def _quantile(self, share: float, *, calibrated: bool) -> Scalar:
        radius = math.nan
        if self.counts.any():
            position = float(quantile_positions(self.counts[None], share)[0])
            radius = min(max(position * self.frame["bin_width"], self.min), self.max)
        text = f"{100 * share:.0f} % of the radii are smaller (interpolated in an interval)"
        return Scalar(
            radius, UNIT, text, calibrated=calibrated,
            minimum_effect=self._effect if calibrated else 0.0,
        )  # fmt: skip

    def _shells(self) -> dict[str, Scalar]:
        b, width = matching_cube(self._mean, self.frame["dim"])
        moments = "of a Gaussian with the reference's mean and covariance"
        return {
            "expected": Scalar(
                self.frame["expected"], UNIT,
                f"root mean square radius {moments}: sqrt(|mean|^2 + trace)",
            ),
            "expected_width": Scalar(
                self.frame["expected_width"], UNIT, f"standard deviation of the radius {moments}"
            ),
            "uniform_b": Scalar(
                b, UNIT, "uniform vectors in [-b, b]^dim have this mean radius (closed form)"
            ),
            "uniform_width": Scalar(
                width, UNIT, "standard deviation of their radius (closed form)"
            ),
        }  # fmt: skip

    def _bookkeeping(self) -> dict[str, Scalar]:
        return {
            "bin_width": Scalar(self.frame["bin_width"], UNIT, "width of a radius interval"),
            "outside": Scalar(self.outside, "z-points", f"beyond the {MAX_BINS:,} intervals"),
            "nonfinite": Scalar(self.nonfinite, "z-points", "with NaN or infinity, left out"),
        }
