"""Samplers: artificial z-points to hold a latent space against."""

from __future__ import annotations

from collections.abc import Sequence

from latent_analyze.plugin import Sampler, hookimpl
from latent_analyze_plugins.samplers.ellipsoid import Ellipsoid
from latent_analyze_plugins.samplers.fitted import Box, Gaussian
from latent_analyze_plugins.samplers.interpolate import Interpolate
from latent_analyze_plugins.samplers.kernel import Kernel
from latent_analyze_plugins.samplers.mixture import Mixture
from latent_analyze_plugins.samplers.rearranged import Posterior, Shuffled
from latent_analyze_plugins.samplers.shapes import Normal, Sphere, Uniform


@hookimpl
def register_samplers() -> Sequence[type[Sampler]]:
    """Return all samplers of this package."""
    fitted = [Gaussian, Mixture, Kernel, Ellipsoid, Box]
    return [Uniform, Normal, Sphere, *fitted, Shuffled, Interpolate, Posterior]
