"""A mixture of normal distributions fitted to a reference."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field, PositiveInt

from latent_analyze.plugin import OptionError, SamplerOptions, Source
from latent_analyze_plugins.samplers.fitting import (
    CovarianceSampler,
    Floats,
    StandardizedSample,
    spread_out,
)
from latent_analyze_plugins.shared.mixtures import fit_best_mixture, fit_mixture

TOLERANCE, EPOCHS = 1e-3, 200
"""Gain per row at which a mixture of a given size stops, and most passes."""


class MixtureOptions(SamplerOptions):
    """Options of `gmm`."""

    components: PositiveInt | Literal["auto"] = Field(
        "auto",
        description="normal distributions in the mixture; auto: 1, 2, 5, 10, 20, 50 or 100, as many"
        " as have the highest likelihood on a fifth of the z-points, held out",
    )
    covariance: Literal["full", "diag"] = Field(
        "full", description="full: a covariance per component; diag: its variance per axis alone"
    )
    sample: PositiveInt = Field(
        10_000, description="z-points of the reference that the mixture is fitted to"
    )


class Mixture(CovarianceSampler):
    """A mixture of normal distributions, fitted to a sample of the reference.

    Fitted by expectation-maximization (Dempster, Laird & Rubin 1977) from a k-means++ start on
    standardized axes, with a small multiple of the reference's variance added to every component.
    """

    name = "gmm"
    Options = MixtureOptions

    def state(self, reference: Source | None, seed: int) -> dict[str, Any]:
        """Return weights (components,), means (components, dim), and a factor per component.

        Raises OptionError if there are fewer rows than components.
        """
        sample = StandardizedSample.of(self, reference, seed)
        weights, means, factors = self._fit(sample, seed)
        return {"weights": weights, "means": means, "factors": factors}

    def draw(
        self,
        rng: np.random.Generator,
        shape: tuple[int, int],
        *,
        weights: Floats,
        means: Floats,
        factors: Floats,
    ) -> Floats:
        """Return float64 rows: component c with probability weights[c], then its normal draw."""
        component = rng.choice(len(weights), shape[0], p=weights)
        eps = rng.standard_normal((shape[0], factors.shape[-1]))
        z = means[component]
        for c, factor in enumerate(factors):
            mine = component == c
            z[mine] += spread_out(eps[mine], factor)
        return z

    def _fit(self, sample: StandardizedSample, seed: int) -> tuple[Floats, ...]:
        rows = sample.rows
        if rows.shape[1] == 0:
            return np.ones(1), sample.mean[None], np.zeros((1, len(sample.mean)))
        fitted = self._mixture(rows, seed)
        means = sample.mean + sample.unstandardized(fitted.means_[..., None])[..., 0]
        if self.options.covariance == "diag":
            stds = np.sqrt(fitted.covariances_)
            return fitted.weights_, means, sample.unstandardized(stds[..., None])[..., 0]
        roots = np.linalg.cholesky(fitted.covariances_)
        return fitted.weights_, means, sample.unstandardized(roots)

    def _mixture(self, rows: Floats, seed: int) -> Any:
        """Return scikit-learn's mixture of standardized rows."""
        wanted, covariance = self.options.components, self.options.covariance
        if wanted == "auto":
            return fit_best_mixture(rows, seed, covariance=covariance)
        if wanted > len(rows):
            raise OptionError(
                f"at least as many z-points as components={wanted} of gmm", found=str(len(rows)),
                next_step="ask for fewer components",
            )  # fmt: skip
        return fit_mixture(
            rows, seed, components=wanted, covariance=covariance, tolerance=TOLERANCE, epochs=EPOCHS
        )
