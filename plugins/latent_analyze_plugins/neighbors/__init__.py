"""The analysis `neighbors`: how many dimensions the z-points fill, and how clumped they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from pydantic import Field

from latent_analyze.plugin import (
    Analysis,
    AnalysisOptions,
    Context,
    Figure,
    Finding,
    Frame,
    Measure,
    ResultSet,
    Source,
    Values,
    relative,
)
from latent_analyze_plugins.neighbors.compute import VOID, least_points, measure, void_frame
from latent_analyze_plugins.neighbors.figures import draw
from latent_analyze_plugins.neighbors.findings import find
from latent_analyze_plugins.neighbors.search import distinct_points

LIGHT_SAMPLE, LIGHT_DIM = 8000, 256
"""With more points, or more dimensions at as many, twenty null members are no light work."""
UNIT, DIM, POINTS = "latent units", "dimensions", "z-points"
SCALE, DECIMATION, ROW = ("scale",), ("decimation",), ("row",)
SPREAD: dict[str, Any] = {"calibrated": True, "minimum_effect": relative(0.05)}


class NeighborsOptions(AnalysisOptions):
    """Options of `neighbors`."""

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

    name, title = "neighbors", "Neighbors: dimension and clumps"
    counts = {"sample": (500, 8000), "tree_sample": (300, 2000)}
    Options = NeighborsOptions
    measures = (
        # Of few points three standard errors, where these are more.
        Measure("twonn", "TwoNN: dimension at the scale of the nearest neighbors", DIM,
                calibrated=True,
                minimum_effect=lambda f: max(0.05 * f.value, 3 * f["scale_error"][0]),
                higher="z-points fill more dimensions", lower="z-points fill fewer dimensions"),
        Measure("twonn_distance", "mean distance of the second neighbor: its scale", UNIT),
        Measure("local_dimension", "local dimension, averaged as MacKay & Ghahramani do", DIM),
        Measure("local_dimension_q05", "5 % of the local dimensions are lower", DIM),
        Measure("local_dimension_q95", "95 % of the local dimensions are lower", DIM),
        Measure("plateau", "whether the dimension is the same over a range of distances"),
        Measure("plateau_dimension", "dimension on the plateau", DIM),
        Measure("plateau_low", "distance from which the plateau goes", UNIT),
        Measure("plateau_high", "distance to which it goes", UNIT),
        Measure("radius_median", "median distance of neighbor {k}", UNIT),
        Measure("radius_spread",
                "standard deviation of the log distance of neighbor {k}: clumpedness", **SPREAD,
                higher="z-points are clumped", lower="z-points lie more evenly"),
        Measure("hubness", "skewness of how often a z-point is among the {k} nearest of others",
                calibrated=True, minimum_effect=0.25,
                higher="there are more hubs, neighbors of very many z-points",
                lower="there are fewer hubs, neighbors of very many z-points"),
        Measure("occurrence_max", "most that share one of their {k} nearest", POINTS),
        Measure("orphans", "among the {k} nearest of no other z-point", "share"),
        Measure("tree_edge_mean", "mean edge of the minimum spanning tree", UNIT),
        Measure("tree_edge_spread",
                "standard deviation / mean of the edges of the minimum spanning tree", **SPREAD,
                higher="z-points sit close together in some parts, with gaps elsewhere",
                lower="z-points are spaced more evenly"),
        Measure("tree_edge_longest", "longest edge of the minimum spanning tree / mean"),
        Measure("emptiness",
                "empty ball around a random place: z-points of a Gaussian in it, on average",
                POINTS, calibrated=True, minimum_effect=0.1,
                higher="more random places lie in voids", lower="fewer random places lie in voids"),
        Measure("void_share",
                f"random places with an empty ball where a Gaussian has {VOID:g} z-points or more",
                "share"),
        Measure("duplicates", "repeat another one, left out", POINTS,
                said="{value:,} of the sampled z-points repeat another one and were left out"),
        Measure("nonfinite", "with NaN or infinity, left out", POINTS,
                said="{value:,} of the sampled z-points hold NaN or infinity and were left out"),
        Measure("ties", "z-points whose two nearest neighbors are equally far", "share"),
        Measure("rounded", "z-points whose nearest neighbor is as near as the rounding of float32",
                "share"),
        Measure("scale_distance", "mean distance of the outer neighbor", UNIT, SCALE),
        Measure("scale_dimension", "from ratios r_2k / r_k", DIM, SCALE),
        Measure("scale_error", "standard error", DIM, SCALE),
        Measure("decimation_distance", "mean second neighbor", UNIT, DECIMATION),
        Measure("decimation_dimension", "TwoNN, n / 2^i points", DIM, DECIMATION),
        Measure("decimation_error", "standard error", DIM, DECIMATION),
        Measure("radius", "distance of neighbor {k}", UNIT, ROW),
        Measure("local_dimension_of", "local dimension, over ranks {k} to twice that", DIM, ROW),
        Measure("occurrences", "how often among the {k} nearest of others", POINTS, ROW),
        Measure("tree_edges", "edges of the minimum spanning tree, ascending", UNIT, ("edge",)),
        Measure("missing", "of a Gaussian in the empty ball of each place", POINTS, ("probe",)),
    )  # fmt: skip

    def __init__(self, options: Any = None, **given: Any) -> None:
        super().__init__(options, **given)
        if self.options.sample != "auto" and self.options.sample > LIGHT_SAMPLE:
            self.cost = "heavy"

    def prepare_with(self, reference: Source, context: Context) -> Frame:
        """Return how many z-points are sampled, how many of them are compared, and random places.

        Estimates depend on the number of points, so all sources are compared at that of the
        reference's distinct ones.
        """
        sample = self._sample_size(reference)
        cloud = distinct_points(context.sample(sample), context.rng)
        points = max(len(cloud.points), least_points(self.options.k))
        voids = void_frame(reference, points, context.rng)
        return Frame({"sample": sample, "points": points, "k": self.options.k, **voids})

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Search the neighbors of a sample and measure their distances."""
        del source
        sample = context.sample(frame["sample"])
        cloud = distinct_points(sample, context.rng, most=frame["points"])
        return measure(cloud, frame, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say which dimension, on which scales, how clumped, and where voids are."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the dimension over the scale, and how distances and neighbors are distributed."""
        return draw(results)

    def _sample_size(self, source: Source) -> int:
        if self.options.sample != "auto":
            return int(self.options.sample)
        shrink = np.sqrt(min(LIGHT_DIM / source.dim, 1.0))
        return max(int(LIGHT_SAMPLE * shrink), least_points(self.options.k))
