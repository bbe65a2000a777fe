"""How much of the neighborhoods of latent space is left on a page."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEIGHBORS = 15
"""Neighbors that are compared."""

JUDGED = 2000
"""z-points whose neighborhoods are compared; all, if there are fewer."""


def measure(
    latent: NDArray[np.float32], page: NDArray[Any], rng: np.random.Generator
) -> dict[str, float]:
    """Return k-NN preservation and trustworthiness of a page.

    Parameters
    ----------
    latent
        Distinct z-points, shape (n, dim), n >= 5, about a mean near their own.
    page
        Their places, shape (n, 2).
    rng
        Chooses whose neighborhoods are compared.
    """
    from sklearn.manifold import trustworthiness

    chosen = np.sort(rng.permutation(len(latent))[:JUDGED])
    k = min(NEIGHBORS, (len(chosen) - 1) // 2)
    kept = shared_neighbors(latent, page, chosen, k=k).mean()
    trust = trustworthiness(latent[chosen], page[chosen], n_neighbors=k)
    return {
        "knn_preservation": float(kept), "trustworthiness": float(trust), "k": k,
        "judged": len(chosen),
    }  # fmt: skip


def shared_neighbors(
    latent: NDArray[np.float32], page: NDArray[Any], chosen: NDArray[np.int64], *, k: int
) -> NDArray[np.float64]:
    """Return the share of the k nearest neighbors that latent space and page have in common.

    Returns
    -------
    Shape (chosen,), 0 to 1; a random page has k / (n - 1) on average.
    """
    near = np.stack([nearest(latent, chosen, k), nearest(page, chosen, k)])
    both = np.sort(np.concatenate(list(near), axis=1), axis=1)
    return (both[:, 1:] == both[:, :-1]).sum(axis=1) / k


def nearest(points: NDArray[Any], chosen: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Return the k nearest other points of the chosen ones, exact, shape (chosen, k)."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=k + 1).fit(points)
    found = index.kneighbors(points[chosen], return_distance=False)
    others = found != chosen[:, None]
    # Where more than k points coincide a point need not be among its own nearest.
    others[others.all(axis=1), -1] = False
    return np.asarray(found[others].reshape(len(chosen), k), np.int64)
