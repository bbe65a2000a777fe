"""The analysis `projections`: filaments, voids and dense parts of planes, on every scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, PositiveInt, field_validator

from latent_analyze.plugin import (
    Analysis,
    AnalysisOptions,
    Figure,
    Finding,
    Frame,
    Measure,
    ResultSet,
    Source,
)
from latent_analyze_plugins.projections.compute import PlaneCounts
from latent_analyze_plugins.projections.figures import draw
from latent_analyze_plugins.projections.findings import find
from latent_analyze_plugins.projections.frame import STATISTICS, each_window, make_frame

Pairs = tuple[tuple[int, int], ...]
WINDOW, POINTS = ("plane", "window"), "z-points"
DISPERSION, GRAIN, EMPTY = (
    "variance over mean of the cell counts",
    "second differences of neighboring cells over counting noise",
    "share of empty cells",
)
PLACE, WHERE = "_{plane}_{window}", ", {window} of {plane}: "
TESTED: dict[str, Any] = {
    "calibrated": True, "minimum_effect": lambda found: 0.1 * max(1.0, found.value),
}  # fmt: skip


class ProjectionsOptions(AnalysisOptions):
    """Options of `projections`."""

    components: Pairs = Field(
        ((1, 2), (1, 18), (8, 35)),
        description="pairs of principal components, counted from 1; clipped to those that exist",
    )
    axes: Literal["auto"] | Pairs = Field(
        "auto", description="pairs of axes, counted from 0; auto: the most elongated"
    )
    n_axes: int = Field(1, ge=0, le=16, description="pairs of axes that auto picks")
    zooms: int = Field(
        3, ge=1, le=8, description="windows on the center besides the whole, each inside the last"
    )
    smallest: PositiveInt = Field(
        200, description="z-points that a Gaussian would have in the last zoom"
    )
    cells: int = Field(16, ge=4, le=64, description="cells per side of every window")
    seed: int = Field(0, description="seed of the sample taken above 4,096 dimensions")

    @field_validator("components", "axes", mode="before")
    @classmethod
    def _one_pair(cls, value: Any) -> Any:
        """Read ``components=[1,2]`` as one pair."""
        listed = isinstance(value, list | tuple) and value
        return (tuple(value),) if listed and all(isinstance(v, int) for v in value) else value


class Projections(Analysis):
    """Where planes through the cloud are dense or thin, and whether filaments or voids are real.

    Per pair of components or axes the whole projection (3 standard deviations either way) and a
    series of zooms on the mean, down to one in which a Gaussian would have 200 z-points. In each
    window the z-points are counted in 16 x 16 cells. Three statistics of the counts:

    ``empty``: share of empty cells. ``dispersion``: variance over mean (index of dispersion, Fisher
    et al. 1922); 1 for points thrown in evenly, larger wherever parts are denser, be it only toward
    the middle. ``grain``: squared second differences of neighboring cells over what counting noise
    gives them; 1 wherever the density changes smoothly, larger for lines, clumps and holes of about
    a cell's size.

    Points thrown in at random look like filaments and voids: only what exceeds the null, drawn the
    same way, is structure. Windows follow from mean, covariance and count alone, which the null has
    too. Statistics are calibrated in the windows where they can tell something (see the docs).
    """

    name, title = "projections", "Projections, zoomed"
    Options = ProjectionsOptions
    measures = (
        Measure("n", "finite z-points counted", POINTS),
        Measure("nonfinite", "with NaN or infinity, left out", POINTS,
                said="{value:,} z-points hold NaN or infinity and were left out"),
        Measure("dispersion" + PLACE, "dispersion" + WHERE + DISPERSION, **TESTED,
                higher="some parts are denser and others thinner",
                lower="parts are more equally dense"),
        Measure("grain" + PLACE, "grain" + WHERE + GRAIN, **TESTED,
                higher="edges, ridges, clumps or holes of about a cell's size stand out",
                lower="z-points lie more evenly than thrown in at random"),
        Measure("empty" + PLACE, "empty cells" + WHERE + EMPTY, "share",
                **TESTED | {"minimum_effect": 0.05},
                higher="more cells are empty", lower="fewer cells are empty"),
        Measure("dispersion", DISPERSION, "", WINDOW),
        Measure("grain", GRAIN, "", WINDOW),
        Measure("empty", EMPTY, "share", WINDOW),
        Measure("half_width", "of each window", "standard deviations", WINDOW),
        Measure("inside", "in each window", POINTS, WINDOW),
        Measure("parts", "per part of each window; 4 x 4 parts are a cell", POINTS,
                (*WINDOW, "first", "second")),
    )  # fmt: skip

    def prepare(self, reference: Source) -> Frame:
        """Pick planes and windows from the reference's moments."""
        return make_frame(reference, self.options)

    def accumulator(self, frame: Frame) -> PlaneCounts:
        """Return empty counts."""
        return PlaneCounts(frame)

    def declare(self, frame: Frame, source: Source) -> Any:
        """Return the measures: where a statistic tells something depends on plane and window."""
        declared, general = super().declare(frame, source), {m.name: m for m in self.measures}
        windows = []
        for (p, k), name, words in each_window(frame):
            within = f"within {frame['half_widths'][p, k]:.3g} standard deviations of the mean"
            for s, statistic in enumerate(STATISTICS):
                measure, tested = general[statistic + PLACE], bool(frame["tested"][s, p, k])
                windows.append(replace(
                    measure, name=f"{statistic}_{name}", calibrated=tested,
                    description=f"{measure.description.format_map(words)}, {within}",
                    minimum_effect=tested and measure.minimum_effect,
                ))  # fmt: skip
        return replace(declared, measures=(*windows, *self.measures))

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say per null where fine structure stands out, and where it is within its spread."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the windows of data and null, and the statistics over the scale."""
        return draw(results)
