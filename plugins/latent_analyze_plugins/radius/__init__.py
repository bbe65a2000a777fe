"""Counts per radius interval: how far the z-points lie from the origin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from pydantic import Field, PositiveFloat

from latent_analyze.plugin import (
    Analysis,
    AnalysisError,
    AnalysisOptions,
    Figure,
    Finding,
    Frame,
    ResultSet,
    Source,
    Summary,
    hookimpl,
)
from latent_analyze_plugins.radius.counts import MAX_BINS, RadiusCounts
from latent_analyze_plugins.radius.findings import find
from latent_analyze_plugins.radius.shells import expected_shell
from latent_analyze_plugins.shared.histograms import freedman_diaconis, nice_width

SAMPLE = 10_000


class RadiusOptions(AnalysisOptions):
    """Options of `radius`."""

    bin_width: PositiveFloat | Literal["auto"] = Field(
        "auto",
        description="width of a radius interval, latent units (the literature uses 0.5 and 0.05); "
        "auto: Freedman and Diaconis' rule on the reference, rounded to 1, 2 or 5 times a power "
        "of ten",
    )


class Radius(Analysis):
    """Counts per radius interval: how far the z-points lie from the origin.

    In many dimensions z-points keep away from the origin and gather in a thin shell, whatever
    their distribution: of interest is how the shell differs from that of artificial z-points.
    Bins are anchored at multiples of their width from 0; quantiles and the median are
    interpolated linearly in a bin, everything else is exact.
    """

    name = "radius"
    title = "Distance from the origin"
    Options = RadiusOptions

    def prepare(self, reference: Source) -> Frame:
        """Return the bin width and the shell expected from the reference's mean and covariance."""
        summary = reference.summary()
        if summary.count == 0:
            raise AnalysisError("finite z-points in the reference", found="none")
        expected, width = expected_shell(summary)
        bin_width = self.options.bin_width
        if bin_width == "auto":
            bin_width = _automatic_width(reference, summary)
        return Frame(
            {
                "dim": reference.dim,
                "bin_width": bin_width,
                "expected": expected,
                "expected_width": width,
            }
        )

    def accumulator(self, frame: Frame) -> RadiusCounts:
        """Return empty counts."""
        return RadiusCounts(frame)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say where the shells lie, and what the null model does not explain."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the density over the radius of all sources, with the null band."""
        from latent_analyze_plugins.radius.figure import draw

        return [draw(results)] if results.data["counts"].any() else []


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this package."""
    return [Radius]


def _automatic_width(reference: Source, summary: Summary) -> float:
    from latent_analyze_plugins.shared.histogram_kernels import squared_radii

    radii = np.sqrt(squared_radii(reference.sample(SAMPLE, seed=0).z))
    width = float(freedman_diaconis(radii[np.isfinite(radii)], summary.count))
    # Points that are all alike still need bins, and the reference has to fit in them.
    fallback = summary.radius_max / 100 or 1.0
    smallest = summary.radius_max / (MAX_BINS / 10)
    return nice_width(width) if width > smallest else nice_width(max(fallback, smallest))
