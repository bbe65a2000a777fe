"""A mixture of normal distributions fitted to a reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from latent_analyze.plugin import Block, DrawnSource, OptionError, Sampler, SamplerOptions, Source
from latent_analyze_plugins.samplers._base import required
from latent_analyze_plugins.samplers._fitting import StandardizedSample, check_full

MOST_COMPONENTS = 10
ROWS_PER_COMPONENT = 20
"""At least so many z-points, and two per dimension, stand behind an automatic component."""

REGULARIZATION = 1e-6
"""Added to the variances of every component, in units of the reference's variance per axis."""

EPOCHS = 200
"""Most passes of the expectation-maximization algorithm."""


class MixtureSource(DrawnSource):
    """Draws from component c with probability `weights[c]`: means[c] + factors[c] @ eps.

    Parameters
    ----------
    weights
        Shape (components,), float64, summing to one.
    means
        Shape (components, dim), float64, latent units.
    factors
        Shape (components, dim, rank), factor @ factor.T the covariance; or (components, dim), the
        standard deviations of independent axes.
    """

    def __init__(
        self,
        weights: NDArray[np.float64],
        means: NDArray[np.float64],
        factors: NDArray[np.float64],
        *,
        label: str,
        count: int,
        seed: int,
    ) -> None:
        super().__init__(label, count=count, dim=means.shape[1], seed=seed)
        self.weights, self.means, self.factors = weights, means, factors

    @property
    def state(self) -> Mapping[str, Any]:
        """Weights, means and factors of the covariances."""
        return {"weights": self.weights, "means": self.means, "factors": self.factors}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        """Return float64 rows of a block."""
        component = rng.choice(len(self.weights), block.size, p=self.weights)
        eps = rng.standard_normal((block.size, self.factors.shape[-1]))
        z = self.means[component]
        for c, factor in enumerate(self.factors):
            mine = component == c
            z[mine] += eps[mine] @ factor.T if factor.ndim == 2 else eps[mine] * factor
        return z


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


class Mixture(Sampler):
    """A mixture of normal distributions, fitted to a sample of the reference.

    Fitted by expectation-maximization (Dempster, Laird & Rubin 1977) from a k-means++ start on
    standardized axes, with a small multiple of the reference's variance added to every component.
    """

    name = "gmm"
    needs_reference = True
    matches: Literal["covariance", "variance", "nothing"] = "covariance"
    Options = MixtureOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        if self.options.covariance == "diag":
            self.matches = "variance"

    def fit(self, reference: Source | None, seed: int) -> MixtureSource:
        """Return a mixture; raises OptionError if there are fewer rows than components."""
        reference = required(reference, self.name)
        count, _ = self.size(reference)
        if self.options.covariance == "full":
            check_full(reference, self.name)
        size = self.options.sample
        sample = StandardizedSample.of(reference, self.name, size=size, seed=seed)
        weights, means, factors = self._fit(sample, seed)
        return MixtureSource(weights, means, factors, label=self.name, count=count, seed=seed)

    def _fit(self, sample: StandardizedSample, seed: int) -> tuple[NDArray[np.float64], ...]:
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


def _expectation_maximization(
    rows: NDArray[np.float64], components: int, covariance: str, seed: int
) -> Any:
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
