"""Mahalanobis distances with a regularized covariance, and the density around the origin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Frame, Source
from latent_analyze.statistics import MAX_FULL_DIM, nearest, nearest_others, shrink

SAMPLE_ROWS = 10_000
SMALLEST_EIGENVALUE = 1e-6
NEIGHBORS = 10
BAND, MARGIN = 1e-3, 1e-9
"""Rows whose squared distance in float32 is so close to the origin's are computed in float64, and
are nearer by at least this share."""


def fit_metric(reference: Source, seed: int) -> dict[str, Any]:
    """Return the whitening of the reference as values of a frame.

    The correlation matrix of a seeded sample is shrunk as Ledoit & Wolf (2004) do. Components with
    an eigenvalue below 1e-6 of the largest are cut off; axes that do not vary beyond float32
    rounding are left out. Above 1,024 dimensions only the variances per axis are used.
    """
    summary = reference.summary()
    mean, std = summary.mean, summary.std
    varying = np.flatnonzero(std > 1e-6 * np.maximum(std.max(), np.abs(mean)))
    scale, rows = 1.0 / std[varying], summary.count
    metric, shrinkage, rank = "diagonal", 0.0, len(varying)
    if reference.dim > MAX_FULL_DIM:
        whiten = np.zeros(reference.dim, np.float32)
        whiten[varying] = scale
    else:
        sample = reference.sample(SAMPLE_ROWS, seed).z
        sample = sample[np.isfinite(sample).all(axis=1)]
        eigenvalues, vectors, shrinkage = shrink((sample[:, varying] - mean[varying]) * scale)
        kept = eigenvalues > SMALLEST_EIGENVALUE * eigenvalues[-1]
        metric, rows, rank = "Ledoit-Wolf", len(sample), int(kept.sum())
        whiten = np.zeros((reference.dim, rank), np.float32)
        whiten[varying] = scale[:, None] * vectors[:, kept] / np.sqrt(eigenvalues[kept])
    origin = _squares(np.zeros((1, reference.dim)), mean, whiten.astype(np.float64))
    return {
        "mean": mean, "constant_axes": reference.dim - len(varying), "metric": metric,
        "shrinkage": shrinkage, "metric_sample": rows, "rank": rank, "whiten": whiten,
        "origin_square": float(origin[0]),
    }  # fmt: skip


def _whitened(z: NDArray[Any], mean: NDArray[Any], whiten: NDArray[Any]) -> NDArray[Any]:
    return (z - mean) * whiten if whiten.ndim == 1 else (z - mean) @ whiten


def _squares(z: NDArray[Any], mean: NDArray[Any], whiten: NDArray[Any]) -> NDArray[Any]:
    white = _whitened(z, mean, whiten)
    return np.asarray(np.einsum("ij,ij->i", white, white))


def count_nearer(z: NDArray[np.float32], frame: Frame) -> int:
    """Return how many rows are nearer to the mean than the origin is.

    A matrix product may round a row differently in a block of another size. Rows that float32
    cannot tell from the origin are computed again, and need a margin far above the rounding of
    float64, so that the count does not depend on the split.
    """
    mean, whiten, limit = frame["mean"], frame["whiten"], frame["origin_square"]
    squares = _squares(z, mean.astype(np.float32), whiten)
    nearer = squares < limit
    unclear = np.flatnonzero(np.abs(squares - limit) <= BAND * (limit + 1.0))
    exact = _squares(z[unclear], mean, whiten.astype(np.float64))
    nearer[unclear] = exact < limit * (1 - MARGIN)
    return int(nearer.sum())


def origin_density_percentile(sample: NDArray[np.float32], frame: Frame) -> float:
    """Return the percentage of sampled rows around which it is emptier than around the origin.

    Density is measured by the distance to the tenth nearest neighbor in the sample (Loftsgaarden &
    Quesenberry 1965), in the metric of the frame; a row is no neighbor of itself. Needs two rows.
    """
    points = np.append(sample, np.zeros((1, sample.shape[1])), axis=0)
    white = _whitened(points, frame["mean"], frame["whiten"].astype(np.float64))
    neighbors = min(NEIGHBORS, len(sample) - 1)
    of_rows = nearest_others(white[:-1], neighbors)[0][:, -1]
    of_origin = nearest(white[-1:], white[:-1], neighbors)[0][0, -1]
    return float(100.0 * (of_rows > of_origin).mean())
