"""The analysis `neighbors`: how many dimensions the z-points fill, and how clumped they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from latent_analyze.plugin import Analysis, AnalysisOptions, Frame, hookimpl
from latent_analyze_plugins.neighbors.measure import least_points, measure
from latent_analyze_plugins.neighbors.search import distinct_points
from latent_analyze_plugins.neighbors.voids import void_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latent_analyze.plugin import Context, Figure, Finding, Result, ResultSet, Source

LIGHT_SAMPLE = 8000
"""With more points, or more dimensions at as many, twenty null members are no light work."""

LIGHT_DIM = 256


class NeighborsOptions(AnalysisOptions):
    """Options of `Neighbors`."""

    sample: int | Literal["auto"] = Field(
        "auto",
        ge=32,
        description="z-points compared with each other; auto: 8000, fewer above 256 dimensions."
        " With more the whole ensemble runs on request only (--calibrate neighbors)",
    )
    k: int = Field(
        10, ge=2, le=100, description="neighbor whose distance is the radius, and whose rank counts"
    )
    tree_sample: int = Field(
        2000, ge=32, le=10_000, description="z-points joined by the minimum spanning tree"
    )


class Neighbors(Analysis):
    """How many dimensions the z-points fill, at which scale, and how clumped they are.

    Distances to nearest neighbors see what no projection shows. Their ratios give the intrinsic
    dimension (TwoNN; Facco et al. 2017), over scales with the plateau if there is one, and around
    each z-point (Levina & Bickel 2004). Their spread says how unevenly dense the cloud is; hubs
    are z-points that are neighbors of very many (Radovanovic et al. 2010); the edges of the
    minimum spanning tree show gaps, random places with nothing around them voids. Neighbors are
    exact, among a seeded sample of the z-points.
    """

    name = "neighbors"
    title = "Neighbors: dimension and clumps"
    Options = NeighborsOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        if self.options.sample != "auto" and self.options.sample > LIGHT_SAMPLE:
            self.cost = "heavy"

    def prepare_with(self, reference: Source, context: Context) -> Frame:
        """Return how many z-points are sampled, how many of them are compared, and random places.

        Estimates depend on the number of points, so all sources are compared at that of the
        reference's distinct ones.
        """
        sample = self._sample_size(reference)
        cloud = distinct_points(context.sample(sample).z, context.rng)
        points = max(len(cloud.points), least_points(self.options.k))
        voids = void_frame(reference, points, context.rng)
        return Frame({"sample": sample, "points": points, "k": self.options.k, **voids})

    def run(self, frame: Frame, source: Source, context: Context) -> Result:
        """Search the neighbors of a sample and measure their distances."""
        del source
        cloud = distinct_points(context.sample(frame["sample"]).z, context.rng)
        return measure(cloud.first(frame["points"]), frame, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say which dimension, on which scales, and how clumped, against nulls and sources."""
        from latent_analyze_plugins.neighbors.findings import find

        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the dimension over the scale, and how distances and neighbors are distributed."""
        from latent_analyze_plugins.neighbors.figures import draw

        return draw(results)

    def _sample_size(self, source: Source) -> int:
        if self.options.sample != "auto":
            return int(self.options.sample)
        shrink = np.sqrt(min(LIGHT_DIM / source.dim, 1.0))
        return max(int(LIGHT_SAMPLE * shrink), least_points(self.options.k))


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this package."""
    return [Neighbors]
