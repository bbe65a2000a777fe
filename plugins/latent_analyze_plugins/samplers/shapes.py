"""Distributions of a given shape around the origin: cube, normal cloud, sphere."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from latent_analyze.plugin import Block, DrawnSource, OptionError, Sampler, SamplerOptions, Source
from latent_analyze_plugins.samplers._base import PositiveNumber, required, usable_summary


class UniformSource(DrawnSource):
    """Uniform in the cube [-half_width, half_width]^dim."""

    def __init__(self, half_width: float, *, label: str, count: int, dim: int, seed: int) -> None:
        super().__init__(label, count=count, dim=dim, seed=seed)
        self.half_width = half_width

    @property
    def state(self) -> Mapping[str, Any]:
        """Half the edge of the cube."""
        return {"half_width": self.half_width}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float32]:
        """Return float32 rows of a block."""
        z = rng.random((block.size, self.dim), dtype=np.float32)
        z -= np.float32(0.5)
        z *= np.float32(2 * self.half_width)
        return z


class UniformOptions(SamplerOptions):
    """Options of `uniform`."""

    b: PositiveNumber = Field(1.0, description="half the edge of the cube, in `unit`")
    unit: Literal["latent", "spread"] = Field(
        "latent",
        description="latent: b in latent units; spread: b in multiples of the reference's spread, "
        "the root mean square of its axes' standard deviations",
    )


class Uniform(Sampler):
    """Vectors whose components are uniform in [-b, b], independent of each other.

    Their mean squared radius is dim b^2 / 3: in many dimensions they fill no cube but lie in a
    thin shell.
    """

    name = "uniform"
    Options = UniformOptions

    def fit(self, reference: Source | None, seed: int) -> UniformSource:
        """Return a uniform source; raises OptionError if unit=spread has no spread to take."""
        count, dim = self.size(reference)
        half_width = self.options.b
        if self.options.unit == "spread":
            half_width *= _spread(required(reference, "uniform:unit=spread"))
        return UniformSource(half_width, label=self.name, count=count, dim=dim, seed=seed)


class NormalSource(DrawnSource):
    """Independent normal components of mean zero."""

    def __init__(self, sigma: float, *, label: str, count: int, dim: int, seed: int) -> None:
        super().__init__(label, count=count, dim=dim, seed=seed)
        self.sigma = sigma

    @property
    def state(self) -> Mapping[str, Any]:
        """Standard deviation per axis."""
        return {"sigma": self.sigma}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float32]:
        """Return float32 rows of a block."""
        z = rng.standard_normal((block.size, self.dim), dtype=np.float32)
        z *= np.float32(self.sigma)
        return z


class NormalOptions(SamplerOptions):
    """Options of `normal`."""

    sigma: PositiveNumber = Field(1.0, description="standard deviation per axis, latent units")


class Normal(Sampler):
    """Vectors whose components are normal with mean 0 and standard deviation sigma.

    With sigma = 1 the prior of a variational autoencoder (Kingma & Welling 2014).
    """

    name = "normal"
    Options = NormalOptions

    def fit(self, reference: Source | None, seed: int) -> NormalSource:
        """Return a normal source."""
        count, dim = self.size(reference)
        return NormalSource(self.options.sigma, label=self.name, count=count, dim=dim, seed=seed)


class SphereSource(DrawnSource):
    """Uniform on the surface of a sphere.

    The method, normal vectors scaled to one length, is that of Muller (1959).
    """

    def __init__(
        self, radius: float, center: NDArray[np.float64], *, label: str, count: int, seed: int
    ) -> None:
        super().__init__(label, count=count, dim=len(center), seed=seed)
        self.radius, self.center = radius, center

    @property
    def state(self) -> Mapping[str, Any]:
        """Radius and center."""
        return {"radius": self.radius, "center": self.center}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        """Return float64 rows of a block: float32 would blur the radius of a large sphere."""
        z = rng.standard_normal((block.size, self.dim))
        z *= self.radius / np.linalg.norm(z, axis=1, keepdims=True)
        z += self.center
        return z


class SphereOptions(SamplerOptions):
    """Options of `sphere`."""

    radius: PositiveNumber | Literal["auto"] = Field(
        "auto",
        description="radius in latent units; auto: the reference's root mean square distance from "
        "the center, or sqrt(dim), that of a standard normal cloud, without a reference",
    )
    center: Literal["origin", "mean"] = Field(
        "origin", description="origin, or the mean of the reference"
    )


class Sphere(Sampler):
    """Vectors uniform on the surface of a sphere.

    Around the origin the automatic radius is sqrt(|mean|^2 + trace of the covariance) of the
    reference; around its mean, sqrt(trace).
    """

    name = "sphere"
    Options = SphereOptions

    def fit(self, reference: Source | None, seed: int) -> SphereSource:
        """Return a source on the sphere; raises OptionError if the radius cannot be found."""
        count, dim = self.size(reference)
        center = np.zeros(dim)
        if self.options.center == "mean":
            center = usable_summary(required(reference, "sphere:center=mean"), self.name).mean
        radius = self.options.radius
        if radius == "auto":
            radius = math.sqrt(dim) if reference is None else _rms_distance(reference, center)
        return SphereSource(radius, center, label=self.name, count=count, seed=seed)


def _spread(reference: Source) -> float:
    spread = usable_summary(reference, "uniform").spread
    if spread == 0:
        raise OptionError(
            f"z-points in {reference.label} that differ, for unit=spread",
            found="all alike",
            next_step="give b in latent units: leave unit out",
        )
    return spread


def _rms_distance(reference: Source, center: NDArray[np.float64]) -> float:
    summary = usable_summary(reference, "sphere")
    square = ((summary.mean - center) ** 2).sum() + summary.variance.sum()
    if square == 0:
        raise OptionError(
            f"z-points in {reference.label} away from the center of the sphere",
            found="none",
            next_step="give the radius: sphere:radius=1",
        )
    return math.sqrt(square)
