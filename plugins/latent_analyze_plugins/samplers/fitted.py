"""Distributions fitted to a reference: a Gaussian with its moments, a box of its quantiles."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from latent_analyze.plugin import OptionError, Sampler, SamplerOptions, Source, Summary
from latent_analyze_plugins.samplers.fitting import spread_out


class GaussianOptions(SamplerOptions):
    """Options of `gaussian`."""

    covariance: Literal["full", "diag"] = Field(
        "full", description="full: the reference's covariance; diag: its variance per axis alone"
    )


class Gaussian(Sampler):
    """A normal distribution with mean and covariance of the reference.

    What a Gaussian does not reproduce is what the covariance does not say: the usual null model.
    """

    name = "gaussian"
    needs_reference = True
    matches: Literal["covariance", "variance", "nothing"] = "covariance"
    Options = GaussianOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        if self.options.covariance == "diag":
            self.matches = "variance"

    def state(self, reference: Source | None, seed: int) -> dict[str, Any]:
        """Return mean and factor of the covariance; OptionError without one to fit."""
        del seed
        summary = self.summary(reference)
        full = self.options.covariance == "full"
        return {"mean": summary.mean, "factor": covariance_factor(summary) if full else summary.std}

    def draw(
        self,
        rng: np.random.Generator,
        shape: tuple[int, int],
        *,
        mean: NDArray[np.float64],
        factor: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return float64 rows, drawn in float32: only the mean needs more."""
        eps = rng.standard_normal((shape[0], factor.shape[-1]), dtype=np.float32)
        return spread_out(eps, factor.astype(np.float32)) + mean


def covariance_factor(summary: Summary, sampler: str = "gaussian") -> NDArray[np.float64]:
    """Return F of shape (dim, rank) with F @ F.T the covariance, without its numerical noise.

    The eigenvalues are those of the correlation matrix: an axis of small spread beside large ones
    is no noise. Those below the precision of float32 data, relative to the largest, are left out.
    """
    if summary.covariance is None:
        raise OptionError(
            "a covariance of the reference",
            found=f"{summary.dim} dimensions, too many for one",
            next_step=f"write {sampler}:covariance=diag",
        )
    std = summary.std
    inverse = np.divide(1.0, std, out=np.zeros_like(std), where=std > 0)
    values, vectors = np.linalg.eigh(summary.covariance * np.outer(inverse, inverse))
    keep = values > np.finfo(np.float32).eps * max(values[-1], 0.0)
    return std[:, None] * vectors[:, keep] * np.sqrt(values[keep])


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
        self,
        rng: np.random.Generator,
        shape: tuple[int, int],
        *,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return float64 rows."""
        return low + (high - low) * rng.random(shape)
