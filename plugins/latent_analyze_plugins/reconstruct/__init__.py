"""The analysis `reconstruct`: how well a model gives back what it was shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pydantic import Field

from latent_analyze.plotting import words_of
from latent_analyze.plugin import (
    Analysis,
    AnalysisOptions,
    Context,
    Figure,
    Finding,
    Frame,
    ResultSet,
    Source,
    Values,
)  # fmt: skip
from latent_analyze_plugins.reconstruct.compute import measure
from latent_analyze_plugins.reconstruct.findings import find
from latent_analyze_plugins.reconstruct.measures import all_measures, measures_of
from latent_analyze_plugins.reconstruct.pairs import make_frame


class ReconstructOptions(AnalysisOptions):
    """Options of `Reconstruct`."""

    sample: int = Field(2000, ge=2, description="rows that are reconstructed")
    images: int = Field(10, ge=1, le=16, description="rows of the data per line of the figure")
    k: int = Field(10, ge=1, le=200, description="neighbor whose distance tells how thin it is")


class Reconstruct(Analysis):
    """How well does the model reconstruct, which rows best and worst, and where do they lie.

    Rows of the data set (images, or rows of any other shape) of a seeded sample are held against
    what the decoder makes of their z-points: mean squared error and explained variance; for images
    also binary cross-entropy and structural similarity (Wang et al. 2004); for categories, such as
    tokens, the share that is right. Errors are split by `split`, if there is such a label, and
    related to the radius and to the distance of the k-th nearest neighbor; not of codes, which have
    neither. A decoder that takes labels gets those of the rows.
    """

    name = "reconstruct"
    title = "Reconstruction"
    counts = {"sample": (200, 2000)}
    requires = frozenset({"decoder", "images"})
    latents = frozenset({"coordinates", "codes"})
    Options = ReconstructOptions
    measures = all_measures()

    def prepare_with(self, reference: Source, context: Context) -> Frame:
        """Find out what the rows are, and whether they are categories."""
        return make_frame(reference, context)

    def declare(self, frame: Frame, source: Source) -> Any:
        """Return the measures in the words for the rows."""
        measures = measures_of(words_of(frame["kind"]), frame["error"])
        return replace(super().declare(frame, source), measures=measures)

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Decode a sample and compare it with its rows of the data set.

        Raises
        ------
        AnalysisError
            If the decoder's output has another shape than the rows, or none of it is finite.
        """
        return measure(frame, source, context, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say how large the errors are, whether splits differ, and where errors are large."""
        return find(results, self.options.k)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw originals next to reconstructions, errors per split, and over the position."""
        from latent_analyze_plugins.reconstruct.figures import draw

        return draw(results, self.options.k)
