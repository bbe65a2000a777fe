"""Statistics that analyses share: components, neighbors, ranks, bins, tests of two samples."""

from latent_analyze.statistics.bins import automatic_width, freedman_diaconis, nice_width, rounded
from latent_analyze.statistics.departures import Departures, Direction, MomentDifference, departures
from latent_analyze.statistics.intervals import combined, wilson
from latent_analyze.statistics.neighbors import nearest, nearest_others
from latent_analyze.statistics.normality import against_gaussian
from latent_analyze.statistics.principal import (
    PRECISION,
    Moments,
    participation_ratio,
    rank,
    second_moments,
    separated_components,
)
from latent_analyze.statistics.ranks import binned_quantiles, rank_correlation
from latent_analyze.statistics.rows import distinct_rows
from latent_analyze.statistics.shrinkage import MAX_FULL_DIM, shrink, shrunk_correlation
from latent_analyze.statistics.two_sample import TwoSample, two_sample

__all__ = [
    "MAX_FULL_DIM", "PRECISION", "Departures", "Direction", "MomentDifference", "Moments",
    "TwoSample", "against_gaussian", "automatic_width", "binned_quantiles", "combined",
    "departures", "distinct_rows", "freedman_diaconis", "nearest", "nearest_others",
    "nice_width", "participation_ratio", "rank", "rank_correlation", "rounded",
    "second_moments", "separated_components", "shrink", "shrunk_correlation", "two_sample",
    "wilson",
]  # fmt: skip
