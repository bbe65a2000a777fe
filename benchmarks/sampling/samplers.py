"""The thirteen samplers of the tables, written apart from the product's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sampling.merit import HELD_OUT
from sampling.space import Space, Z

POINTS = 2000
ROWS_PER_COMPONENT = 100
"""Small data sets get fewer components than a mixture's name says."""
NEAR = (10, 30)
"""Which nearest neighbors `interpolate near` goes to."""

Rng = np.random.Generator
Draw = Callable[[Z, int, Rng], Z]
"""Draws n z-points, given those of training rows."""


def gaussian(z: Z, n: int, rng: Rng) -> Z:
    return z.mean(axis=0) + rng.standard_normal((n, z.shape[1])) @ _root(z)


def diagonal(z: Z, n: int, rng: Rng) -> Z:
    return z.mean(axis=0) + rng.standard_normal((n, z.shape[1])) * z.std(axis=0)


def mixture(components: int) -> Draw:
    def draw(z: Z, n: int, rng: Rng) -> Z:
        from sklearn.mixture import GaussianMixture

        fitted = GaussianMixture(
            max(min(components, len(z) // ROWS_PER_COMPONENT), 1),
            max_iter=60, reg_covar=1e-6 * float(z.var(axis=0).mean()), random_state=0,
        ).fit(z)  # fmt: skip
        fitted.random_state = int(rng.integers(2**31))
        return rng.permutation(fitted.sample(n)[0])

    return draw


def kde(bandwidth: float) -> Draw:
    def draw(z: Z, n: int, rng: Rng) -> Z:
        noise = rng.standard_normal((n, z.shape[1])) @ _root(z)
        return z[rng.integers(0, len(z), n)] + bandwidth * noise

    return draw


def midpoints(z: Z, n: int, rng: Rng) -> Z:
    one, two = rng.integers(0, len(z), (2, n))
    return (z[one] + z[two]) / 2


def interpolate_near(z: Z, n: int, rng: Rng) -> Z:
    from sklearn.neighbors import NearestNeighbors

    rows = rng.integers(0, len(z), n)
    near = NearestNeighbors(n_neighbors=NEAR[1]).fit(z).kneighbors(z[rows], return_distance=False)
    other = near[np.arange(n), rng.integers(*NEAR, n)]
    share = rng.uniform(0, 1, (n, 1))
    return z[rows] * (1 - share) + z[other] * share


def shuffled(z: Z, n: int, rng: Rng) -> Z:
    return np.stack([axis[rng.integers(0, len(z), n)] for axis in z.T], axis=1)


def normal(z: Z, n: int, rng: Rng) -> Z:
    return rng.standard_normal((n, z.shape[1]))


def cube(spreads: float) -> Draw:
    def draw(z: Z, n: int, rng: Rng) -> Z:
        spread = np.sqrt(z.var(axis=0).mean())
        return rng.uniform(-1, 1, (n, z.shape[1])) * spreads * spread * np.sqrt(3)

    return draw


def _root(z: Z) -> Z:
    """Return R with R^T R the covariance; axes without spread do no harm."""
    values, vectors = np.linalg.eigh(np.cov(z.T))
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T


SAMPLERS: dict[str, Draw] = {
    "gaussian": gaussian,
    "diagonal": diagonal,
    "gmm10": mixture(10),
    "gmm50": mixture(50),
    "kde0.2": kde(0.2),
    "kde0.4": kde(0.4),
    "midpoints": midpoints,
    "interpolate near": interpolate_near,
    "shuffled": shuffled,
    "normal": normal,
    "cube 0.5": cube(0.5),
    "cube 1": cube(1),
    "cube 2": cube(2),
}


def draw_all(space: Space, n: int = POINTS) -> dict[str, Z]:
    """Return held-out z-points (at most n) and n of each sampler, by name."""
    drawn = {HELD_OUT: space.held_out[:n]}
    for index, (name, draw) in enumerate(SAMPLERS.items()):
        drawn[name] = draw(space.reference, n, np.random.default_rng([space.seed, 3, index]))
    return drawn
