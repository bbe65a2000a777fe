"""k-means for a series of k on one sample: inertia and silhouette over the number of clusters."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import Context, keyed_rng
from latent_analyze_plugins.clustering.scores import silhouette

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which scikit-learn uses one thread.

    Threads add up centers in the order in which they finish, so the last bits would vary; and for
    samples of this size they wait for each other longer than they work.
    """
    import sklearn.cluster  # noqa: F401  (limits reach only libraries that are loaded)
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


class Partitions:
    """Partitions of z-points by k-means, one per number of clusters.

    The centers of one k-means++ draw (Arthur & Vassilvitskii 2007) come in an order, and the first
    k of them are a k-means++ draw of k: one draw serves every k. Then Lloyd's (1982) iterations
    follow. Where a k ends above the inertia of the one before it, it is started again from the
    centers of the latter and further seeds: so inertia never rises with k.

    Parameters
    ----------
    points
        Shape (n, dim), centered.
    most
        Largest number of clusters that will be asked for.
    iterations
        Most Lloyd iterations per number of clusters.
    """

    def __init__(
        self, points: NDArray[np.float32], most: int, iterations: int, *, seed: int
    ) -> None:
        from sklearn.cluster import kmeans_plusplus

        self.points, self.iterations = points, iterations
        self.seeds, _ = kmeans_plusplus(points, most, random_state=seed % 2**32)
        self._last: Any = None

    def fit(self, k: int) -> tuple[float, NDArray[np.int32]]:
        """Return inertia and the cluster of each row; ask for k in ascending order."""
        found = self._lloyd(self.seeds[:k])
        last = self._last
        if last is not None and found.inertia_ > last.inertia_:
            more = self.seeds[last.n_clusters : k]
            found = self._lloyd(np.concatenate([last.cluster_centers_, more]))
        self._last = found
        return float(found.inertia_), found.labels_

    def _lloyd(self, centers: NDArray[np.float32]) -> Any:
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning

        means = KMeans(len(centers), init=centers, n_init=1, max_iter=self.iterations, tol=0.0)
        with warnings.catch_warnings():
            # Raised where duplicated z-points leave a cluster empty: inertia is right all the same.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return means.fit(self.points)
