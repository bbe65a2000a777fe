"""The analysis `posterior`: what the variational part of a model does."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pydantic import ConfigDict, Field, NonNegativeFloat, PositiveFloat

from latent_analyze.plugin import (
    Analysis,
    AnalysisError,
    AnalysisOptions,
    Figure,
    Finding,
    Frame,
    Measure,
    ResultSet,
    Source,
)
from latent_analyze_plugins.posterior.compute import PosteriorSums
from latent_analyze_plugins.posterior.figures import draw
from latent_analyze_plugins.posterior.findings import find

UNIT, AXIS = "latent units", ("axis",)
SAMPLE_ROWS, MOST_BINS = 2000, 256
MARGIN = 1.0
"""Room beyond the sampled range of log_var; what lies farther out is counted as outside."""


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

    name, title = "posterior", "Posterior and prior"
    requires = frozenset({"log_var"})
    fields = frozenset({"z", "mu", "log_var"})
    Options = PosteriorOptions
    measures = (
        Measure("verdict", "what the variational part does"),
        Measure("axes", "latent dimensions", "axes"),
        Measure("active_units", "variance of mu above {active_variance:g}", "axes"),
        Measure("collapsed_units", "inactive, KL at most {collapsed_kl:g} nats", "axes"),
        Measure("carrying_axes", "active, or with more spread of mu than noise", "axes"),
        Measure("kl", "KL of the posteriors from the prior, all axes, mean", "nats"),
        Measure("noise_ratio", "sigma / spread of mu, median over the carrying axes"),
        Measure("quiet_share", "of the carrying axes with sigma at most {tiny_ratio:g} of the "
                "spread of mu", "share"),
        Measure("log_var_min", "smallest log_var"),
        Measure("log_var_mean", "mean log_var"),
        Measure("log_var_max", "largest log_var"),
        Measure("log_var_above", "components with log_var above {threshold:g}", "share"),
        Measure("outside", "log_var outside the intervals of the histogram", "components"),
        Measure("aggregate_center", "distance of the aggregate's mean from 0 along an axis, mean "
                "over axes (prior: 0)", UNIT),
        Measure("aggregate_variance", "variance of the aggregate posterior, mean over axes "
                "(prior: 1)"),
        Measure("noise_share", "of the aggregate's variance that is sigma^2", "share"),
        Measure("prior_gap", "KL from the prior of the Gaussian with the aggregate's moments, per "
                "axis", "nats per axis"),
        Measure("radius_mu", "mean radius of mu", UNIT),
        Measure("radius_z", "mean radius of z, one seeded draw z per row", UNIT),
        Measure("rms_radius_mu", "root mean square radius of mu", UNIT),
        Measure("rms_radius_z", "root mean square radius of z, closed form", UNIT),
        Measure("radius_difference", "mean ||z| - |mu||, one seeded draw z per row", UNIT),
        Measure("radius_difference_max", "largest ||z| - |mu||", UNIT),
        Measure("radius_relative", "mean ||z| - |mu|| / |mu|"),
        Measure("radius_relative_max", "largest ||z| - |mu|| / |mu|"),
        Measure("count", "with finite mu and log_var", "rows"),
        Measure("nonfinite", "not finite in mu or variance, left out", "rows",
                said="{value:,} rows without finite mu and variance were left out"),
        Measure("mean", "mean of mu", UNIT, AXIS),
        Measure("spread", "standard deviation of mu", UNIT, AXIS),
        Measure("sigma", "root mean square sigma", UNIT, AXIS),
        Measure("deviation", "expected |z - mu|, closed form", UNIT, AXIS),
        Measure("aggregate", "variance of the aggregate posterior", "", AXIS),
        Measure("gap", "KL of the moment-matched aggregate from the prior", "nats", AXIS),
        Measure("axis_kl", "KL of the posteriors from the prior, mean", "nats", AXIS),
        Measure("active", "whether mu varies along the axis", "", AXIS),
        Measure("collapsed", "whether the axis has collapsed to the prior", "", AXIS),
        Measure("axis_log_var_mean", "mean log_var", "", AXIS),
        Measure("axis_log_var_min", "smallest log_var", "", AXIS),
        Measure("axis_log_var_max", "largest log_var", "", AXIS),
        Measure("axis_log_var_above", "rows with log_var above threshold", "share", AXIS),
        Measure("counts", "rows per interval of log_var", "rows", ("axis", "bin")),
        Measure("edges", "edges of the intervals of log_var", "", ("edge",)),
    )  # fmt: skip

    def prepare(self, reference: Source) -> Frame:
        """Return the mean of mu, and intervals of log_var at multiples of their width."""
        sample = reference.sample(SAMPLE_ROWS, self.options.seed, frozenset({"log_var"}))
        log_var = np.empty(0) if sample.log_var is None else sample.log_var
        finite = log_var[np.isfinite(log_var)]
        if not len(finite):
            raise AnalysisError(
                f"finite log_var in {reference.label}", found="none",
                next_step="check the second output of the encoder",
            )  # fmt: skip
        low, high = float(finite.min()) - MARGIN, float(finite.max()) + MARGIN
        width = self.options.bin_width
        while (high - low) / width > MOST_BINS - 2:
            width *= 2
        first, last = int(np.floor(low / width)), int(np.ceil(high / width))
        return Frame({
            "dim": reference.dim, "shift": np.nan_to_num(reference.summary().mean),
            "bin_width": width, "first_bin": first, "bins": last - first,
        })  # fmt: skip

    def accumulator(self, frame: Frame) -> PosteriorSums:
        """Return empty sums."""
        return PosteriorSums(frame, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Give the verdict and the numbers behind it; no null applies, so all are notes."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw log_var and KL per axis, and the aggregate posterior beside the prior."""
        return draw(results)
