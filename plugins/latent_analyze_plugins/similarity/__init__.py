"""The analysis `similarity`: whether two models arrange the same data in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from latent_analyze.plugin import Analysis, AnalysisOptions, OptionError, hookimpl
from latent_analyze_plugins.similarity.spaces import compare_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latent_analyze.plugin import Context, Figure, Finding, Frame, Result, ResultSet, Source

SAMPLE, SAMPLE_DIM = 4000, 256
"""Rows compared, and the dimensions above which there are fewer."""


class SimilarityOptions(AnalysisOptions):
    """Options of `Similarity`."""

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

    name = "similarity"
    title = "Similarity to other spaces"
    requires = frozenset({"paired"})
    Options = SimilarityOptions

    def run(self, frame: Frame, source: Source, context: Context) -> Result:
        """Compare the rows of `source` with the same rows of all other cases.

        Raises
        ------
        AnalysisError
            If the rows of `source` are all alike, or fewer than 20 are common.
        OptionError
            If a case of the yardstick is none of the run, or has no rows in common.
        """
        del frame
        size = self.options.sample
        if size == "auto":
            size = int(SAMPLE * min(SAMPLE_DIM / source.dim, 1.0) ** 0.5)
        pairs = context.paired(size)
        _check_yardstick(self.options.yardstick, {source.label, *pairs})
        return compare_all(source.label, pairs, context, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say how much each pair shares, and how that compares with the other pairs."""
        from latent_analyze_plugins.similarity.findings import find

        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the measures of all pairs beside chance, and spectra and radii."""
        from latent_analyze_plugins.similarity.figures import draw

        return draw(results)


def _check_yardstick(asked: tuple[str, ...], labels: set[str]) -> None:
    for label in asked:
        if label not in labels:
            raise OptionError(
                f"cases with rows in common as yardstick: {', '.join(sorted(labels))}",
                found=repr(label),
                next_step="name cases as --label does",
            )


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this package."""
    return [Similarity]
