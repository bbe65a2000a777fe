"""Counts along every axis: where its values lie, how wide they spread, how many peaks they have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import Field, PositiveFloat

from latent_analyze.plugin import (
    Analysis,
    AnalysisOptions,
    Figure,
    Finding,
    Frame,
    ResultSet,
    Source,
    hookimpl,
)
from latent_analyze_plugins.axis_density.findings import find
from latent_analyze_plugins.axis_density.grid import make_frame
from latent_analyze_plugins.axis_density.tallies import AxisTallies


class AxisDensityOptions(AnalysisOptions):
    """Options of `axis_density`."""

    bin_width: PositiveFloat | Literal["auto"] = Field(
        "auto",
        description="width of an interval, the same for all axes, latent units (the literature "
        "uses 0.25); auto: half of Freedman and Diaconis' rule on the narrowest axes of the "
        "reference, rounded to 1, 2 or 5 times a power of ten",
    )
    outliers: PositiveFloat = Field(
        5.0,
        description="robust z-score from which the center or width of an axis stands out from "
        "those of the other axes",
    )
    max_bins: int = Field(
        1024, ge=16, description="most intervals per axis; fewer above 2048 dimensions"
    )


class AxisDensity(Analysis):
    """Counts along every axis: where its values lie, how wide they spread, how many peaks.

    Intervals are anchored at multiples of their width. They cover the reference's range on each
    axis and half of it beyond, as far as `max_bins` allows; what falls outside is counted. Axes are
    numbered from 0. Center (median) and spread (IQR / 1.349) are interpolated in the intervals;
    width at half maximum and number of modes are those of the counts after Gaussian smoothing
    with the bandwidth of Silverman (1986), equation 3.31, for the reference (for the source
    itself, where that is more than twice as wide).
    """

    name = "axis_density"
    title = "Density along the axes"
    Options = AxisDensityOptions

    def prepare(self, reference: Source) -> Frame:
        """Return intervals and smoothing bandwidth per axis."""
        return make_frame(reference, self.options)

    def accumulator(self, frame: Frame) -> AxisTallies:
        """Return empty tallies."""
        return AxisTallies(frame)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say which axes stand out, and what the null model does not explain."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw all axes in one figure and those that stand out in another."""
        from latent_analyze_plugins.axis_density.figures import draw_all, draw_outstanding

        if not results.data["counts"].any():
            return []
        return [draw_all(results), *draw_outstanding(results)]


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this package."""
    return [AxisDensity]
