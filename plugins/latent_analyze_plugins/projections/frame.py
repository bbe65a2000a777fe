"""Planes and windows: from mean, covariance and count of the reference alone.

A null that has these too gets the same windows as if they had been made from it: reference and
members stay exchangeable, as Monte Carlo p-values require.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import AnalysisError, Frame, OptionError
from latent_analyze_plugins.projections.statistics import expected, gaussian_cells
from latent_analyze_plugins.shared.basis import PRECISION, rank, second_moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Source
    from latent_analyze_plugins.shared.basis import Moments

STATISTICS = ("dispersion", "grain", "empty")
DISPERSION, GRAIN, EMPTY = range(3)
WIDEST = 3.0
"""Half-width of the first window, in standard deviations."""

CLOSEST = 1.5
"""Windows shrink at least by this factor; fewer are taken where there is no room for all."""

PARTS = 4
"""Each cell is counted in 4 x 4 parts, for drawing."""

LIVELY = 0.1
MAX_RANKED_AXES = 512
FLAT = 1.1
FEW_PER_CELL = 4.0
EMPTY_RANGE = (0.1, 0.9)


@dataclass(frozen=True)
class Plane:
    """A pair of directions: its name, label, unit vectors, and a Gaussian's shape in it."""

    name: str
    label: str
    directions: NDArray[np.float64]
    std: NDArray[np.float64]
    correlation: float = 0.0


def make_frame(reference: Source, options: Any) -> Frame:
    """Return planes, windows, and which statistics are calibrated in which window.

    Raises
    ------
    AnalysisError
        If the z-points do not vary along two directions.
    OptionError
        If a pair does not name two different components or axes.
    """
    moments = second_moments(reference, options.seed)
    planes = _component_planes(moments, options) + _axis_planes(moments, reference, options)
    if not planes:
        raise AnalysisError(
            "z-points that vary along at least two directions, for a plane",
            found=f"{reference.dim} dimensions, one of which at most has over {PRECISION:g} of the"
            " largest variance",
            next_step="look at axis_density instead",
        )
    count = moments.summary.count
    half_widths = [_half_widths(plane.correlation, count, options) for plane in planes]
    windows = max(map(len, half_widths))
    tested = np.zeros((len(STATISTICS), len(planes), windows), bool)
    for p, (plane, widths) in enumerate(zip(planes, half_widths, strict=True)):
        for k, width in enumerate(widths):
            tested[:, p, k] = _telling(plane.correlation, width, count, options.cells)
    return Frame(
        {
            "names": "|".join(plane.name for plane in planes),
            "labels": "|".join(plane.label for plane in planes),
            "mean": moments.summary.mean,
            **_distinct(planes),
            "half_widths": _padded(half_widths, windows),
            # Without a covariance no null can match the spread along the components.
            "tested": tested & (moments.covariance is not None),
            "cells": options.cells,
            "sampled": moments.sample_size,
        }
    )


def _component_planes(moments: Moments, options: Any) -> list[Plane]:
    if not options.components:
        return []
    for pair in options.components:
        if min(pair) < 1 or pair[0] == pair[1]:
            raise _bad_pair("components", list(pair), "components are counted from 1")
    wanted = max(max(pair) for pair in options.components)
    variances, directions = moments.components(wanted)
    exist = min(rank(variances), len(directions))
    found: dict[tuple[int, int], Plane] = {}
    for first, second in (_clipped(pair, exist) for pair in options.components if exist > 1):
        chosen = [first - 1, second - 1]
        found[first, second] = Plane(
            f"pc{first}_pc{second}", f"({first}, {second})", directions[chosen],
            np.sqrt(variances[chosen]),
        )  # fmt: skip
    return list(found.values())


def _clipped(pair: tuple[int, int], exist: int) -> tuple[int, int]:
    """Return the pair with its larger number at most `exist`, and the smaller one below it."""
    high = min(max(pair), exist)
    return min(min(pair), high - 1), high


def _axis_planes(moments: Moments, reference: Source, options: Any) -> list[Plane]:
    std = moments.summary.std
    if options.axes != "auto":
        for pair in options.axes:
            if not 0 <= min(pair) < max(pair) < reference.dim:
                raise _bad_pair("axes", list(pair), f"axes are counted from 0 to {len(std) - 1}")
            if not std[list(pair)].all():
                raise _bad_pair("axes", list(pair), "one of these axes does not vary")
        return [_axis_plane(moments, pair) for pair in options.axes]
    lively = np.flatnonzero(std >= LIVELY * std.max())
    axes = np.sort(lively[np.argsort(-std[lively], kind="stable")[:MAX_RANKED_AXES]])
    return [_axis_plane(moments, pair) for pair in _most_elongated(moments, axes, options.n_axes)]


