"""Statistics to compare with: today's test, and the two prototypes of the issue.

Each takes a `Space` and returns a function of z-points whose values are higher where it takes the
image for better. None of them sees a judge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sampling.merit import Floats, rank
from sampling.space import Space, Z

NEIGHBORS = 5
NEAR = 60
"""Held-out rows whose images land nearest, which a local rank is relative to."""
VETO = 0.01
"""A part worse than all but this share of the held-out rows decides alone."""
COMPONENTS = 50
SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1))

Score = Callable[[Z], Floats]


def today(space: Space) -> Score:
    """The joint test: E finds z again, and z lies in a ball of the data's k-th neighbor."""
    whiten, balls = _whitening(space.reference), _Balls.of(space)
    errors = space.encode(space.decode(space.calibration)) - space.calibration
    inverse = np.linalg.pinv(errors.T @ errors / len(errors))

    def parts(z: Z) -> list[Floats]:
        error = space.encode(space.decode(z)) - z
        return [-np.einsum("ij,jk,ik->i", error, inverse, error), -balls.ratio(whiten(z))]

    known = parts(space.calibration)
    return lambda z: np.min([rank(a, b) for a, b in zip(parts(z), known, strict=True)], axis=0)


def global_ranks(space: Space) -> Score:
    """Mean of the ranks of image cycle, of that after a shift, and of landing; with a veto."""
    images = _Images.of(space)
    known = images.parts(space.calibration)[0]
    return lambda z: _mean(images.parts(z)[0], known)


def local_ranks(space: Space) -> Score:
    """The same, cycle and shift relative to the held-out rows whose images land nearest."""
    from sklearn.neighbors import NearestNeighbors

    images, whiten = _Images.of(space), _whitening(space.reference)
    known, landed = images.parts(space.calibration)
    near = NearestNeighbors(n_neighbors=NEAR).fit(whiten(landed))

    def parts(z: Z) -> list[Floats]:
        values, at = images.parts(z)
        rows = near.kneighbors(whiten(at), return_distance=False)
        return [
            *(_relative(v, k[rows]) for v, k in zip(values[:2], known, strict=False)),
            values[2],
        ]

    own = parts(space.calibration)
    return lambda z: _mean(parts(z), own)


def _relative(values: Floats, near: Floats) -> Floats:
    return (values - near.mean(axis=1)) / near.std(axis=1)


def _mean(parts: list[Floats], known: list[Floats]) -> Floats:
    ranks = np.array([rank(a, b) for a, b in zip(parts, known, strict=True)])
    return np.where(ranks.min(axis=0) < VETO, 0.0, ranks.mean(axis=0))


def _whitening(z: Z) -> Callable[[Z], Z]:
    values, vectors = np.linalg.eigh(np.cov(z.T))
    scale = vectors / np.sqrt(np.maximum(values, 1e-9 * values.max()))
    center = z.mean(axis=0)
    return lambda points: (points - center) @ scale


@dataclass(frozen=True)
class _Balls:
    near: Any
    radii: Floats

    @classmethod
    def of(cls, space: Space) -> _Balls:
        from sklearn.neighbors import NearestNeighbors

        white = _whitening(space.reference)(space.reference)
        near = NearestNeighbors(n_neighbors=min(200, len(white))).fit(white)
        return cls(near, near.kneighbors(white, NEIGHBORS + 1)[0][:, NEIGHBORS])

    def ratio(self, z: Z) -> Floats:
        distance, rows = self.near.kneighbors(z)
        return (distance / self.radii[rows]).min(axis=1)


@dataclass(frozen=True)
class _Images:
    space: Space
    density: Callable[[Z], Floats]

    @classmethod
    def of(cls, space: Space) -> _Images:
        from sklearn.mixture import GaussianMixture

        z = space.reference
        components = max(min(COMPONENTS, len(z) // 100), 1)
        floor = 1e-6 * float(z.var(axis=0).mean())
        fitted = GaussianMixture(components, max_iter=60, reg_covar=floor, random_state=0).fit(z)
        return cls(space, fitted.score_samples)

    def parts(self, z: Z) -> tuple[list[Floats], Z]:
        """Return minus the log cycle errors, without and with a shift, and landing; and where."""
        x = self.space.decode(z)
        axes = tuple(range(1, x.ndim))
        energy = ((x - x.mean(axis=axes, keepdims=True)) ** 2).sum(axis=axes) + 1e-9
        landed = self.space.encode(x)
        cycle = ((self.space.decode(landed) - x) ** 2).sum(axis=axes)
        shifted = np.zeros(len(x))
        for way in SHIFTS:
            moved = np.roll(x, way, (1, 2))
            back = self.space.decode(self.space.encode(moved))
            shifted += ((back - moved) ** 2).sum(axis=axes) / len(SHIFTS)
        logs = [-np.log(error / energy + 1e-12) for error in (cycle, shifted)]
        return [*logs, self.density(landed)], landed
