"""What holds along each axis, in closed form, and the verdict over all axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze_plugins.posterior.accumulator import PosteriorSums

AE_SHARE = 0.9
"""Sigma must be tiny on so many of the carrying axes for a model to behave as an AE."""

AS_AE, USES_PRIOR, BETWEEN, COLLAPSED = (
    "behaves as an AE",
    "uses its prior",
    "in between",
    "collapsed",
)


@dataclass(frozen=True)
class Axes:
    """Moments per axis, each of shape (dim,).

    Attributes
    ----------
    mean, spread2
        Mean and variance of mu.
    noise2
        Mean of sigma^2.
    log_var
        Mean of log_var.
    """

    mean: NDArray[np.float64]
    spread2: NDArray[np.float64]
    noise2: NDArray[np.float64]
    log_var: NDArray[np.float64]
    options: Any

    @classmethod
    def of(cls, seen: PosteriorSums) -> Axes:
        """Return the moments of all rows of some sums."""
        means = {name: total / seen.count for name, total in seen.sums.items()}
        return cls(
            mean=seen.frame["shift"] + means["mu"],
            spread2=np.maximum(means["mu_squares"] - means["mu"] ** 2, 0.0),
            noise2=means["variance"],
            log_var=means["log_var"],
            options=seen.options,
        )

    @property
    def kl(self) -> NDArray[np.float64]:
        """Mean KL divergence of the posteriors from N(0, 1), nats (Kingma & Welling 2014, B)."""
        return 0.5 * (self.mean**2 + self.spread2 + self.noise2 - 1.0 - self.log_var)

    @property
    def aggregate(self) -> NDArray[np.float64]:
        """Variance of the aggregate posterior: that of mu and the mean of sigma^2."""
        return self.spread2 + self.noise2

    @property
    def gap(self) -> NDArray[np.float64]:
        """KL divergence from N(0, 1) of the Gaussian with the aggregate's moments, nats.

        Infinite where the aggregate has no variance in float64.
        """
        with np.errstate(divide="ignore"):
            log = np.log(self.aggregate)
        return 0.5 * (self.mean**2 + self.aggregate - 1.0 - log)

    @property
    def active(self) -> NDArray[np.bool_]:
        """Axes along which mu varies (Burda, Grosse & Salakhutdinov 2016)."""
        return self.spread2 > self.options.active_variance

    @property
    def collapsed(self) -> NDArray[np.bool_]:
        """Inactive axes whose posteriors are the prior but for a small divergence."""
        return ~self.active & (self.kl <= self.options.collapsed_kl)

    @property
    def carrying(self) -> NDArray[np.bool_]:
        """Axes that tell inputs apart: active, or with more spread than noise."""
        return self.active | (self.spread2 > self.noise2)

    @property
    def noise_ratio(self) -> NDArray[np.float64]:
        """Root mean square sigma over the standard deviation of mu, for the carrying axes."""
        return np.sqrt(self.noise2[self.carrying] / self.spread2[self.carrying])

    @property
    def quiet_share(self) -> float:
        """Share of the carrying axes on which sigma is tiny against the spread of mu."""
        return float((self.noise_ratio <= self.options.tiny_ratio).mean())

    @property
    def verdict(self) -> str:
        """What the variational part does, in a few words."""
        if not self.carrying.any():
            return COLLAPSED
        if self.quiet_share >= AE_SHARE:
            return AS_AE
        return USES_PRIOR if self.gap.mean() <= self.options.prior_gap else BETWEEN
