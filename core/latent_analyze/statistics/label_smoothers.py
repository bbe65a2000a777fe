"""Ways of looking for labels in rows: what a two-sample test can see.

Every smoother is made from the pooled rows of both samples, without their labels, and turns labels
into scores linearly. So many permuted labels cost one matrix product, and rows whose labels are set
to 0 are held out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from latent_analyze.statistics.neighbors import nearest_others

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LANDMARKS = 200
"""Rows whose kernels are the features of a kernel smoother (Williams & Seeger 2001)."""

DEGREE = 4
"""Legendre polynomials of a rank, from 1 (its mean) to 4 (two groups, or heavy tails)."""

NEIGHBORS = 20

ROWS_PER_AXIS = 4
"""With fewer pooled rows per axis a covariance is shrunk before rows are whitened with it."""


class Smoother(Protocol):
    """One way of looking.

    Attributes
    ----------
    name
        What it looks at, such as "mean"; see `TwoSample.seen_by`.
    """

    name: str

    def evidence(self, labels: Array) -> Array:
        """Return how well the rows explain each column of labels, (n, columns) -> (columns,)."""
        ...

    def scores(self, labels: Array) -> Array:
        """Return the score of each row for each column, higher where labels around it are."""
        ...


class Projection:
    """Labels projected on a basis: least squares, penalized by weights below 1.

    The evidence is c' U W U' c: Hotelling's (1931) where U are the whitened axes and W = 1, the
    maximum mean discrepancy where W are the eigenvalues of a kernel (Gretton et al. 2012), and
    kernel Fisher discriminant analysis in between (Harchaoui, Bach & Moulines 2007). It is positive
    and skewed; its cube root is nearly normal (Wilson & Hilferty 1931).
    """

    def __init__(self, name: str, basis: Array, weights: Array) -> None:
        self.name, self.basis, self.weights = name, basis, weights

    def evidence(self, labels: Array) -> Array:
        """Return the cube root of the penalized explained variance of each column."""
        return np.asarray(np.cbrt(self.weights @ (self.basis.T @ labels) ** 2))

    def scores(self, labels: Array) -> Array:
        """Return the penalized fit."""
        return np.asarray(self.basis @ (self.weights[:, None] * (self.basis.T @ labels)))


class BestComponent:
    """Polynomials of the ranks along each principal component; the component that explains most.

    Few of many components may differ, and then the others only add noise.
    """

    def __init__(self, name: str, basis: Array, count: int) -> None:
        self.name, self.basis, self.count = name, basis, count

    def evidence(self, labels: Array) -> Array:
        """Return the cube root of the variance that the best component explains."""
        return np.asarray(np.cbrt(self._explained(self.basis.T @ labels).max(axis=0)))

    def scores(self, labels: Array) -> Array:
        """Return the fit along the best component of each column."""
        inner = self.basis.T @ labels
        best = self._explained(inner).argmax(axis=0)
        chosen = np.arange(self.count)[:, None] == best
        kept = inner.reshape(self.count, -1, labels.shape[1]) * chosen[:, None, :]
        return np.asarray(self.basis @ kept.reshape(inner.shape))

    def _explained(self, inner: Array) -> Array:
        return np.asarray((inner.reshape(self.count, -1, inner.shape[1]) ** 2).sum(axis=1))


class Neighbors:
    """The mean label of a row's nearest other rows (Schilling 1986; Henze 1988)."""

    def __init__(self, name: str, rows: Array) -> None:
        from scipy.sparse import csr_array

        self.name = name
        _, near = nearest_others(rows, NEIGHBORS)
        starts = np.arange(len(rows) + 1) * near.shape[1]
        shares = np.full(near.size, 1 / near.shape[1])
        self._means: Any = csr_array((shares, near.ravel(), starts), (len(rows), len(rows)))

    def evidence(self, labels: Array) -> Array:
        """Return how far rows have the labels of their neighbors."""
        return np.asarray(np.einsum("ij,ij->j", labels, self.scores(labels)))

    def scores(self, labels: Array) -> Array:
        """Return the mean labels of the neighbors."""
        return np.asarray(self._means @ labels)


