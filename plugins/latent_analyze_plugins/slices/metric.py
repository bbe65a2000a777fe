"""Mahalanobis distances with a regularized covariance, and the density around the origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Frame, Source, Summary

SAMPLE_ROWS = 10_000
MAX_FULL_DIM = 1024
SMALLEST_EIGENVALUE = 1e-6
NEIGHBORS = 10
BAND = 1e-3
"""Rows whose squared distance in float32 is so close to the origin's are computed in float64."""


def fit_metric(reference: Source, seed: int) -> dict[str, Any]:
    """Return the whitening of the reference as values of a frame.

    The correlation matrix of a seeded sample is shrunk as Ledoit & Wolf (2004) do; working on
    standardized axes makes the result independent of their units. Components with an eigenvalue
    below 1e-6 of the largest are cut off; axes that do not vary are left out. Above 1,024
    dimensions only the variances per axis are used.
    """
    summary = reference.summary()
    scale = _inverse_std(summary)
    values: dict[str, Any] = {
        "mean": summary.mean,
        "constant_axes": int((scale == 0).sum()),
        "metric": "diagonal",
        "shrinkage": 0.0,
        "metric_sample": summary.count,
        "rank": int((scale > 0).sum()),
        "whiten": scale.astype(np.float32),
    }
    if reference.dim <= MAX_FULL_DIM:
        sample = reference.sample(SAMPLE_ROWS, seed).z
        values |= _shrunk_whitening(sample[np.isfinite(sample).all(axis=1)], summary.mean, scale)
    origin = np.zeros((1, reference.dim), np.float32)
    values["origin_square"] = float(_exact_squares(origin, values["mean"], values["whiten"])[0])
    return values


def _inverse_std(summary: Summary) -> NDArray[np.float64]:
    """Return 1 / std per axis, 0 for axes that do not vary beyond float32 rounding."""
    noise = 1e-6 * np.maximum(summary.std.max(), np.abs(summary.mean))
    constant = summary.std <= noise
    return np.where(constant, 0.0, 1.0 / np.where(constant, 1.0, summary.std))


def _shrunk_whitening(
    sample: NDArray[np.float32], mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> dict[str, Any]:
    from sklearn.covariance import ledoit_wolf

    varying = np.flatnonzero(scale)
    standardized = (sample[:, varying] - mean[varying]) * scale[varying]
    correlation, shrinkage = ledoit_wolf(standardized, assume_centered=True)
    eigenvalues, vectors = np.linalg.eigh(correlation)
    kept = eigenvalues > SMALLEST_EIGENVALUE * eigenvalues[-1]
    whiten = np.zeros((len(scale), int(kept.sum())), np.float32)
    whiten[varying] = scale[varying, None] * vectors[:, kept] / np.sqrt(eigenvalues[kept])
    return {
        "metric": "Ledoit-Wolf",
        "shrinkage": float(shrinkage),
        "metric_sample": len(sample),
        "rank": whiten.shape[1],
        "whiten": whiten,
    }


def _exact_squares(
    z: NDArray[np.float32], mean: NDArray[np.float64], whiten: NDArray[np.float32]
) -> NDArray[np.float64]:
    from latent_analyze_plugins.slices import _kernels

    if whiten.ndim == 1:
        return _kernels.squared_diagonal_distances(z, mean, whiten)
    return _kernels.squared_distances(z, mean, whiten.astype(np.float64))


def count_nearer(z: NDArray[np.float32], frame: Frame) -> int:
    """Return how many rows are nearer to the mean than the origin is.

    A matrix product may round a row differently in a block of another size; rows too close to
    call are computed again, one by one, so that the count does not depend on the split.
    """
    mean, whiten, limit = frame["mean"], frame["whiten"], frame["origin_square"]
    if whiten.ndim == 1:
        return int((_exact_squares(z, mean, whiten) < limit).sum())
    white = (z - mean.astype(np.float32)) @ whiten
    squares = np.einsum("ij,ij->i", white, white)
    nearer = squares < limit
    unclear = np.flatnonzero(np.abs(squares - limit) <= BAND * (limit + 1.0))
    nearer[unclear] = _exact_squares(z[unclear], mean, whiten) < limit
    return int(nearer.sum())


def origin_density_percentile(sample: NDArray[np.float32], frame: Frame) -> float:
    """Return the percentage of sampled rows around which it is emptier than around the origin.

    Density is measured by the distance to the tenth nearest neighbor in the sample (Loftsgaarden &
    Quesenberry 1965), in the metric of the frame; a row is no neighbor of itself. Needs two rows.
    """
    from sklearn.neighbors import NearestNeighbors

    white = _whitened(sample, frame)
    neighbors = min(NEIGHBORS, len(sample) - 1)
    search = NearestNeighbors(n_neighbors=neighbors + 1, algorithm="brute").fit(white)
    of_rows = search.kneighbors(white)[0][:, neighbors]
    origin = _whitened(np.zeros((1, sample.shape[1]), np.float32), frame)
    of_origin = search.kneighbors(origin, neighbors)[0][0, -1]
    return float(100.0 * (of_rows > of_origin).mean())


def _whitened(z: NDArray[np.float32], frame: Frame) -> NDArray[np.float64]:
    centered, whiten = z - frame["mean"], frame["whiten"].astype(np.float64)
    return centered * whiten if whiten.ndim == 1 else centered @ whiten
