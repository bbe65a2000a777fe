"""What all sources of a case share: pairs of axes, half-widths, windows and the metric."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Frame, OptionError, Source, Summary
from latent_analyze_plugins.slices.metric import SAMPLE_ROWS, fit_metric

MAX_RANKED_AXES = 512
LIVELY = 0.1
"""An axis is lively if its standard deviation is at least this share of the widest axis'."""


def make_frame(reference: Source, options: Any) -> Frame:
    """Return the frame of a reference.

    Raises
    ------
    AnalysisError
        If the reference has one dimension, fewer than two rows, or rows that are all alike.
    OptionError
        If a given pair is not two different axes of the reference, or stands twice.
    """
    summary = reference.summary()
    _check_reference(reference, summary)
    if options.pairs == "auto":
        pairs = _elongated_pairs(reference, options.n_pairs, options.seed)
    else:
        pairs = _given_pairs(options.pairs, reference.dim)
    b = summary.spread if options.b == "auto" else options.b
    farthest = float(np.abs([summary.min, summary.max]).max())
    low, width = _square_windows(summary, pairs)
    values = {
        "dim": reference.dim,
        "all_pairs": reference.dim * (reference.dim - 1) // 2,
        "pairs": pairs,
        "b": float(b),
        "bs": half_width_grid(b, farthest),
        "zoom": float(options.zoom * summary.spread),
        "low": low.astype(np.float32),
        "width": width.astype(np.float32),
    }
    return Frame(values | fit_metric(reference, options.seed))


def _check_reference(reference: Source, summary: Summary) -> None:
    if reference.dim < 2:
        raise AnalysisError(
            "z-points of at least 2 dimensions for a pair of axes", found="1 dimension",
            next_step="look at axis_density instead",
        )  # fmt: skip
    if summary.count < 2 or not summary.spread > 0:
        raise AnalysisError(
            "at least two different z-points in the reference",
            found=f"{summary.count} z-points that are all alike",
            next_step="check that the encoder's output depends on its input",
        )


def _given_pairs(given: Any, dim: int) -> NDArray[np.int64]:
    seen = set()
    for first, second in given:
        if not (0 <= first < dim and 0 <= second < dim) or first == second:
            raise OptionError(
                f"pairs of two different axes from 0 to {dim - 1} for slices.pairs",
                found=f"[{first}, {second}]", next_step="axes are counted from 0",
            )  # fmt: skip
        if frozenset((first, second)) in seen:
            raise OptionError(
                "each pair of axes once in slices.pairs", found=f"[{first}, {second}] twice"
            )
        seen.add(frozenset((first, second)))
    return np.array(given, np.int64)


def _elongated_pairs(reference: Source, n_pairs: int, seed: int) -> NDArray[np.int64]:
    std = reference.summary().std
    lively = std >= LIVELY * std.max()
    if lively.sum() < 2:
        lively = np.ones_like(lively)
    widest = np.argsort(-std, kind="stable")[:MAX_RANKED_AXES]
    axes = np.sort(widest[lively[widest]])
    covariance = reference.summary().covariance
    if covariance is None:
        sample = reference.sample(SAMPLE_ROWS, seed).z[:, axes].astype(np.float64)
        covariance = np.cov(sample[np.isfinite(sample).all(axis=1)], rowvar=False)
    else:
        covariance = covariance[np.ix_(axes, axes)]
    return axes[_disjoint_first(rank_by_elongation(covariance), n_pairs)]


def rank_by_elongation(covariance: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return all pairs (i, j), i < j, the most elongated first.

    Elongation is the ratio of the eigenvalues of the pair's 2 x 2 covariance: the squared ratio of
    the axes of the ellipse that the projection of a Gaussian would fill.
    """
    i, j = np.triu_indices(len(covariance), 1)
    a, b, c = covariance[i, i], covariance[j, j], covariance[i, j]
    half, root = (a + b) / 2, np.hypot((a - b) / 2, c)
    large = half + root
    ratio = np.maximum(half - root, 0.0) / np.where(large > 0, large, 1.0)
    order = np.argsort(ratio, kind="stable")
    return np.stack([i[order], j[order]], axis=1)


def _disjoint_first(ranked: NDArray[np.int64], n_pairs: int) -> NDArray[np.int64]:
    """Return the best pairs that share no axis, filled up with the best others."""
    chosen: list[int] = []
    free = np.ones(len(ranked), bool)
    while free.any() and len(chosen) < n_pairs:
        chosen.append(int(free.argmax()))
        free &= ~np.isin(ranked, ranked[chosen[-1]]).any(axis=1)
    others = np.setdiff1d(np.arange(len(ranked)), chosen)[: n_pairs - len(chosen)]
    return ranked[np.sort(np.concatenate([chosen, others]).astype(np.int64))]


def half_width_grid(b: float, farthest: float, steps: int = 80) -> NDArray[np.float32]:
    """Return `steps` ascending half-widths, geometric, with `b` added: at the last all survive.

    `farthest` is the largest |x_j| of the reference.
    """
    exact, top = np.float32(b), np.float32(max(b, farthest))
    grid = np.geomspace(min(exact, top / 2) / 8, top, steps).astype(np.float32)
    grid[-1] = top
    return np.unique(np.append(grid[grid <= top], exact))


def _square_windows(
    summary: Summary, pairs: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lower corners (pair, 2) and widths (pair,) of windows that hold the reference.

    One scale on both axes shows elongation as it is. The origin is inside unless the cloud lies so
    far off that it would shrink to a third.
    """
    low, high = summary.min[pairs], summary.max[pairs]
    wide_low, wide_high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    near = (wide_high - wide_low).max(axis=1) <= 3 * (high - low).max(axis=1)
    low, high = np.where(near, wide_low.T, low.T).T, np.where(near, wide_high.T, high.T).T
    width = 1.1 * (high - low).max(axis=1)
    width = np.where(width > 0, width, summary.spread)
    return (low + high - width[:, None]) / 2, width