def _bad_pair(option: str, pair: list[int], why: str) -> OptionError:
    return OptionError(
        f"pairs of two different {option} for projections.{option}", found=str(pair), next_step=why
    )


def _most_elongated(
    moments: Moments, axes: NDArray[np.int64], wanted: int
) -> list[tuple[int, int]]:
    """Return the pairs with the largest ratio of the eigenvalues of their 2 x 2 covariance."""
    covariance = _covariance(moments, axes)
    i, j = np.triu_indices(len(axes), 1)
    half = (covariance[i, i] + covariance[j, j]) / 2
    root = np.hypot((covariance[i, i] - covariance[j, j]) / 2, covariance[i, j])
    order = np.argsort((half - root) / (half + root), kind="stable")[:wanted]
    return [(int(axes[i[k]]), int(axes[j[k]])) for k in order]


def _covariance(moments: Moments, axes: NDArray[np.int64]) -> NDArray[np.float64]:
    if moments.covariance is not None:
        return moments.covariance[np.ix_(axes, axes)]
    assert moments.rows is not None
    rows = moments.rows[:, axes].astype(np.float64)
    return rows.T @ rows


def _axis_plane(moments: Moments, pair: tuple[int, int]) -> Plane:
    axes = np.array(pair)
    covariance = _covariance(moments, axes)
    std = np.sqrt(np.diagonal(covariance))
    return Plane(
        f"axis{pair[0]}_axis{pair[1]}", f"({pair[0]}, {pair[1]}) of axes",
        np.eye(moments.summary.dim)[axes], std, float(covariance[0, 1] / (std[0] * std[1])),
    )  # fmt: skip


def _distinct(planes: list[Plane]) -> dict[str, Any]:
    """Return the different directions of all planes, scaled to unit variance, and the pairs."""
    scaled = np.concatenate([p.directions / p.std[:, None] for p in planes])
    directions, place = np.unique(scaled, axis=0, return_inverse=True)
    return {
        "directions": np.ascontiguousarray(directions),
        "pairs": place.reshape(-1, 2).astype(np.int64),
        "std": np.array([plane.std for plane in planes]),
    }


def _half_widths(correlation: float, count: int, options: Any) -> NDArray[np.float64]:
    """Return descending half-widths, the last one with `smallest` points of a Gaussian."""

    def inside(width: float) -> float:
        return count * float(gaussian_cells(width, correlation, options.cells).sum())

    low, high = np.log(1e-6), np.log(WIDEST)
    if inside(WIDEST) > options.smallest:
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (
                (low, middle) if inside(np.exp(middle)) > options.smallest else (middle, high)
            )
    smallest = float(np.exp(high))
    zooms = min(options.zooms, int(np.log(WIDEST / smallest) / np.log(CLOSEST)))
    return np.geomspace(WIDEST, smallest, zooms + 1) if zooms else np.array([WIDEST])


def _padded(half_widths: list[NDArray[np.float64]], windows: int) -> NDArray[np.float64]:
    """Return shape (plane, window); windows that a plane does not have are of width 0."""
    padded = np.zeros((len(half_widths), windows))
    for target, widths in zip(padded, half_widths, strict=True):
        target[: len(widths)] = widths
    return padded


def _telling(correlation: float, width: float, count: int, cells: int) -> list[bool]:
    """Return which statistics are calibrated in a window: the dispersion always.

    Grain where a Gaussian's own shape adds more than a tenth to the dispersion: where it does not,
    the density is flat and both say the same. Empty cells where some, but not nearly all, are to be
    expected for want of points: a share that is 0 in most draws could not be calibrated.
    """
    gaussian = expected(gaussian_cells(width, correlation, cells), count)
    low, high = EMPTY_RANGE
    few = low < gaussian["empty"] < high and gaussian["per_cell"] < FEW_PER_CELL
    return [True, gaussian["dispersion"] > FLAT, few]


def window_name(k: int) -> str:
    """Return the part of a scalar's name that stands for a window: ``"whole"``, ``"zoom1"``."""
    return f"zoom{k}" if k else "whole"
