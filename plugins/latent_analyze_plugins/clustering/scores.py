"""How good partitions are: silhouette, elbow, gap statistic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latent_analyze.plugin import Result, ResultSet

LEAST_EFFECT = 0.05
"""A difference from the null that is worth a finding: in a silhouette, or 5 % of inertia."""

TOLERANCE = 0.02
"""A gap this share below the largest one is as large: Lloyd's local optima differ by as much."""


def silhouette(distances: NDArray[np.floating], labels: NDArray[Any]) -> float:
    """Return the mean silhouette (Rousseeuw 1987); 0 for a single cluster and for singletons.

    Parameters
    ----------
    distances
        Between all z-points, shape (n, n).
    labels
        Cluster of each, shape (n,).
    """
    clusters, index, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if len(clusters) < 2:
        return 0.0
    rows = np.arange(len(labels))
    sums = distances @ np.eye(len(clusters), dtype=distances.dtype)[index]
    within = sums[rows, index] / np.maximum(sizes[index] - 1, 1)
    means = sums / sizes
    means[rows, index] = np.inf
    nearest = means.min(axis=1)
    larger = np.maximum(within, nearest)
    apart = np.divide(nearest - within, larger, out=np.zeros_like(larger), where=larger > 0)
    return float(np.where(sizes[index] > 1, apart, 0.0).mean(dtype=np.float64))


def elbow(ks: NDArray[Any], inertia: NDArray[np.float64]) -> tuple[int, float]:
    """Return the k of the elbow and its sharpness, 0 (a straight line) to 1 (a right angle).

    That of Kneedle (Satopaa et al. 2011): both axes scaled to [0, 1], the k farthest below the
    chord from the first to the last. There is one in any curve that bends. Needs three k.
    """
    x = (ks - ks[0]) / (ks[-1] - ks[0])
    height = inertia[0] - inertia[-1]
    y = (inertia - inertia[-1]) / height if height > 0 else 1.0 - x
    below = 1.0 - x - y
    best = int(below.argmax())
    return int(ks[best]), float(below[best])


def gap_curve(
    results: ResultSet, null: str
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return k, gap and its standard error against a null (Tibshirani, Walther & Hastie 2001).

    The gap is the mean of ln(inertia / variance) over the members less that of the data; the error
    is sd sqrt(1 + 1/members), and zero for a single member, which has no spread.
    """
    ks, logs, own = _logs(results, null)
    return ks, logs.mean(axis=0) - own, logs.std(axis=0) * np.sqrt(1 + 1 / len(logs))


def largest_null_gap(results: ResultSet, null: str) -> float:
    """Return the largest gap, over all k, that a member has to the mean of all members."""
    _, logs, _ = _logs(results, null)
    return float((logs.mean(axis=0) - logs).max())


def _logs(
    results: ResultSet, null: str
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    members: Sequence[Result] = results.ensembles[null]
    count = min(len(result["k"]) for result in (results.data, *members))
    logs = np.array([member["log_share"][:count] for member in members])
    return results.data["k"][:count], logs, results.data["log_share"][:count]


def gap_choice(
    ks: NDArray[np.int64], gap: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[int, float]:
    """Return the smallest k whose gap is as large as the largest, and that gap.

    As large means within one standard error, or within `TOLERANCE` of the largest. The rule of the
    paper, the first k that the next one does not exceed by a standard error, stops at 1 where two
    centers among several clusters do no better than in the null.
    """
    top = int(gap.argmax())
    slack = max(float(error[top]), TOLERANCE * float(gap[top]))
    best = int(np.flatnonzero(gap >= gap[top] - slack)[0])
    return int(ks[best]), float(gap[best])
