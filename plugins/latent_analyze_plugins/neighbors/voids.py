"""How empty it is around random places: a void has no z-points whose neighbors could show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze_plugins.neighbors.search import CHUNK_VALUES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Frame, Source

PROBES = 4000
PROBE_VALUES = 400_000
"""Fewer probes above 100 dimensions: a frame stays small."""

LEAST_PROBES = 100
MAX_FULL_DIM = 1024
DRAWS = 10
EULER = 0.5772156649015329
"""-E[log x] for an exponential x of mean 1; its log has the variance pi^2 / 6."""

SMALLEST_SHARE = 1e-3
"""Of the median distance: nearer is as good as here."""

MOST_MISSING = 50.0
"""Emptier balls count as this: a few probes far out would decide a mean."""


def void_frame(reference: Source, points: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return places at random, and what a Gaussian cloud of as many points has around them.

    Places and clouds are Gaussian with the reference's mean and covariance (variances above 1,024
    dimensions). In e dimensions a ball of radius r around a place holds proportionally to r^e
    points on average, so that r^e of the largest empty ball is exponentially distributed: the
    scatter of log(r) over clouds gives e, its mean gives the scale of each place.

    Returns
    -------
    ``probes`` (probe, dim); ``void_log``, the mean of log(r) at each probe; ``void_exponent``, e.
    """
    count = max(min(PROBES, PROBE_VALUES // reference.dim), LEAST_PROBES)
    law = _gaussian(reference)
    probes = _draw(law, count, rng)
    clouds = (_draw(law, points, rng).astype(np.float64) for _ in range(DRAWS))
    logs = np.array([_log(contact_distances(probes, cloud)) for cloud in clouds])
    scatter = max(float(np.sqrt(logs.var(axis=0, ddof=1).mean())), 1e-3)
    return {
        "probes": probes,
        "void_log": logs.mean(axis=0),
        "void_exponent": np.pi / np.sqrt(6) / scatter,
    }


def missing_points(contacts: NDArray[np.float64], frame: Frame) -> NDArray[np.float64]:
    """Return how many points the Gaussian cloud has on average in the empty ball of each probe.

    Exponentially distributed with mean 1 for such a cloud itself; large in a void.
    """
    excess = frame["void_exponent"] * (_log(contacts) - frame["void_log"]) - EULER
    return np.asarray(np.exp(np.minimum(excess, 80.0)))


def contact_distances(
    probes: NDArray[np.float32], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the distance from each probe to the nearest point, shape (probe,).

    Its law is the spherical contact distribution of spatial statistics (Ripley 1977), which tells
    voids from chance as that of nearest-neighbor distances tells clumps.
    """
    center = points.mean(axis=0)
    centered, places = points - center, probes - center
    halves = 0.5 * np.einsum("ij,ij->i", centered, centered)
    nearest = np.empty(len(places), np.int64)
    chunk = max(CHUNK_VALUES // len(points), 16)
    for first in range(0, len(places), chunk):
        part = slice(first, first + chunk)
        nearest[part] = (halves - places[part] @ centered.T).argmin(axis=1)
    return np.asarray(np.linalg.norm(probes - points[nearest], axis=1))


def _gaussian(reference: Source) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and what standard normal rows are multiplied with, (dim,) or (dim, dim)."""
    summary = reference.summary()
    if summary.covariance is None or reference.dim > MAX_FULL_DIM:
        return summary.mean, summary.std
    variances, axes = np.linalg.eigh(summary.covariance)
    return summary.mean, (axes * np.sqrt(np.maximum(variances, 0.0))).T


def _draw(
    law: tuple[NDArray[np.float64], NDArray[np.float64]], count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    mean, root = law
    normal = rng.standard_normal((count, len(mean)))
    spread = normal * root if root.ndim == 1 else normal @ root
    return np.asarray(mean + spread, np.float32)


def _log(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logarithms; rounding to float32 may put a probe on a point, which is no -infinity."""
    floor = max(SMALLEST_SHARE * float(np.median(distances)), np.finfo(float).tiny)
    return np.asarray(np.log(np.maximum(distances, floor)))
