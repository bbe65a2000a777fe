"""Are there clusters, how many, and are they the labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, PositiveInt, model_validator

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
)  # fmt: skip
from latent_analyze_plugins.clustering.compute import SMALLEST_SHARE, measure
from latent_analyze_plugins.clustering.figures import draw
from latent_analyze_plugins.clustering.findings import find
from latent_analyze_plugins.clustering.frame import centered, classes_of, make_frame, possible
from latent_analyze_plugins.clustering.scores import LEAST_EFFECT, agreement
from latent_analyze_plugins.shared.rows import label_names

SQUARED = "latent units squared"


class ClusteringOptions(AnalysisOptions):
    """Options of `clustering`."""

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

    name, title = "clustering", "Clusters"
    cost = "heavy"
    counts = {"sample": (1000, 20_000), "silhouette_sample": (500, 2000)}
    Options = ClusteringOptions
    measures = (
        Measure("sample", "clustered", "z-points"),
        Measure("variance", "mean squared distance from the mean", SQUARED),
        Measure("log_inertia", "ln(inertia / variance), mean over k", calibrated=True,
                direction="low", minimum_effect=LEAST_EFFECT,
                lower="over all k, the z-points are closer to a few centers"),
        Measure("silhouette", "largest mean silhouette over k (on up to {silhouette_sample:,} "
                "z-points)", calibrated=True, direction="high", minimum_effect=LEAST_EFFECT,
                higher="the clusters are clearer"),
        Measure("silhouette_k", "where the silhouette is largest", "clusters"),
        Measure("elbow_k", "where the curve of inertia bends most", "clusters"),
        Measure("elbow_sharpness", "sharpness of the elbow: 0 (no bend) to 1 (a right angle)",
                calibrated=True, direction="high", minimum_effect=2 * LEAST_EFFECT,
                higher="the elbow of the inertia is sharper"),
        Measure("classes_{label}", "of {label} in the sample", "classes"),
        Measure("ari_{label}", "adjusted Rand index between {label} and as many clusters as "
                "classes (chance: 0)"),
        Measure("nmi_{label}", "normalized mutual information between {label} and as many "
                "clusters as classes"),
        Measure("nonfinite", "sampled, with NaN or infinity, left out", "z-points",
                said="{value:,} sampled z-points hold NaN or infinity and were left out"),
        Measure("k", "numbers of clusters", "clusters", dims=("k",)),
        Measure("inertia", "mean squared distance from the center", SQUARED, dims=("k",)),
        Measure("share", "inertia / variance", "share", dims=("k",)),
        Measure("log_share", "ln(inertia / variance), at least -16.1", dims=("k",)),
        Measure("silhouettes", "mean silhouette", dims=("k",)),
    )  # fmt: skip

    def prepare_with(self, reference: Source, context: Context) -> Frame:
        """Return the numbers of clusters that the reference allows, and the sample size."""
        return make_frame(reference, self.options, context)

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Return curves over k and the agreement with labels, on a sample of a source."""
        wanted = self.options.labels
        names = [
            n for n in label_names(source) if (n != "split" if wanted == "auto" else n in wanted)
        ]
        batch = context.sample(frame["rows"], frozenset({"z", *(f"label:{n}" for n in names)}))
        points, finite = centered(batch)
        ks, most = possible(frame["ks"], points, source.label)
        classes, notes = classes_of(batch, finite, most)
        counts = {int(index.max()) + 1 for index in classes.values()}
        found, clusters = measure(points, ks, keep=counts, context=context, options=self.options)
        found |= agreement(classes, clusters)
        found |= {"sample": len(points), "nonfinite": len(finite) - len(points)}
        if ks[-1] < self.options.k_max:
            notes.append(
                f"at most {ks[-1]} clusters were tried: the sample has {len(points):,} z-points,"
                " and a cluster takes two of them and a distinct one"
            )
        if found["share"].min() < SMALLEST_SHARE:
            notes.append(
                f"inertia falls below {SMALLEST_SHARE:g} of the variance, which is rounding:"
                " z-points are duplicates but for a few, or a few are very far out"
            )
        return Values(found, sample_size=len(points), notes=notes)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say how clear the clusters are, and what gap, elbow and labels are worth."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw inertia, gap and silhouette over the number of clusters."""
        return [draw(results)]
