"""k-means for a series of k: one k-means++ draw seeds them all, Lloyd iterations refine each."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
