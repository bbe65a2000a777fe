"""Second moments of a source: principal components in float64, whatever the number of dimensions.

scikit-learn's PCA forms the covariance of float32 rows about the origin, which loses the small
variances of a cloud that lies off-center; the moments used here are shifted first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.errors import AnalysisError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.sources.source import Source
    from latent_analyze.sources.summary import Summary

SAMPLE_ROWS = 2000
"""Rows of the seeded sample that stands in for a covariance above 4,096 dimensions."""

PRECISION = 1e-6
"""Variance relative to the largest below which a component may be rounding of float32 rows."""


@dataclass(frozen=True)
class Moments:
    """Mean and second moments of a source.

    Attributes
    ----------
    summary
        Of all finite rows.
    covariance
        Shape (dim, dim), float64; None above 4,096 dimensions.
    rows
        In its place a centered sample divided by sqrt(n - 1), shape (n, dim), so that
        rows.T @ rows is the covariance of the sample.
    """

    summary: Summary
    covariance: NDArray[np.float64] | None
    rows: NDArray[np.float32] | None = None

    @property
    def sample_size(self) -> int | None:
        """Rows of the sample; None where the moments are those of all rows."""
        return None if self.rows is None else len(self.rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said where there is no covariance."""
        if self.rows is None:
            return ()
        return (
            f"no covariance of {self.summary.dim:,} dimensions: components are those of a seeded"
            f" sample of {len(self.rows):,} z-points, whose spectrum is steeper than that of all",
        )

    def spectrum(self) -> NDArray[np.float64]:
        """Return the variances of all components, descending, shape (min(dim, rows),)."""
        values = np.linalg.eigvalsh(self._square)
        return np.asarray(np.maximum(values[::-1], 0.0))

    def components(self, keep: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the variances of all components, and the first directions.

        Parameters
        ----------
        keep
            Number of directions; fewer are returned where fewer have a variance.

        Returns
        -------
        Variances, descending, shape (m,), and unit vectors, shape (k, dim). Of the two signs of a
        direction the one is taken that makes its largest entry positive.
        """
        values, vectors = np.linalg.eigh(self._square)
        values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
        chosen = slice(0, min(keep, rank(values)))
        directions = vectors[:, chosen].T
        if self.rows is not None:
            directions = directions @ self.rows / np.sqrt(values[chosen, None])
        return values, _signed(directions)

    def along(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the variance along unit vectors, shape (k, dim) -> (k,)."""
        if self.covariance is not None:
            return np.asarray(np.einsum("ij,ij->i", directions @ self.covariance, directions))
        assert self.rows is not None
        return np.asarray(((self.rows @ directions.T) ** 2).sum(axis=0))

    @property
    def _square(self) -> NDArray[np.float64]:
        """The covariance, or the sample's matrix of inner products: the same eigenvalues."""
        if self.covariance is not None:
            return self.covariance
        assert self.rows is not None
        return (self.rows @ self.rows.T).astype(np.float64)


def second_moments(source: Source, seed: int) -> Moments:
    """Return the moments of a source.

    Raises
    ------
    AnalysisError
        If there are no two different z-points.
    """
    summary = source.summary()
    if summary.count < 2 or not summary.spread > 0:
        raise AnalysisError(
            f"at least two different z-points in {source.label}",
            found=f"{summary.count} z-points that are all alike" if summary.count else "none",
            next_step="check that the encoder's output depends on its input",
        )
    if summary.covariance is not None:
        return Moments(summary, summary.covariance)
    sample = source.sample(SAMPLE_ROWS, seed).z
    sample = sample[np.isfinite(sample).all(axis=1)]
    centered = sample - sample.mean(axis=0, dtype=np.float64)
    return Moments(summary, None, (centered / np.sqrt(max(len(sample) - 1, 1))).astype(np.float32))


def rank(variances: NDArray[np.float64]) -> int:
    """Return how many components have a variance above what rounding of float32 rows may leave."""
    return int((variances > PRECISION * variances.max(initial=0.0)).sum())


def participation_ratio(variances: NDArray[np.float64]) -> float:
    """Return (sum v)^2 / sum v^2: the number of components among which variance is shared."""
    shares = variances / variances.sum()
    return float(1 / (shares**2).sum())


def separated_components(variances: NDArray[np.float64], count: int) -> int:
    """Return how many leading components have a direction of their own.

    A variance v of n normal z-points has the sampling error v sqrt(2 / n); neighbors that lie
    nearer to each other than that are mixed at random (North et al. 1982).
    """
    apart = variances[:-1] - variances[1:] > variances[:-1] * np.sqrt(2 / max(count, 1))
    return int(np.argmin(apart)) if not apart.all() else len(variances)


def _signed(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    return np.asarray(directions * signs[:, None])
