"""Closed forms: the shell of a Gaussian, and the cube whose shell has a given radius."""

from __future__ import annotations

import math

from latent_analyze.plugin import Summary


def expected_shell(summary: Summary) -> tuple[float, float]:
    """Return the radius expected from mean m and covariance C, and its standard deviation.

    The radius is sqrt(|m|^2 + tr C), the root mean square. The width is that of a Gaussian, to
    first order in 1 / dim: sd(r^2) / (2 radius) with var(r^2) = 2 tr(C^2) + 4 m'Cm. Without a
    covariance (above 4096 dimensions) C is the diagonal of variances.
    """
    mean, variance, covariance = summary.mean, summary.variance, summary.covariance
    if covariance is None:
        square, along = (variance**2).sum(), (mean**2 * variance).sum()
    else:
        square, along = (covariance**2).sum(), mean @ covariance @ mean
    radius = math.sqrt((mean**2).sum() + variance.sum())
    width = math.sqrt(2 * square + 4 * max(along, 0.0)) / (2 * radius) if radius else 0.0
    return radius, width


def matching_cube(mean_radius: float, dim: int) -> tuple[float, float]:
    """Return b for which uniform vectors in [-b, b]^dim have a mean radius, and their radius' std.

    The mean square radius of the cube is dim b^2 / 3. Expanding E sqrt(r^2) about it with the
    central moments of r^2 gives the mean radius b sqrt(dim / 3) f,
    f = 1 - 1 / (10 dim) - 13 / (280 dim^2), right to 1.5 % for dim = 1 and to 0.2 % above; the
    standard deviation is b sqrt(dim (1 - f^2) / 3), about b / sqrt(15) in any dimension.
    """
    factor = 1 - 1 / (10 * dim) - 13 / (280 * dim**2)
    b = mean_radius / (math.sqrt(dim / 3) * factor)
    return b, b * math.sqrt(dim * (1 - factor**2) / 3)
