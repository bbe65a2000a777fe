"""Vectors uniform in the ellipsoid that holds a share of a reference."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from latent_analyze.plugin import Sampler, SamplerOptions, Source
from latent_analyze.statistics import shrunk_correlation
from latent_analyze_plugins.samplers.fitting import PositiveNumber, StandardizedSample, spread_out

FLATTEST = 1e-6
"""Directions with less than this share of the largest variance are left flat."""


class EllipsoidOptions(SamplerOptions):
    """Options of `ellipsoid`."""

    radius: PositiveNumber | Literal["auto"] = Field(
        "auto",
        description="largest Mahalanobis distance from the mean; auto: that of `quantile`",
    )
    quantile: float = Field(
        0.95, gt=0, le=1, description="share of the reference inside, where the radius is auto"
    )
    covariance: Literal["full", "diag"] = Field(
        "full", description="full: the reference's covariance; diag: its variance per axis alone"
    )
    sample: PositiveInt = Field(
        10_000, description="z-points of the reference that shape and radius are taken from"
    )


class Ellipsoid(Sampler):
    """Vectors uniform within a Mahalanobis radius of the reference.

    The correlations are shrunk as Ledoit & Wolf (2004) do. In many dimensions nearly all of an
    ellipsoid's volume is near its surface.
    """

    name = "ellipsoid"
    needs_reference = True
    Options = EllipsoidOptions

    def state(self, reference: Source | None, seed: int) -> dict[str, Any]:
        """Return mean, factor of the covariance and radius; OptionError above 1,024 dimensions."""
        sample = StandardizedSample.of(self, reference, seed)
        factor, squares = self._shape(sample)
        radius = self.options.radius
        if radius == "auto":
            radius = float(np.sqrt(np.quantile(squares, self.options.quantile)))
        return {"mean": sample.mean, "factor": factor, "radius": radius}

    def draw(
        self,
        rng: np.random.Generator,
        shape: tuple[int, int],
        *,
        mean: NDArray[np.float64],
        factor: NDArray[np.float64],
        radius: float,
    ) -> NDArray[np.float64]:
        """Return float64 rows: directions as Muller (1959), lengths as u^(1/rank)."""
        rank = factor.shape[-1]
        used = np.arange(rank) if factor.ndim == 2 else np.flatnonzero(factor)
        ball = np.zeros((shape[0], rank))
        if len(used):
            eps = rng.standard_normal((shape[0], len(used)))
            length = radius * rng.random(shape[0]) ** (1 / len(used))
            ball[:, used] = eps * (length / np.linalg.norm(eps, axis=1))[:, None]
        return mean + spread_out(ball, factor)

    def _shape(self, sample: StandardizedSample) -> tuple[NDArray[np.float64], ...]:
        """Return the factor of the covariance, and squared distances of the sample."""
        if self.options.covariance == "diag" or not len(sample.varying):
            return sample.std, np.einsum("ij,ij->i", sample.rows, sample.rows)
        values, vectors = shrunk_correlation(sample.rows)
        kept = values > FLATTEST * values[-1]
        roots, vectors = np.sqrt(values[kept]), vectors[:, kept]
        white = sample.rows @ vectors / roots
        return sample.unstandardized(vectors * roots), np.einsum("ij,ij->i", white, white)