def smoothers(pooled: Array, white: Array, *, rng: np.random.Generator) -> list[Smoother]:
    """Return the ways of looking at pooled rows.

    Two look at distances in latent units, one along principal components: without these, two groups
    along one of 64 axes are not seen at 2,000 rows.

    Parameters
    ----------
    pooled
        Rows of both samples, shape (n, dim); float64, finite, not all alike.
    white
        The same, `whitened`.
    """
    landmarks = rng.permutation(len(pooled))[:LANDMARKS]
    components = principal(pooled)
    squares = _squared_distances(components, components[landmarks])
    return [
        _plain("mean", white),
        _plain("radius", _polynomials(np.sum(white**2, axis=1)[:, None])),
        _kernel("covariance", (white @ white[landmarks].T) ** 2, landmarks, penalty=1e-2),
        BestComponent("component", _polynomials(components), components.shape[1]),
        _kernel("regions", np.exp(-5 * squares / _scale(squares)), landmarks, penalty=1e-4),
        Neighbors("neighbors", pooled),
    ]


def principal(rows: Array) -> Array:
    """Return centered rows in the frame of their principal components, shape (n, min(n, dim))."""
    centered = rows - rows.mean(axis=0)
    if rows.shape[1] > len(rows):
        left, lengths, _ = np.linalg.svd(centered, full_matrices=False)
        return np.asarray(left * lengths)
    return np.asarray(centered @ np.linalg.eigh(centered.T @ centered)[1][:, ::-1])


def whitened(rows: Array) -> Array:
    """Return rows with mean 0 and covariance 1 in every direction in which they vary.

    With fewer than `ROWS_PER_AXIS` rows per axis, variances of components of standardized axes are
    shrunk to their mean (Ledoit & Wolf 2004): else all rows would be equally far from each other.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    spread = rows.std(axis=0)
    varies = spread > 1e-6 * np.abs(rows).max(axis=0)
    components = principal(rows[:, varies] / spread[varies])
    variances = np.mean(components**2, axis=0)
    kept = variances > 1e-10 * variances.max(initial=0.0)
    components, variances = components[:, kept], variances[kept]
    if len(rows) < ROWS_PER_AXIS * len(variances):
        shrinkage = ledoit_wolf_shrinkage(components, assume_centered=True)
        variances = (1 - shrinkage) * variances + shrinkage * variances.mean()
    return np.asarray(components / np.sqrt(variances))


def _polynomials(values: Array) -> Array:
    """Return Legendre polynomials of the ranks of each column, (n, k) -> (n, k * DEGREE)."""
    from scipy.stats import rankdata

    ranks = (2 * rankdata(values, axis=0) - 1) / len(values) - 1
    table = np.polynomial.legendre.legvander(ranks, DEGREE)[..., 1:]
    table *= np.sqrt((2 * np.arange(1, DEGREE + 1) + 1) / len(values))
    return np.asarray(table.reshape(len(values), -1))


def _plain(name: str, features: Array) -> Projection:
    basis, _ = _orthonormal(features)
    return Projection(name, basis, np.ones(basis.shape[1]))


def _kernel(
    name: str, kernel: Array, landmarks: NDArray[np.int64], *, penalty: float
) -> Projection:
    values, vectors = np.linalg.eigh(kernel[landmarks])
    kept = values > 1e-8 * values[-1]
    basis, spectrum = _orthonormal(kernel @ (vectors[:, kept] / np.sqrt(values[kept])))
    return Projection(name, basis, spectrum / (spectrum + penalty))


def _orthonormal(features: Array) -> tuple[Array, Array]:
    """Return an orthonormal basis of centered columns, and the share of the variance of each."""
    centered = features - features.mean(axis=0)
    values, vectors = np.linalg.eigh(centered.T @ centered)
    kept = values > 1e-9 * max(values[-1], np.finfo(float).tiny)
    values = values[kept]
    return centered @ (vectors[:, kept] / np.sqrt(values)), values / max(values.sum(), 1e-300)


def _squared_distances(rows: Array, others: Array) -> Array:
    squares = np.sum(rows**2, axis=1)[:, None] + np.sum(others**2, axis=1) - 2 * rows @ others.T
    return np.asarray(np.maximum(squares, 0.0))


def _scale(squares: Array) -> float:
    """The median of the distances that are not those of a row to itself or to its copies."""
    return float(np.median(squares[squares > 1e-12 * squares.max()]))
