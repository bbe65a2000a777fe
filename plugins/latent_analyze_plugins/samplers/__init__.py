"""Samplers: artificial z-points to hold a latent space against."""

from latent_analyze_plugins.samplers.codes import UniformCodes
from latent_analyze_plugins.samplers.fitted import Box, Ellipsoid, Gaussian
from latent_analyze_plugins.samplers.mixture import Mixture
from latent_analyze_plugins.samplers.rows import Interpolate, Kernel, Posterior, Shuffled
from latent_analyze_plugins.samplers.shapes import Normal, Sphere, Uniform

__all__ = [
    "Box",
    "Ellipsoid",
    "Gaussian",
    "Interpolate",
    "Kernel",
    "Mixture",
    "Normal",
    "Posterior",
    "Shuffled",
    "Sphere",
    "Uniform",
    "UniformCodes",
]
