"""What counts along axes say: center, spread, width and modes of each, and of all together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Array, Frame, Result, Scalar, quantile_positions
from latent_analyze_plugins.axis_density.curves import mode_counts, robust_z, smooth

UNIT = "latent units"
IQR = 1.349
"""Interquartile range of a Gaussian of standard deviation 1."""
FWHM = 2.3548
"""Full width at half maximum of a Gaussian of standard deviation 1: sqrt(8 ln 2)."""


@dataclass(frozen=True)
class Cells:
    """What was counted.

    Attributes
    ----------
    count, nonfinite
        Finite rows, and those left out.
    cells
        int64, shape (axes, bins + 2); the first and last column count what lies outside.
    sums
        Sum and sum of squares about the frame's shift, shape (2, axes).
    ranges
        Smallest and largest value, shape (2, axes).
    """

    count: int
    nonfinite: int
    cells: NDArray[np.int64]
    sums: NDArray[np.float64]
    ranges: NDArray[np.float32]


def read_cells(found: Cells, frame: Frame) -> Result:
    """Return the result: scalars over all axes, arrays per axis, and the counts."""
    axes = _moments(found, frame)
    axes |= _shapes(found, frame, axes["std"])
    axes["center_z"], axes["width_z"] = robust_z(axes["center"]), robust_z(axes["fwhm"])
    beyond = np.maximum(np.abs(axes["center_z"]), np.abs(axes["width_z"]))
    axes["stands_out"] = beyond > frame["outliers"]
    arrays = {name: Array(values, ("axis",), *_AXES[name]) for name, values in axes.items()}
    counts, outside = found.cells[:, 1:-1].copy(), found.cells[:, [0, -1]]
    arrays["counts"] = Array(counts, ("axis", "bin"), "z-points", "z-points per interval")
    arrays["outside"] = Array(
        outside, ("axis", "side"), "z-points", "z-points below and above the intervals"
    )
    return Result({**_scalars(axes, frame), **_bookkeeping(found, frame)}, arrays)


def _moments(found: Cells, frame: Frame) -> dict[str, NDArray[Any]]:
    if not found.count:
        nothing = np.full(len(frame["start"]), np.nan)
        return dict.fromkeys(("mean", "std", "min", "max"), nothing)
    offset = found.sums[0] / found.count
    variance = np.maximum(found.sums[1] / found.count - offset**2, 0.0)
    low, high = found.ranges.astype(np.float64)
    std = np.where(low < high, np.sqrt(variance), 0.0)
    return {"mean": frame["shift"] + offset, "std": std, "min": low, "max": high}


def _shapes(found: Cells, frame: Frame, std: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    from latent_analyze_plugins.shared.histogram_kernels import half_maximum_widths

    width, constant = frame["bin_width"], found.ranges[0] == found.ranges[1]
    lower, center, upper = (_quantile(found, frame, q) for q in (0.25, 0.5, 0.75))
    spread = (upper - lower) / IQR
    bandwidth = _bandwidth(found.count, np.fmin(spread, std), frame)
    counts = found.cells[:, 1:-1]
    curves = smooth(counts, bandwidth / width)
    fwhm = half_maximum_widths(curves) * width
    # Where most values lie outside, the highest point inside is no peak.
    fwhm[counts.sum(axis=1) < 0.5 * found.count] = np.nan
    return {
        "center": np.where(constant, found.ranges[0], center),
        "spread": np.where(constant, 0.0, spread),
        "fwhm": np.where(constant, 0.0, fwhm),
        "modes": np.where(constant, 1, mode_counts(curves, bandwidth / width)),
        "low_edge": frame["start"] * width,
        "bandwidth": bandwidth,
    }


def _bandwidth(count: int, spread: NDArray[np.float64], frame: Frame) -> NDArray[np.float64]:
    """Return the frame's bandwidth; their own for axes that need one more than twice as wide.

    One bandwidth for all sources keeps their curves comparable, but that of a narrow reference
    would leave nothing but noise of a wide or small source.
    """
    own = np.minimum(0.9 * spread * max(count, 1) ** -0.2, frame["bins"] * frame["bin_width"] / 4)
    return np.where(own > 2 * frame["bandwidth"], own, frame["bandwidth"])


def _quantile(found: Cells, frame: Frame, share: float) -> NDArray[np.float64]:
    """Return a quantile per axis, interpolated in an interval; NaN where it lies outside."""
    position = quantile_positions(found.cells, share) - 1
    position[(position < 0) | (position > frame["bins"])] = np.nan
    low, high = found.ranges.astype(np.float64)
    value = (frame["start"] + position) * frame["bin_width"]
    return np.clip(value, low, high) if found.count else value


_AXES: Mapping[str, tuple[str, str]] = {
    "mean": (UNIT, "mean"),
    "std": (UNIT, "standard deviation"),
    "min": (UNIT, "smallest value"),
    "max": (UNIT, "largest value"),
    "center": (UNIT, "median, interpolated in an interval"),
    "spread": (UNIT, "robust standard deviation: interquartile range / 1.349"),
    "fwhm": (UNIT, "full width at half maximum of the smoothed counts"),
    "modes": ("", "number of peaks of the smoothed counts"),
    "low_edge": (UNIT, "lower edge of the first interval"),
    "bandwidth": (UNIT, "standard deviation of the Gaussian that smooths the counts"),
    "center_z": ("", "robust z-score of the center among the axes"),
    "width_z": ("", "robust z-score of the full width at half maximum among the axes"),
    "stands_out": ("", "whether center or width stands out"),
}


def _scalars(axes: Mapping[str, NDArray[Any]], frame: Frame) -> dict[str, Scalar]:
    dim, threshold = len(axes["center"]), frame["outliers"]
    return {
        "axes": Scalar(dim, "axes", "latent dimensions"),
        "outstanding": Scalar(
            int(axes["stands_out"].sum()), "axes",
            f"center or width has a robust z-score beyond ±{threshold:g} among the axes",
        ),
        "multimodal": Scalar(
            int((axes["modes"] > 1).sum()), "axes", "with more than one mode",
            calibrated=True, direction="high", minimum_effect=max(0.5, 0.02 * dim),
        ),
        "median_fwhm": Scalar(
            _median(axes["fwhm"]), UNIT,
            "median over the axes of the full width at half maximum",
            calibrated=True, minimum_effect=0.05 * FWHM * frame["typical_spread"],
        ),
        "median_spread": Scalar(
            _median(axes["spread"]), UNIT, "median over the axes of the robust spread"
        ),
        "center_distance": Scalar(
            float(np.sqrt((axes["center"] ** 2).sum())), UNIT,
            "distance from the origin of the point of all centers",
        ),
        "largest_center": Scalar(
            float(np.abs(axes["center"]).max()), UNIT, "largest distance of a center from 0"
        ),
    }  # fmt: skip


def _bookkeeping(found: Cells, frame: Frame) -> dict[str, Scalar]:
    values = found.cells.sum()
    outside = found.cells[:, [0, -1]].sum() / values if values else math.nan
    return {
        "count": Scalar(found.count, "z-points", "finite z-points"),
        "bin_width": Scalar(frame["bin_width"], UNIT, "width of an interval"),
        "outside_share": Scalar(float(outside), "share", "of all values, outside the intervals"),
        "constant": Scalar(
            int((found.ranges[0] == found.ranges[1]).sum()), "axes", "with one value only"
        ),
        "nonfinite": Scalar(found.nonfinite, "z-points", "with NaN or infinity, left out"),
    }


def _median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan
