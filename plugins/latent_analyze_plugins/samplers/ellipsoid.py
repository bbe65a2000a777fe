"""Vectors uniform in the ellipsoid that holds a share of a reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from latent_analyze.plugin import Block, DrawnSource, Sampler, SamplerOptions, Source
from latent_analyze_plugins.samplers._base import PositiveNumber, required
from latent_analyze_plugins.samplers._fitting import StandardizedSample, check_full
from latent_analyze_plugins.shared.shrinkage import shrunk_correlation

FLATTEST = 1e-6
"""Directions with less than this share of the largest variance are left flat."""


class EllipsoidSource(DrawnSource):
    """mean + radius * factor @ u with u uniform in the unit ball.

    Parameters
    ----------
    mean
        Shape (dim,), float64.
    factor
        Shape (dim, rank), factor @ factor.T the covariance; or (dim,), the standard deviations of
        independent axes.
    radius
        Largest Mahalanobis distance from the mean.
    """

    def __init__(
        self,
        mean: NDArray[np.float64],
        factor: NDArray[np.float64],
        radius: float,
        *,
        label: str,
        count: int,
        seed: int,
    ) -> None:
        super().__init__(label, count=count, dim=len(mean), seed=seed)
        self.mean, self.factor, self.radius = mean, factor, radius

    @property
    def state(self) -> Mapping[str, Any]:
        """Mean, factor of the covariance, and radius."""
        return {"mean": self.mean, "factor": self.factor, "radius": self.radius}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        """Return float64 rows of a block: directions as Muller (1959), lengths as u^(1/rank)."""
        full = self.factor.ndim == 2
        used = np.arange(self.factor.shape[1]) if full else np.flatnonzero(self.factor)
        ball = np.zeros((block.size, self.factor.shape[-1]))
        if len(used):
            eps = rng.standard_normal((block.size, len(used)))
            length = self.radius * rng.random(block.size) ** (1 / len(used))
            ball[:, used] = eps * (length / np.linalg.norm(eps, axis=1))[:, None]
        return self.mean + (ball @ self.factor.T if full else ball * self.factor)


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

    def fit(self, reference: Source | None, seed: int) -> EllipsoidSource:
        """Return a uniform ellipsoid; raises OptionError above 1,024 dimensions unless diag."""
        reference = required(reference, self.name)
        count, _ = self.size(reference)
        if self.options.covariance == "full":
            check_full(reference, self.name)
        size = self.options.sample
        sample = StandardizedSample.of(reference, self.name, size=size, seed=seed)
        factor, squares = self._shape(sample)
        radius = self.options.radius
        if radius == "auto":
            radius = float(np.sqrt(np.quantile(squares, self.options.quantile)))
        return EllipsoidSource(sample.mean, factor, radius, label=self.name, count=count, seed=seed)

    def _shape(self, sample: StandardizedSample) -> tuple[NDArray[np.float64], ...]:
        """Return the factor of the covariance, and squared distances of the sample."""
        if self.options.covariance == "diag" or not len(sample.varying):
            return sample.std, np.einsum("ij,ij->i", sample.rows, sample.rows)
        values, vectors = shrunk_correlation(sample.rows)
        kept = values > FLATTEST * values[-1]
        roots, vectors = np.sqrt(values[kept]), vectors[:, kept]
        white = sample.rows @ vectors / roots
        return sample.unstandardized(vectors * roots), np.einsum("ij,ij->i", white, white)
