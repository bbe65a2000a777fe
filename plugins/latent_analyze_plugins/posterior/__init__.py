"""The analysis `posterior`: what the variational part of a model does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveFloat

from latent_analyze.plugin import Analysis, AnalysisOptions, hookimpl
from latent_analyze_plugins.posterior.accumulator import PosteriorSums
from latent_analyze_plugins.posterior.findings import find
from latent_analyze_plugins.posterior.frame import make_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latent_analyze.plugin import Figure, Finding, Frame, ResultSet, Source


class PosteriorOptions(AnalysisOptions):
    """Options of `Posterior`."""

    model_config = ConfigDict(allow_inf_nan=False)

    threshold: float = Field(
        -3.0, description="log_var of which the share of components above is counted"
    )
    active_variance: NonNegativeFloat = Field(
        0.01, description="an axis is active if the variance of mu along it is larger"
    )
    collapsed_kl: NonNegativeFloat = Field(
        0.1, description="an inactive axis has collapsed to the prior up to this KL, nats"
    )
    tiny_ratio: PositiveFloat = Field(
        0.1, description="sigma is tiny up to this multiple of the spread of mu along the axis"
    )
    prior_gap: NonNegativeFloat = Field(
        0.1,
        description="the aggregate posterior has the prior's moments up to this divergence, nats"
        " per axis",
    )
    bin_width: PositiveFloat = Field(
        0.1, description="width of an interval of log_var; doubled until 256 intervals suffice"
    )
    seed: int = Field(0, description="seed of the draws z whose radius is compared with that of mu")


class Posterior(Analysis):
    """Does the variational part do anything: noise, KL per axis, active units, aggregate, verdict.

    A variational encoder gives a Gaussian per input, N(mu, diag sigma^2) with sigma = exp(log_var /
    2). If sigma is tiny against the spread of mu, the model is an AE in all but name; if the
    Gaussians of all inputs together look like the prior N(0, I), the prior may be sampled; an axis
    without spread whose sigma is 1 carries nothing. Everything is exact over all rows or a closed
    form, but for the radius of z, which is that of one seeded draw per row.
    """

    name = "posterior"
    title = "Posterior and prior"
    requires = frozenset({"log_var"})
    fields = frozenset({"z", "mu", "log_var"})
    Options = PosteriorOptions

    def prepare(self, reference: Source) -> Frame:
        """Return the intervals of log_var and the mean about which sums are taken."""
        return make_frame(reference, self.options)

    def accumulator(self, frame: Frame) -> PosteriorSums:
        """Return empty sums."""
        return PosteriorSums(frame, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Give the verdict and the numbers behind it; no null applies, so all are notes."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw log_var and KL per axis, and the aggregate posterior beside the prior."""
        from latent_analyze_plugins.posterior.figures import draw

        return draw(results)


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this package."""
    return [Posterior]
