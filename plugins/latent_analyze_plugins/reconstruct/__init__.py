"""The analysis `reconstruct`: how well a model gives back what it was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from latent_analyze.plugin import Analysis, AnalysisOptions, hookimpl
from latent_analyze_plugins.reconstruct.findings import find
from latent_analyze_plugins.reconstruct.measure import measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latent_analyze.plugin import Context, Figure, Finding, Frame, Result, ResultSet, Source


class ReconstructOptions(AnalysisOptions):
    """Options of `Reconstruct`."""

    sample: int = Field(2000, ge=2, description="images that are reconstructed")
    images: int = Field(10, ge=1, le=16, description="images per row of the figure")
    k: int = Field(10, ge=1, le=200, description="neighbor whose distance tells how thin it is")


class Reconstruct(Analysis):
    """How well does the model reconstruct, which images best and worst, and where do they lie.

    Images of a seeded sample are held against what the decoder makes of their z-points: mean
    squared error, binary cross-entropy, structural similarity (Wang et al. 2004). Errors are split
    by `split`, if there is such a label, and related to the radius and to the distance of the k-th
    nearest neighbor. Decoders of vectors get the mean squared error only.
    """

    name = "reconstruct"
    title = "Reconstruction"
    requires = frozenset({"decoder", "images"})
    Options = ReconstructOptions

    def run(self, frame: Frame, source: Source, context: Context) -> Result:
        """Decode a sample and compare it with its images.

        Raises
        ------
        AnalysisError
            If the decoder's output has another shape than the images, or none of it is finite.
        """
        del frame, source
        return measure(context, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say how large the errors are, whether splits differ, and where errors are large."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw originals over reconstructions, errors per split, and errors over the place."""
        from latent_analyze_plugins.reconstruct.figures import draw

        return draw(results)


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this package."""
    return [Reconstruct]
