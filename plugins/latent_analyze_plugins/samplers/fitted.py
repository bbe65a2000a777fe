"""Distributions fitted to a reference: a Gaussian, a box of its quantiles, an ellipsoid."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field, PositiveInt

from latent_analyze.plugin import Sampler, SamplerOptions, Source
from latent_analyze.statistics import shrunk_correlation
from latent_analyze_plugins.samplers.fitting import (
    CovarianceSampler,
    Floats,
    PositiveNumber,
    StandardizedSample,
    covariance_factor,
    spread_out,
)

FLATTEST = 1e-6
"""Directions of an ellipsoid with less than this share of the largest variance are left flat."""


class GaussianOptions(SamplerOptions):
    """Options of `gaussian`."""

    covariance: Literal["full", "diag"] = Field(
        "full", description="full: the reference's covariance; diag: its variance per axis alone"
    )


class Gaussian(CovarianceSampler):
    """A normal distribution with mean and covariance of the reference.

    What a Gaussian does not reproduce is what the covariance does not say: the usual null model.
    """

    name = "gaussian"
    Options = GaussianOptions

    def state(self, reference: Source | None, seed: int) -> dict[str, Any]:
        """Return mean and factor of the covariance; OptionError without one to fit."""
        del seed
        summary = self.summary(reference)
        full = self.options.covariance == "full"
        return {"mean": summary.mean, "factor": covariance_factor(summary) if full else summary.std}

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, int], *, mean: Floats, factor: Floats
    ) -> Floats:
        """Return float64 rows, drawn in float32: only the mean needs more."""
        eps = rng.standard_normal((shape[0], factor.shape[-1]), dtype=np.float32)
        return spread_out(eps, factor.astype(np.float32)) + mean


class BoxOptions(SamplerOptions):
    """Options of `box`."""

    coverage: float = Field(
        0.99, gt=0, le=1, description="central share of the reference's values per axis"
    )
    sample: PositiveInt = Field(
        10_000, description="z-points of the reference that the quantiles are taken from"
    )


class Box(Sampler):
    """Vectors uniform in the box of the reference's per-axis quantiles, axes independent."""

    name = "box"
    needs_reference = True
    Options = BoxOptions

    def state(self, reference: Source | None, seed: int) -> dict[str, Any]:
        """Return lower and upper bound per axis: quantiles of a seeded sample."""
        self.summary(reference)
        z = self.required(reference).sample(self.options.sample, seed).z.astype(np.float64)
        tail = (1 - self.options.coverage) / 2
        low, high = np.nanquantile(np.where(np.isfinite(z), z, np.nan), [tail, 1 - tail], axis=0)
        return {"low": low, "high": high}

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, int], *, low: Floats, high: Floats
    ) -> Floats:
        """Return float64 rows."""
        return low + (high - low) * rng.random(shape)


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
        mean: Floats,
        factor: Floats,
        radius: float,
    ) -> Floats:
        """Return float64 rows: directions as Muller (1959), lengths as u^(1/rank)."""
        rank = factor.shape[-1]
        used = np.arange(rank) if factor.ndim == 2 else np.flatnonzero(factor)
        ball = np.zeros((shape[0], rank))
        if len(used):
            eps = rng.standard_normal((shape[0], len(used)))
            length = radius * rng.random(shape[0]) ** (1 / len(used))
            ball[:, used] = eps * (length / np.linalg.norm(eps, axis=1))[:, None]
        return mean + spread_out(ball, factor)

    def _shape(self, sample: StandardizedSample) -> tuple[Floats, ...]:
        """Return the factor of the covariance, and squared distances of the sample."""
        if self.options.covariance == "diag" or not len(sample.varying):
            return sample.std, np.einsum("ij,ij->i", sample.rows, sample.rows)
        values, vectors = shrunk_correlation(sample.rows)
        kept = values > FLATTEST * values[-1]
        roots, vectors = np.sqrt(values[kept]), vectors[:, kept]
        white = sample.rows @ vectors / roots
        return sample.unstandardized(vectors * roots), np.einsum("ij,ij->i", white, white)
