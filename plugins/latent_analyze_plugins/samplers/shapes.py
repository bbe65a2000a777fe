"""Distributions of a given shape around the origin: cube, normal cloud, sphere."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from latent_analyze.plugin import OptionError, Sampler, SamplerOptions, Source
from latent_analyze_plugins.samplers.fitting import Floats, PositiveNumber


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

    def state(self, reference: Source | None, seed: int) -> dict[str, Any]:
        """Return half the edge of the cube; OptionError if unit=spread has no spread to take."""
        del seed
        spread = self._spread(reference) if self.options.unit == "spread" else 1.0
        return {"half_width": self.options.b * spread}

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, int], *, half_width: float
    ) -> NDArray[np.float32]:
        """Return float32 rows."""
        z = rng.random(shape, dtype=np.float32)
        z -= np.float32(0.5)
        z *= np.float32(2 * half_width)
        return z

    def _spread(self, reference: Source | None) -> float:
        spread = self.summary(reference, "uniform:unit=spread").spread
        if spread == 0:
            raise OptionError(
                "z-points that differ, for unit=spread", found="all alike",
                next_step="give b in latent units: leave unit out",
            )  # fmt: skip
        return spread


class NormalOptions(SamplerOptions):
    """Options of `normal`."""

    sigma: PositiveNumber = Field(1.0, description="standard deviation per axis, latent units")


class Normal(Sampler):
    """Vectors whose components are normal with mean 0 and standard deviation sigma.

    With sigma = 1 the prior of a variational autoencoder (Kingma & Welling 2014).
    """

    name = "normal"
    Options = NormalOptions

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return float32 rows."""
        z = rng.standard_normal(shape, dtype=np.float32)
        z *= np.float32(self.options.sigma)
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

    def state(self, reference: Source | None, seed: int) -> dict[str, Any]:
        """Return radius and center; OptionError if the radius cannot be found."""
        del seed
        _, dim = self.size(reference)
        center = np.zeros(dim)
        if self.options.center == "mean":
            center = self.summary(reference, "sphere:center=mean").mean
        radius = self.options.radius
        if radius == "auto":
            radius = math.sqrt(dim) if reference is None else self._distance(reference, center)
        return {"radius": radius, "center": center}

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, int], *, radius: float, center: Floats
    ) -> Floats:
        """Return normal vectors scaled to one length (Muller 1959).

        In float64: float32 would blur the radius of a large sphere.
        """
        z = rng.standard_normal(shape)
        z *= radius / np.linalg.norm(z, axis=1, keepdims=True)
        z += center
        return z

    def _distance(self, reference: Source, center: Floats) -> float:
        """Return the root mean square distance of the reference from the center."""
        summary = self.summary(reference)
        square = ((summary.mean - center) ** 2).sum() + summary.variance.sum()
        if square == 0:
            raise OptionError(
                f"z-points in {reference.label} away from the center of the sphere", found="none",
                next_step="give the radius: sphere:radius=1",
            )  # fmt: skip
        return math.sqrt(square)
