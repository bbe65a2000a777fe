"""Whether two models arrange the same data in the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from latent_analyze.plugin import (
    Analysis,
    AnalysisOptions,
    Context,
    Figure,
    Finding,
    Frame,
    Measure,
    OptionError,
    ResultSet,
    Source,
    Values,
)  # fmt: skip
from latent_analyze_plugins.shared.rows import sample_size
from latent_analyze_plugins.similarity.compute import ALIKE, compare_all
from latent_analyze_plugins.similarity.findings import find

SHUFFLED = ("knn_overlap", "cka", "procrustes")
"""Those that are repeated with shuffled rows."""
EVENLY = "that share the variance as if evenly"


class SimilarityOptions(AnalysisOptions):
    """Options of `similarity`."""

    sample: int | Literal["auto"] = Field(
        "auto",
        ge=20,
        description="rows compared, the same in all spaces; auto: 4000, fewer above 256 dimensions",
    )
    k: int = Field(10, ge=1, le=200, description="nearest neighbors that are compared")
    yardstick: tuple[str, ...] = Field(
        (),
        description="labels of the cases that the finding compares with, such as AEs of other"
        " training seeds; by default all others",
    )
    permutations: int = Field(
        20, ge=2, le=1000, description="times that rows are shuffled to see what chance gives"
    )


class Similarity(Analysis):
    """Whether two models' spaces are the same, up to rotation and scale.

    For the rows that two stores have in common: the share of common nearest neighbors, linear CKA
    (Kornblith et al. 2019), and what the best rotation and scaling leaves (Procrustes). With three
    or more stores of the same rows all pairs are compared: models that differ in their training
    seed alone are the yardstick for the others.
    """

    name, title = "similarity", "Similarity to other spaces"
    counts = {"sample": (500, 4000)}
    requires = frozenset({"paired"})
    Options = SimilarityOptions
    measures = (
        Measure("k", "nearest neighbors compared per row", "neighbors"),
        Measure("rows", "rows compared", "rows"),
        Measure("participation_ratio", f"{EVENLY}, here", "components"),
        Measure("participation_ratio[{case}]", f"{EVENLY}, there", "components"),
        *(Measure(f"{name}[{{case}}]", text, unit) for name, (unit, text) in ALIKE.items()),
        *(Measure(name, text.format(case="the second space"), unit, dims=("pair",))
          for name, (unit, text) in ALIKE.items()),
        *(Measure(f"{name}_chance", f"mean of {name} with shuffled rows", ALIKE[name][0],
                  dims=("pair",)) for name in SHUFFLED),
        Measure("overlap_error", "standard error of knn_overlap over rows", "share",
                dims=("pair",)),
        Measure("pair", "labels of both cases", dims=("pair", "place")),
        Measure("space", "labels of the cases", dims=("space",)),
        Measure("spectrum", "share of the variance along each principal component", "share",
                dims=("space", "component")),
        Measure("radius", "distance of each row from the mean, in the spaces that share all rows",
                "latent units", dims=("radius_space", "common_row")),
        Measure("radius_space", "labels of these cases", dims=("radius_space",)),
    )  # fmt: skip

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Compare the rows of `source` with the same rows of all other cases.

        Raises
        ------
        AnalysisError
            If the rows of `source` are all alike, or fewer than 20 are common.
        OptionError
            If a case of the yardstick is none of the run, or has no rows in common.
        """
        pairs = context.paired(sample_size(self.options.sample, source.dim))
        labels = {source.label, *pairs}
        for asked in self.options.yardstick:
            if asked not in labels:
                raise OptionError(
                    f"cases with rows in common as yardstick: {', '.join(sorted(labels))}",
                    found=repr(asked), next_step="name cases as --label does",
                )  # fmt: skip
        return compare_all(source.label, pairs, context, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say how much each pair shares, and how that compares with the other pairs."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the measures of all pairs beside chance, and spectra and radii."""
        from latent_analyze_plugins.similarity.figures import draw_pairs, draw_spaces

        return [draw_pairs(results), draw_spaces(results)]
