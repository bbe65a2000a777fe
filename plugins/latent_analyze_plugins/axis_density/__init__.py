"""Counts along every axis: where its values lie, how wide they spread, how many peaks they have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, PositiveFloat

from latent_analyze.plugin import (
    Analysis,
    AnalysisOptions,
    Figure,
    Finding,
    Frame,
    Measure,
    ResultSet,
    Source,
)  # fmt: skip
from latent_analyze_plugins.axis_density.compute import AxisCounts
from latent_analyze_plugins.axis_density.findings import find
from latent_analyze_plugins.axis_density.frame import make_frame

UNIT = "latent units"
FWHM = 2.3548
"""Full width at half maximum of a Gaussian of standard deviation 1: sqrt(8 ln 2)."""
AXIS: dict[str, Any] = {"dims": ("axis",)}


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

    name, title = "axis_density", "Density along the axes"
    Options = AxisDensityOptions
    measures = (
        Measure("axes", "latent dimensions", "axes"),
        Measure("outstanding", "center or width has a robust z-score beyond ±{outliers:g} among "
                "the axes", "axes"),
        Measure("multimodal", "number of axes with more than one mode", "axes",
                calibrated=True, direction="high",
                minimum_effect=lambda found: max(0.5, 0.02 * found["axes"]),
                higher="more axes have several peaks"),
        Measure("median_fwhm", "median over the axes of the full width at half maximum", UNIT,
                calibrated=True,
                minimum_effect=lambda found: 0.05 * FWHM * found.frame["typical_spread"],
                higher="the axes are flatter", lower="the axes are more peaked"),
        Measure("median_spread", "median over the axes of the robust spread", UNIT),
        Measure("center_distance", "distance from the origin of the point of all centers", UNIT),
        Measure("largest_center", "largest distance of a center from 0", UNIT),
        Measure("count", "finite z-points", "z-points"),
        Measure("bin_width", "width of an interval", UNIT),
        Measure("outside_share", "of all values, outside the intervals", "share"),
        Measure("constant", "with one value only", "axes"),
        Measure("nonfinite", "with NaN or infinity, left out", "z-points",
                said="{value:,} z-points hold NaN or infinity and were left out"),
        Measure("mean", "mean", UNIT, **AXIS),
        Measure("std", "standard deviation", UNIT, **AXIS),
        Measure("min", "smallest value", UNIT, **AXIS),
        Measure("max", "largest value", UNIT, **AXIS),
        Measure("center", "median, interpolated in an interval", UNIT, **AXIS),
        Measure("spread", "robust standard deviation: interquartile range / 1.349", UNIT, **AXIS),
        Measure("fwhm", "full width at half maximum of the smoothed counts", UNIT, **AXIS),
        Measure("modes", "number of peaks of the smoothed counts", **AXIS),
        Measure("low_edge", "lower edge of the first interval", UNIT, **AXIS),
        Measure("bandwidth", "standard deviation of the Gaussian that smooths the counts", UNIT,
                **AXIS),
        Measure("center_z", "robust z-score of the center among the axes", **AXIS),
        Measure("width_z", "robust z-score of the full width at half maximum among the axes",
                **AXIS),
        Measure("stands_out", "whether center or width stands out", **AXIS),
        Measure("counts", "z-points per interval", "z-points", dims=("axis", "bin")),
        Measure("outside", "z-points below and above the intervals", "z-points",
                dims=("axis", "side")),
    )  # fmt: skip

    def prepare(self, reference: Source) -> Frame:
        """Return intervals and smoothing bandwidth per axis."""
        return make_frame(reference, self.options)

    def accumulator(self, frame: Frame) -> AxisCounts:
        """Return empty counts."""
        return AxisCounts(frame)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say where the axes lie, which stand out, and what is not known of some."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw all axes in one figure and those that stand out in another."""
        from latent_analyze_plugins.axis_density.figures import draw_all, draw_outstanding

        if not results.data["counts"].any():
            return []
        return [draw_all(results), *draw_outstanding(results)]
