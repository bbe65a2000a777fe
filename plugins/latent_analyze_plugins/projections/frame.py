"""Planes and windows: from mean, covariance and count of the reference alone.

A null that has these too gets the same windows as if they had been made from it: reference and
members stay exchangeable, as Monte Carlo p-values require.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import AnalysisError, Frame, OptionError, stack_padded
from latent_analyze.statistics import PRECISION, rank, second_moments
from latent_analyze_plugins.projections.statistics import expected, gaussian_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Source
    from latent_analyze.statistics import Moments

STATISTICS = ("dispersion", "grain", "empty")
WIDEST = 3.0
"""Half-width of the first window, in standard deviations."""
CLOSEST = 1.5
"""Windows shrink at least by this factor; fewer are taken where there is no room for all."""
PARTS = 4
"""Each cell is counted in 4 x 4 parts, for drawing."""
LIVELY, MAX_RANKED_AXES = 0.1, 512
FLAT, FEW_PER_CELL, EMPTY_RANGE = 1.1, 4.0, (0.1, 0.9)


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
    planes = _component_planes(moments, options) + _axis_planes(moments, options)
    if not planes:
        raise AnalysisError(
            "z-points that vary along at least two directions, for a plane",
            found=f"{reference.dim} dimensions, one of which at most has over {PRECISION:g} of the"
            " largest variance",
            next_step="look at axis_density instead",
        )
    count = moments.summary.count
    widths = [_half_widths(plane.correlation, count, options) for plane in planes]
    half_widths = stack_padded(widths)  # windows that a plane does not have are of width 0
    tested = np.zeros((len(STATISTICS), *half_widths.shape), bool)
    # Without a covariance no null can match the spread along the components.
    for p, k in np.argwhere(half_widths) if moments.covariance is not None else ():
        tested[:, p, k] = _telling(planes[p].correlation, half_widths[p, k], count, options.cells)
    # Different directions only, scaled to unit variance.
    scaled = np.concatenate([plane.directions / plane.std[:, None] for plane in planes])
    directions, place = np.unique(scaled, axis=0, return_inverse=True)
    return Frame({
        "names": "|".join(plane.name for plane in planes),
        "labels": "|".join(plane.label for plane in planes),
        "mean": moments.summary.mean,
        "directions": np.ascontiguousarray(directions),
        "pairs": place.reshape(-1, 2).astype(np.int64),
        "std": np.array([plane.std for plane in planes]),
        "half_widths": half_widths, "tested": tested, "cells": options.cells,
        "sampled": moments.sample_size,
    })  # fmt: skip


def each_window(frame: Frame) -> Iterator[tuple[tuple[int, int], str, dict[str, str]]]:
    """Yield place, name (``"pc1_pc2_zoom1"``), and ``plane`` and ``window`` in words."""
    names = frame["names"].split("|")
    for p, k in np.argwhere(frame["half_widths"]).tolist():
        words = {"plane": names[p], "window": window_label(k)}
        yield (p, k), "_".join(words.values()).replace(" ", ""), words


def window_label(k: int) -> str:
    """Return ``"whole"``, ``"zoom 1"``, ..."""
    return f"zoom {k}" if k else "whole"


def _component_planes(moments: Moments, options: Any) -> list[Plane]:
    if not options.components:
        return []
    for pair in options.components:
        if min(pair) < 1 or pair[0] == pair[1]:
            raise _bad_pair("components", list(pair), "components are counted from 1")
    wanted = max(max(pair) for pair in options.components)
    variances, directions = moments.components(wanted)
    std, exist = np.sqrt(variances), min(rank(variances), len(directions))
    pairs = [_clipped(pair, exist) for pair in options.components if exist > 1]
    return [
        Plane(f"pc{a}_pc{b}", f"({a}, {b})", directions[[a - 1, b - 1]], std[[a - 1, b - 1]])
        for a, b in dict.fromkeys(pairs)
    ]


def _clipped(pair: tuple[int, int], exist: int) -> tuple[int, int]:
    """Return the pair with its larger number at most `exist`, and the smaller one below it."""
    high = min(max(pair), exist)
    return min(min(pair), high - 1), high


def _axis_planes(moments: Moments, options: Any) -> list[Plane]:
    std = moments.summary.std
    if options.axes != "auto":
        for pair in options.axes:
            if not 0 <= min(pair) < max(pair) < len(std):
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


def _most_elongated(moments: Moments, axes: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """Return the pairs with the largest ratio of the eigenvalues of their 2 x 2 covariance."""
    covariance = _covariance(moments, axes)
    i, j = np.triu_indices(len(axes), 1)
    half = (covariance[i, i] + covariance[j, j]) / 2
    root = np.hypot((covariance[i, i] - covariance[j, j]) / 2, covariance[i, j])
    order = np.argsort((half - root) / (half + root), kind="stable")[:wanted]
    return np.stack([axes[i[order]], axes[j[order]]], axis=1)


def _covariance(moments: Moments, axes: NDArray[np.int64]) -> NDArray[np.float64]:
    if moments.covariance is not None:
        return moments.covariance[np.ix_(axes, axes)]
    assert moments.rows is not None
    rows = moments.rows[:, axes].astype(np.float64)
    return rows.T @ rows


def _axis_plane(moments: Moments, pair: Any) -> Plane:
    axes = np.asarray(pair)
    covariance = _covariance(moments, axes)
    std = np.sqrt(np.diagonal(covariance))
    return Plane(
        f"axis{pair[0]}_axis{pair[1]}", f"({pair[0]}, {pair[1]}) of axes",
        np.eye(moments.summary.dim)[axes], std, float(covariance[0, 1] / (std[0] * std[1])),
    )  # fmt: skip


def _half_widths(correlation: float, count: int, options: Any) -> NDArray[np.float64]:
    """Return descending half-widths, the last one with `smallest` points of a Gaussian."""
    from scipy.optimize import brentq

    def surplus(log_width: float) -> float:
        probabilities = gaussian_cells(np.exp(log_width), correlation, options.cells)
        return count * float(probabilities.sum()) - options.smallest

    widest = np.log(WIDEST)
    last = brentq(surplus, np.log(1e-6), widest, xtol=1e-12) if surplus(widest) > 0 else widest
    zooms = min(options.zooms, int((widest - last) / np.log(CLOSEST)))
    return np.geomspace(WIDEST, np.exp(last), zooms + 1) if zooms else np.array([WIDEST])


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
