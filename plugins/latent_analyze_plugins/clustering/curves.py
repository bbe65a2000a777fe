"""Inertia and silhouette over the number of clusters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import keyed_rng
from latent_analyze_plugins.clustering.partitions import Partitions, one_thread
from latent_analyze_plugins.clustering.scores import silhouette

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Context

SMALLEST_SHARE = 1e-7
"""Inertia below this share of the variance is float32 rounding; logarithms stop here."""


@dataclass(frozen=True)
class Curves:
    """What k-means finds for a series of k.

    Attributes
    ----------
    ks
        Numbers of clusters, ascending, shape (k,).
    inertia
        Mean squared distance of a z-point from the center of its cluster, shape (k,).
    silhouette
        Mean silhouette over a part of the z-points, shape (k,).
    silhouette_rows
        Number of these.
    variance
        The inertia of one cluster: mean squared distance from the mean.
    clusters
        Number of clusters -> cluster of each z-point, where asked for.
    """

    ks: NDArray[np.int64]
    inertia: NDArray[np.float64]
    silhouette: NDArray[np.float64]
    silhouette_rows: int
    variance: float
    clusters: dict[int, NDArray[np.int32]]

    @property
    def share(self) -> NDArray[np.float64]:
        """Inertia as a share of the variance."""
        return self.inertia / self.variance

    @property
    def log_share(self) -> NDArray[np.float64]:
        """Logarithm of the share."""
        return np.log(np.maximum(self.share, SMALLEST_SHARE))


def measure(
    points: NDArray[np.float32],
    ks: NDArray[np.int64],
    *,
    keep: Iterable[int],
    context: Context,
    options: Any,
) -> Curves:
    """Return the curves of centered points; `keep` are numbers of clusters to keep in full."""
    from sklearn.metrics import pairwise_distances

    kept, series = set(keep), sorted({*ks.tolist(), *keep})
    rows = min(options.silhouette_sample, len(points))
    part = keyed_rng(context.seed, "silhouette").permutation(len(points))[:rows]
    inertia, apart, clusters = {}, {}, {}
    with one_thread():
        points = _rotated(points)
        partitions = Partitions(points, series[-1], options.iterations, seed=context.seed)
        distances = pairwise_distances(points[part])
        np.fill_diagonal(distances, 0.0)
        for done, k in enumerate(series):
            context.progress("clustering", done, len(series))
            total, labels = partitions.fit(k)
            inertia[k], apart[k] = total / len(points), silhouette(distances, labels[part])
            if k in kept:
                clusters[k] = labels
    return Curves(
        ks=ks,
        inertia=np.array([inertia[k] for k in ks.tolist()]),
        silhouette=np.array([apart[k] for k in ks.tolist()]),
        silhouette_rows=rows,
        variance=float(np.einsum("ij,ij->", points, points, dtype=np.float64)) / len(points),
        clusters=clusters,
    )


def _rotated(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return points of more dimensions than points in fewer, at the same distances."""
    if points.shape[1] <= len(points):
        return points
    triangle: NDArray[np.float32] = np.linalg.qr(points.T)[1]
    return np.ascontiguousarray(triangle.T)
