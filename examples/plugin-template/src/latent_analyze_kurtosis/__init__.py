"""A plugin of latent-analyze: the analysis `kurtosis` and the sampler `laplace`."""

from __future__ import annotations

from collections.abc import Sequence

from latent_analyze.plugin import Analysis, Sampler, hookimpl
from latent_analyze_kurtosis.analysis import Kurtosis
from latent_analyze_kurtosis.sampler import Laplace


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Register the analysis."""
    return [Kurtosis]


@hookimpl
def register_samplers() -> Sequence[type[Sampler]]:
    """Register the sampler."""
    return [Laplace]
