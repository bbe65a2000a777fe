"""k-means for a series of k on one sample: inertia and silhouette over the number of clusters."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Context, keyed_rng
from latent_analyze_plugins.clustering.scores import elbow, silhouette

SMALLEST_SHARE = 1e-7
"""Inertia below this share of the variance is float32 rounding; logarithms stop here."""


class Partitions:
    """Partitions of centered z-points (n, dim) by k-means, one per number of clusters.

    The centers of one k-means++ draw (Arthur & Vassilvitskii 2007) come in an order, and the first
    k of them are a k-means++ draw of k: one draw of the `most` centers serves every k. Then Lloyd's
    (1982) iterations follow. Where a k ends above the inertia of the one before it, it is started
    again from the centers of the latter and further seeds: so inertia never rises with k.
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


def measure(
    points: NDArray[np.float32],
    ks: NDArray[np.int64],
    *,
    keep: Iterable[int],
    context: Context,
    options: Any,
) -> tuple[dict[str, Any], dict[int, NDArray[np.int32]]]:
    """Return the measures of centered points over k, and the cluster of each for every k of `keep`.

    Silhouettes are taken over a part of the points.
    """
    from sklearn.metrics import pairwise_distances

    order = keyed_rng(context.seed, "silhouette").permutation(len(points))
    part, series = order[: options.silhouette_sample], sorted({*ks.tolist(), *keep})
    inertia, apart, clusters = {}, {}, {}
    with _one_thread():
        points = _rotated(points)
        partitions = Partitions(points, series[-1], options.iterations, seed=context.seed)
        distances = pairwise_distances(points[part])
        np.fill_diagonal(distances, 0.0)
        for done, k in enumerate(series):
            context.progress("clustering", done, len(series))
            total, clusters[k] = partitions.fit(k)
            inertia[k], apart[k] = total / len(points), silhouette(distances, clusters[k][part])
    inertias, silhouettes = (np.array([v[k] for k in ks.tolist()]) for v in (inertia, apart))
    variance = float(np.einsum("ij,ij->", points, points, dtype=np.float64)) / len(points)
    share, best = inertias / variance, silhouettes.argmax()
    logs = np.log(np.maximum(share, SMALLEST_SHARE))
    found = {
        "variance": variance, "log_inertia": logs.mean(), "silhouette": silhouettes[best],
        "silhouette_k": ks[best], "k": ks, "inertia": inertias, "share": share, "log_share": logs,
        "silhouettes": silhouettes,
    }  # fmt: skip
    if len(ks) > 2:
        found["elbow_k"], found["elbow_sharpness"] = elbow(ks, inertias)
    return found, clusters


def _rotated(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return points of more dimensions than points in fewer, at the same distances."""
    if points.shape[1] <= len(points):
        return points
    triangle: NDArray[np.float32] = np.linalg.qr(points.T)[1]
    return np.ascontiguousarray(triangle.T)


def _one_thread() -> AbstractContextManager[Any]:
    """Return a context in which scikit-learn uses one thread.

    Threads add up centers in the order in which they finish, so the last bits would vary; and for
    samples of this size they wait for each other longer than they work.
    """
    import sklearn.cluster  # noqa: F401  (limits reach only libraries that are loaded)
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits
