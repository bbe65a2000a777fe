"""The analysis `projections`: filaments, voids and dense parts of planes, on every scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PositiveInt, field_validator

from latent_analyze.plugin import Analysis, AnalysisOptions, hookimpl
from latent_analyze_plugins.projections.counts import PlaneCounts
from latent_analyze_plugins.projections.findings import find
from latent_analyze_plugins.projections.frame import make_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latent_analyze.plugin import Figure, Finding, Frame, ResultSet, Source

Pairs = tuple[tuple[int, int], ...]


class ProjectionsOptions(AnalysisOptions):
    """Options of `Projections`."""

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
        single = (
            isinstance(value, list | tuple) and value and all(isinstance(v, int) for v in value)
        )
        return (tuple(value),) if single else value


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

    name = "projections"
    title = "Projections, zoomed"
    Options = ProjectionsOptions

    def prepare(self, reference: Source) -> Frame:
        """Pick planes and windows from the reference's moments."""
        return make_frame(reference, self.options)

    def accumulator(self, frame: Frame) -> PlaneCounts:
        """Return empty counts."""
        return PlaneCounts(frame)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say per null which planes and scales stand out, and which are within its spread."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the windows of data and null, and the statistics over the scale."""
        from latent_analyze_plugins.projections.figures import draw

        return draw(results)


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this package."""
    return [Projections]
