"""What is read off counts along axes: smoothed curves, their widths and modes, outlying axes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MODE_HEIGHT = 0.05
"""A mode rises above the valleys beside it by at least this share of the highest peak ..."""

MODE_NOISE = 5.0
"""... and by so many standard deviations of the counting noise at the highest peak."""

FEWEST_AXES = 8
"""Among fewer axes none can stand out."""


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
