"""The regularized correlations of a sample, shrunk as Ledoit & Wolf (2004) do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_FULL_DIM = 1024
"""Above so many dimensions only variances per axis are used: n rows say little about dim^2 numbers,
and a matrix product of that size takes longer than the rest of an analysis."""


def shrunk_correlation(
    standardized: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return eigenvalues and eigenvectors of the shrunk correlation matrix; see `shrink`."""
    values, vectors, _ = shrink(standardized)
    return values, vectors


def shrink(
    standardized: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return eigenvalues and eigenvectors of the shrunk correlation matrix, and its shrinkage.

    Working on standardized axes makes the result independent of their units.

    Parameters
    ----------
    standardized
        Rows less their mean, each axis divided by its standard deviation; shape (n, dim), n >= 1.

    Returns
    -------
    eigenvalues
        Shape (dim,), ascending; all zero only if the rows are.
    eigenvectors
        Columns, shape (dim, dim).
    shrinkage
        Weight of the identity, from 0 to 1.
    """
    from sklearn.covariance import ledoit_wolf

    correlation, shrinkage = ledoit_wolf(standardized, assume_centered=True)
    values, vectors = np.linalg.eigh(correlation)
    return np.maximum(values, 0.0), vectors, float(shrinkage)
