"""Loops over z-points and curves, compiled by numba on first use."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Grid(NamedTuple):
    """Where the bins of every axis lie.

    Attributes
    ----------
    low
        One bin width below the first bin of each axis, float32, shape (dim,).
    inverse_width
        1 / bin width, float32.
    shift
        A value per axis near its mean, float64, shape (dim,), that sums are taken about.
    """

    low: NDArray[np.float32]
    inverse_width: np.float32
    shift: NDArray[np.float64]


class Tallies(NamedTuple):
    """What is counted per axis.

    Attributes
    ----------
    counts
        uint32 (half the cache of int64), shape (dim, bins + 2): the first column counts what lies
        below, the last what lies above.
    sums
        Sum and sum of squares of value - shift, float64, shape (2, dim).
    smallest, largest
        Of the values, float32, shape (dim,).
    """

    counts: NDArray[np.uint32]
    sums: NDArray[np.float64]
    smallest: NDArray[np.float32]
    largest: NDArray[np.float32]


@njit(cache=True, nogil=True)
def squared_radii(z: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the squared distance from the origin, float64, shape (n,).

    Every row is summed in one fixed order, so a radius does not depend on the rows around it.
    """
    squares = np.empty(z.shape[0])
    whole = z.shape[1] - z.shape[1] % 4
    for row in range(z.shape[0]):
        # Four sums at a time: a single one would wait for each addition to end.
        a = b = c = d = 0.0
        for axis in range(0, whole, 4):
            a += np.float64(z[row, axis]) ** 2
            b += np.float64(z[row, axis + 1]) ** 2
            c += np.float64(z[row, axis + 2]) ** 2
            d += np.float64(z[row, axis + 3]) ** 2
        for axis in range(whole, z.shape[1]):
            a += np.float64(z[row, axis]) ** 2
        squares[row] = (a + b) + (c + d)
    return squares


@njit(cache=True, nogil=True)
def tally_axes(z: NDArray[np.float32], grid: Grid, tallies: Tallies) -> None:
    """Add finite rows (n, dim) to the tallies of every axis, in place."""
    counts, low = tallies.counts, grid.low
    sums, squares = tallies.sums[0], tallies.sums[1]
    smallest, largest = tallies.smallest, tallies.largest
    index = np.empty(z.shape[1], np.int32)
    zero, last = np.float32(0), np.float32(counts.shape[1] - 1)
    for row in range(z.shape[0]):
        values = z[row]
        # Loops of one simple step each: the compiler turns all but the second into vector code.
        for axis in range(z.shape[1]):
            position = (values[axis] - low[axis]) * grid.inverse_width
            index[axis] = np.int32(min(max(position, zero), last))
        for axis in range(z.shape[1]):
            counts[axis, index[axis]] += 1
        for axis in range(z.shape[1]):
            shifted = np.float64(values[axis]) - grid.shift[axis]
            sums[axis] += shifted
            squares[axis] += shifted * shifted
        for axis in range(z.shape[1]):
            smallest[axis] = min(smallest[axis], values[axis])
        for axis in range(z.shape[1]):
            largest[axis] = max(largest[axis], values[axis])


@njit(cache=True, nogil=True)
def half_maximum_widths(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the full width at half maximum around the highest point of each curve, in bins.

    Crossings are interpolated linearly. NaN where a curve is zero or has not come down to half its
    maximum at an end.
    """
    widths = np.full(curves.shape[0], np.nan)
    for i in range(curves.shape[0]):
        curve = curves[i]
        peak = np.argmax(curve)
        half = 0.5 * curve[peak]
        left, right = peak, peak
        while left > 0 and curve[left] > half:
            left -= 1
        while right < curve.size - 1 and curve[right] > half:
            right += 1
        if half > 0 and curve[left] <= half and curve[right] <= half:
            up = (half - curve[left]) / (curve[left + 1] - curve[left])
            down = (half - curve[right]) / (curve[right - 1] - curve[right])
            widths[i] = (right - down) - (left + up)
    return widths


@njit(cache=True, nogil=True)
def count_modes(curves: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many peaks of each curve rise above the valleys beside them by its threshold."""
    modes = np.zeros(curves.shape[0], np.int64)
    for i in range(curves.shape[0]):
        rising, extreme = True, 0.0
        for value in curves[i]:
            extreme = max(extreme, value) if rising else min(extreme, value)
            if rising and value < extreme - thresholds[i]:
                modes[i] += 1
                rising, extreme = False, value
            elif not rising and value > extreme + thresholds[i]:
                rising, extreme = True, value
        if rising and extreme > thresholds[i]:
            modes[i] += 1
    return modes
