"""Distributions fitted to a reference: a Gaussian with its moments, a box of its quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from latent_analyze.plugin import (
    Block,
    DrawnSource,
    OptionError,
    Sampler,
    SamplerOptions,
    Source,
    Summary,
)
from latent_analyze_plugins.samplers._base import required, usable_summary


class GaussianSource(DrawnSource):
    """mean + factor @ eps with standard normal eps.

    Parameters
    ----------
    mean
        Shape (dim,), float64.
    factor
        Shape (dim, rank), float64, factor @ factor.T the covariance; or shape (dim,), the
        standard deviations of independent axes.
    """

    def __init__(
        self,
        mean: NDArray[np.float64],
        factor: NDArray[np.float64],
        *,
        label: str,
        count: int,
        seed: int,
    ) -> None:
        super().__init__(label, count=count, dim=len(mean), seed=seed)
        self.mean, self.factor = mean, factor

    @property
    def state(self) -> Mapping[str, Any]:
        """Mean and factor of the covariance."""
        return {"mean": self.mean, "factor": self.factor}

    @property
    def rank(self) -> int:
        """Number of directions with any spread."""
        full = self.factor.ndim == 2
        return self.factor.shape[1] if full else int(np.count_nonzero(self.factor))

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        """Return float64 rows of a block, drawn in float32: only the mean needs more."""
        eps = rng.standard_normal((block.size, self.factor.shape[-1]), dtype=np.float32)
        factor = self.factor.astype(np.float32)
        z = eps @ factor.T if self.factor.ndim == 2 else eps * factor
        return z + self.mean


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

    def fit(self, reference: Source | None, seed: int) -> GaussianSource:
        """Return a Gaussian source; raises OptionError without a covariance to fit."""
        reference = required(reference, self.name)
        count, _ = self.size(reference)
        summary = usable_summary(reference, self.name)
        full = self.options.covariance == "full"
        factor = covariance_factor(summary) if full else summary.std
        return GaussianSource(summary.mean, factor, label=self.name, count=count, seed=seed)


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


class BoxSource(DrawnSource):
    """Uniform between `low` and `high` of every axis."""

    def __init__(
        self,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        *,
        label: str,
        count: int,
        seed: int,
    ) -> None:
        super().__init__(label, count=count, dim=len(low), seed=seed)
        self.low, self.high = low, high

    @property
    def state(self) -> Mapping[str, Any]:
        """Lower and upper bound per axis."""
        return {"low": self.low, "high": self.high}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        """Return float64 rows of a block."""
        return self.low + (self.high - self.low) * rng.random((block.size, self.dim))


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

    def fit(self, reference: Source | None, seed: int) -> BoxSource:
        """Return a source in the box of a seeded sample's quantiles."""
        reference = required(reference, self.name)
        count, _ = self.size(reference)
        usable_summary(reference, self.name)
        z = reference.sample(self.options.sample, seed).z.astype(np.float64)
        tail = (1 - self.options.coverage) / 2
        low, high = np.nanquantile(np.where(np.isfinite(z), z, np.nan), [tail, 1 - tail], axis=0)
        return BoxSource(low, high, label=self.name, count=count, seed=seed)
