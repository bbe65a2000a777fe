"""The frame of `axis_density`: intervals and smoothing bandwidth per axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Frame, Source, Summary
from latent_analyze.statistics import freedman_diaconis, nice_width

SAMPLE = 10_000
MAX_CELLS = 1 << 21
"""Counts of all axes together: 16 MiB per result, also for many dimensions."""
TAILS = (0.001, 0.999)
"""Automatic intervals are as wide as these quantiles need: a few far points do not coarsen them."""
IQR = 1.349
"""Interquartile range of a Gaussian of standard deviation 1."""


def make_frame(reference: Source, options: Any) -> Frame:
    """Return the frame of a reference.

    Its values are `bin_width`; `bins`, the number of intervals per axis; `start`, the first
    interval of each axis as a multiple of the width; `shift`, the mean; `bandwidth`, the standard
    deviation of the smoothing kernel per axis; `typical_spread`; `outliers`.

    Raises
    ------
    AnalysisError
        If no z-point of the reference is finite.
    """
    summary = reference.summary()
    if summary.count == 0:
        raise AnalysisError("finite z-points in the reference", found="none")
    z = reference.sample(SAMPLE, seed=0).z.astype(np.float64)
    z = z[np.isfinite(z).all(axis=1)]
    z = z if len(z) else summary.mean[None]
    low, high = np.quantile(z, TAILS, axis=0)
    capacity = min(options.max_bins, max(MAX_CELLS // reference.dim, 64))
    width = options.bin_width
    if width == "auto":
        width = _automatic_width(z, summary, 2 * float((high - low).max()) / capacity)
    middle = (low + high) / 2
    farthest = np.maximum(summary.max - middle, middle - summary.min)
    reach = float((farthest + (summary.max - summary.min) / 2).max())
    bins = max(min(2 * math.ceil(reach / width) + 1, capacity), 16)
    return Frame(
        {
            "bin_width": float(width),
            "bins": bins,
            "start": np.round(middle / width).astype(np.int64) - bins // 2,
            "shift": summary.mean,
            "bandwidth": np.maximum(_bandwidth(z, summary), width),
            "typical_spread": float(np.median(summary.std)),
            "outliers": options.outliers,
        }
    )


def _automatic_width(z: NDArray[np.float64], summary: Summary, least: float) -> float:
    widths = np.asarray(freedman_diaconis(z, summary.count)) / 2
    largest = float(np.abs([summary.min, summary.max]).max())
    if largest == 0:
        return 1.0
    # An interval narrower than the float32 spacing of the values would stay empty at random.
    least = max(least, 4 * float(np.spacing(np.float32(largest))))
    wanted = float(np.quantile(widths[widths > 0], 0.1)) if (widths > 0).any() else largest / 100
    return nice_width(wanted) if nice_width(wanted) >= least else nice_width(least, up=True)


def _bandwidth(z: NDArray[np.float64], summary: Summary) -> NDArray[np.float64]:
    low, high = np.quantile(z, [0.25, 0.75], axis=0)
    robust = (high - low) / IQR
    spread = np.where(robust > 0, np.minimum(robust, summary.std), summary.std)
    return np.asarray(0.9 * spread * summary.count**-0.2)
