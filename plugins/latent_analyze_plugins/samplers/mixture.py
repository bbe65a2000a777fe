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

MOST_COMPONENTS = 10
ROWS_PER_COMPONENT = 20
"""At least so many z-points, and two per dimension, stand behind an automatic component."""

REGULARIZATION = 1e-6
"""Added to the variances of every component, in units of the reference's variance per axis."""

EPOCHS = 200
"""Most passes of the expectation-maximization algorithm."""


class MixtureOptions(SamplerOptions):
    """Options of `gmm`."""

    components: PositiveInt | Literal["auto"] = Field(
        "auto",
        description=f"normal distributions in the mixture; auto: {MOST_COMPONENTS}, and fewer where"
        f" a component would have less than {ROWS_PER_COMPONENT} z-points or two per dimension",
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
        fitted = _expectation_maximization(
            rows, self._components(rows.shape), self.options.covariance, seed
        )
        means = sample.mean + sample.unstandardized(fitted.means_[..., None])[..., 0]
        if self.options.covariance == "diag":
            stds = np.sqrt(fitted.covariances_)
            return fitted.weights_, means, sample.unstandardized(stds[..., None])[..., 0]
        roots = np.linalg.cholesky(fitted.covariances_)
        return fitted.weights_, means, sample.unstandardized(roots)

    def _components(self, shape: tuple[int, ...]) -> int:
        rows, dim = shape
        wanted = self.options.components
        if wanted == "auto":
            return min(max(rows // max(ROWS_PER_COMPONENT, 2 * dim), 1), MOST_COMPONENTS)
        if wanted > rows:
            raise OptionError(
                f"at least as many z-points as components={wanted} of gmm", found=str(rows),
                next_step="ask for fewer components",
            )  # fmt: skip
        return wanted


def _expectation_maximization(rows: Floats, components: int, covariance: str, seed: int) -> Any:
    """Return scikit-learn's fitted mixture."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    # The other start, whole k-means, sums over threads in an order that differs between runs.
    mixture = GaussianMixture(
        components, covariance_type=covariance, reg_covar=REGULARIZATION, max_iter=EPOCHS,
        init_params="k-means++", random_state=seed % 2**32,
    )  # fmt: skip
    with warnings.catch_warnings():
        # A mixture that could still gain a little likelihood is as good to draw from.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(rows)
