"""How good partitions are: silhouette, elbow, gap statistic, agreement with labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import ResultSet

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


class Gap(NamedTuple):
    """The gap statistic over k against a null (Tibshirani, Walther & Hastie 2001).

    The gap is the mean of ln(inertia / variance) over the members minus that of the data; the error
    is sd sqrt(1 + 1/members), and zero for a single member, which has no spread. `noise` is the
    largest gap, over all k, that a member has to the mean of all members.
    """

    ks: NDArray[np.int64]
    gap: NDArray[np.float64]
    error: NDArray[np.float64]
    noise: float

    @classmethod
    def to(cls, null: str, results: ResultSet) -> Gap:
        """Return the gap of the reference to a null."""
        data, members = results.data, results.ensembles[null]
        count = min(len(result["k"]) for result in (data, *members))
        logs = np.array([member["log_share"][:count] for member in members])
        mean, error = logs.mean(axis=0), logs.std(axis=0) * np.sqrt(1 + 1 / len(logs))
        noise = float((mean - logs).max())
        return cls(data["k"][:count], mean - data["log_share"][:count], error, noise)

    @property
    def choice(self) -> tuple[int, float]:
        """The smallest k whose gap is as large as the largest, and that gap.

        As large means within one standard error, or within `TOLERANCE` of the largest. The rule of
        the paper, the first k that the next one does not exceed by a standard error, stops at 1
        where two centers among several clusters do no better than in the null.
        """
        top = int(self.gap.argmax())
        slack = max(float(self.error[top]), TOLERANCE * float(self.gap[top]))
        best = int(np.flatnonzero(self.gap >= self.gap[top] - slack)[0])
        return int(self.ks[best]), float(self.gap[best])


def agreement(
    classes: Mapping[str, NDArray[Any]], clusters: Mapping[int, NDArray[Any]]
) -> dict[str, float]:
    """Return number of classes, adjusted Rand index and mutual information for each label.

    The Rand index is adjusted for chance as Hubert & Arabie (1985) do, so that 0 is what clusters
    get that have nothing to do with the classes; mutual information is divided by the mean of both
    entropies.
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    found: dict[str, float] = {}
    for name, index in classes.items():
        count = int(index.max()) + 1
        found[f"classes_{name}"] = count
        found[f"ari_{name}"] = float(adjusted_rand_score(index, clusters[count]))
        found[f"nmi_{name}"] = float(normalized_mutual_info_score(index, clusters[count]))
    return found
