"""How alike two arrangements of the same rows are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze_plugins.shared.nearest import nearest_others
from latent_analyze_plugins.shared.ranks import rank_correlation

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Space:
    """The rows of one case, centered and scaled to a sum of squares of 1.

    Attributes
    ----------
    label
        The case.
    points
        Shape (n, min(dim, n)), float64: above n dimensions the same points in coordinates of
        their own span.
    radii
        Distances from the mean before scaling, shape (n,), latent units.
    k
        Neighbors per row.
    """

    label: str
    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    k: int

    @classmethod
    def of(cls, label: str, z: NDArray[Any], k: int) -> Space:
        """Return the space of z-points (n, dim), not all alike."""
        centered = z - z.mean(axis=0, dtype=np.float64)
        radii = np.linalg.norm(centered, axis=1)
        points = centered / np.linalg.norm(radii)
        if points.shape[1] > len(points):
            points = np.asarray(np.linalg.qr(points.T, mode="r")).T
        return cls(label, points, radii, k)

    @cached_property
    def neighbors(self) -> NDArray[np.int64]:
        """Rows of the nearest others, shape (n, k)."""
        return nearest_others(self.points, self.k)[1]

    @cached_property
    def spectrum(self) -> NDArray[np.float64]:
        """Share of the variance along each principal component, descending."""
        return np.maximum(np.linalg.eigvalsh(self.points.T @ self.points)[::-1], 0.0)

    @property
    def participation_ratio(self) -> float:
        """Number of components that share the variance as if evenly: 1 / sum of squared shares."""
        return float(1 / (self.spectrum**2).sum())

    def cross(self, other: Space, order: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Return the cross-covariance with the rows of another space, in another order if given."""
        points = other.points if order is None else other.points[order]
        return self.points.T @ points


def common_neighbors(
    one: Space, two: Space, order: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Return per row the share of its k nearest neighbors that both spaces agree on, shape (n,).

    With `order`, row i of `one` is compared with row order[i] of `two`.
    """
    here, there = one.neighbors, two.neighbors
    if order is not None:
        there = np.argsort(order)[there[order]]
    common = (here[:, :, None] == there[:, None, :]).any(axis=2)
    return common.mean(axis=1)


def jaccard(shares: NDArray[np.float64]) -> float:
    """Return the mean Jaccard index of sets of equal size from the shares that they have in common.

    With c of k elements in common the union has 2k - c.
    """
    return float((shares / (2 - shares)).mean())


def linear_cka(one: Space, two: Space, cross: NDArray[np.float64]) -> float:
    """Return linear centered kernel alignment (Kornblith et al. 2019, equation 7).

    1 for spaces that are equal up to rotation and scale. Independent spaces reach more than 0
    where they have many dimensions for their rows.
    """
    return float((cross**2).sum() / _norm(one) / _norm(two))


def unbiased_cka(one: Space, two: Space, cross: NDArray[np.float64]) -> float | None:
    """Return linear CKA from the unbiased estimator of HSIC by Song et al. (2012, equation 4).

    0 on average for independent spaces, however many dimensions they have; may be negative. None
    where a space has too few rows for it.
    """
    own = _unbiased(one, one, one.cross(one)) * _unbiased(two, two, two.cross(two))
    return float(_unbiased(one, two, cross) / np.sqrt(own)) if own > 0 else None


def procrustes(cross: NDArray[np.float64]) -> float:
    """Return the share of variance that the best rotation, reflection and scaling leaves.

    Gower (1975): 1 - (sum of the singular values of the cross-covariance)^2, for spaces that are
    centered and scaled. Dimensions that one space lacks count as zeros.
    """
    return float(max(1 - np.linalg.svd(cross, compute_uv=False).sum() ** 2, 0.0))


def radius_correlation(one: Space, two: Space) -> float | None:
    """Return the rank correlation of the distances from the mean; None if they do not vary."""
    return rank_correlation(one.radii, two.radii)


def _norm(space: Space) -> float:
    return float(np.sqrt((space.spectrum**2).sum()))


def _unbiased(one: Space, two: Space, cross: NDArray[np.float64]) -> float:
    """Return n (n - 3) times the estimator, without the n x n matrices.

    The estimator does not change when points are shifted; for centered points the rows of a linear
    kernel matrix sum to zero, so those of the matrix without diagonal to minus the diagonal.
    """
    n = len(one.points)
    first = np.einsum("ij,ij->i", one.points, one.points)
    second = np.einsum("ij,ij->i", two.points, two.points)
    both = float(first @ second)
    pairs = first.sum() * second.sum() / ((n - 1) * (n - 2))
    return float((cross**2).sum() - both + pairs - 2 * both / (n - 2))
