"""The analysis `clustering`: are there clusters, how many, and are they the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt, model_validator

from latent_analyze.plugin import Analysis, AnalysisOptions, hookimpl
from latent_analyze_plugins.clustering.findings import find
from latent_analyze_plugins.clustering.grid import make_frame
from latent_analyze_plugins.clustering.output import cluster

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latent_analyze.plugin import Context, Figure, Finding, Frame, Result, ResultSet, Source


class ClusteringOptions(AnalysisOptions):
    """Options of `Clustering`."""

    k_min: int = Field(2, ge=2, description="smallest number of clusters")
    k_max: int = Field(80, ge=2, description="largest number of clusters")
    k_step: PositiveInt = Field(2, description="distance between two numbers of clusters")
    k_all: int = Field(12, ge=0, description="up to here every number is tried, whatever k_step")
    sample: int = Field(
        20_000, ge=4, description="z-points that are clustered; fewer above 1,600 dimensions"
    )
    silhouette_sample: int = Field(
        2000, ge=4, description="z-points of these that the silhouette is taken over"
    )
    iterations: PositiveInt = Field(10, description="Lloyd iterations per number of clusters")
    labels: Literal["auto"] | tuple[str, ...] = Field(
        "auto",
        description="labels that the clusters are compared with, as [digit]; auto: all but split,"
        " of 2 to 100 classes",
    )

    @model_validator(mode="after")
    def _some_k(self) -> ClusteringOptions:
        if self.k_max < self.k_min:
            raise ValueError(f"has k_max of at least k_min = {self.k_min}")
        return self


class Clustering(Analysis):
    """Are there clusters, how many: inertia over k, gap statistic, silhouette, labels.

    k-means on a sample for every k of a series. Inertia falls with k in any cloud and always has an
    elbow somewhere; whether it tells of clusters shows only beside a null without any. The gap
    statistic is the logarithm of the ratio of both inertias (Tibshirani, Walther & Hastie 2001),
    the silhouette says how clearly the clusters are apart (Rousseeuw 1987). With labels, the
    clusters are compared with the classes at as many clusters as classes.
    """

    name = "clustering"
    title = "Clusters"
    cost = "heavy"
    Options = ClusteringOptions

    def prepare_with(self, reference: Source, context: Context) -> Frame:
        """Return the numbers of clusters that the reference allows, and the sample size."""
        return make_frame(reference, self.options, context)

    def run(self, frame: Frame, source: Source, context: Context) -> Result:
        """Cluster a sample of the source."""
        return cluster(frame, source, context, options=self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say what the null model does not explain, and what the elbow is worth."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw inertia, gap and silhouette over the number of clusters."""
        from latent_analyze_plugins.clustering.figures import draw

        return [draw(results)]


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this package."""
    return [Clustering]
