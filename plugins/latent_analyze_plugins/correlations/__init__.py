"""The analysis `correlations`: which components depend on each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from latent_analyze.plugin import Analysis, AnalysisOptions, hookimpl
from latent_analyze_plugins.correlations.findings import find
from latent_analyze_plugins.correlations.output import make_frame, make_result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latent_analyze.plugin import Context, Figure, Finding, Frame, Result, ResultSet, Source


class CorrelationsOptions(AnalysisOptions):
    """Options of `Correlations`."""

    sample: int = Field(10_000, ge=10, description="z-points sampled for rank correlations")
    max_axes: int = Field(
        256, ge=2, le=2048, description="axes compared: the widest ones, where there are more"
    )
    strongest: int = Field(20, ge=1, description="pairs listed")


class Correlations(Analysis):
    """Which axes of the latent space depend on each other, and where the cloud's center lies.

    Three matrices: Pearson's correlation of all z-points; Spearman's rank correlation (1904) of a
    seeded sample; and the rank correlation of the magnitudes |z_i - m_i| about the mean, which is
    that of no correlation but of a common scale: positive where points far out on one axis are far
    out on others too, negative where they are near the middle of the others, as on a shell.

    A Gaussian null has the reference's Pearson correlations by construction. Held against it is
    the dependence beyond them: the magnitudes, and by how much the rank correlations r_s depart
    from (6 / pi) asin(r / 2), their value for a Gaussian of correlation r (Pearson 1907).
    """

    name = "correlations"
    title = "Dependence between axes"
    Options = CorrelationsOptions

    def prepare(self, reference: Source) -> Frame:
        """Choose the axes that are compared."""
        return make_frame(reference, self.options)

    def run(self, frame: Frame, source: Source, context: Context) -> Result:
        """Return matrices, strongest pairs and the place of the center."""
        sample = context.sample(self.options.sample)
        return make_result(frame, source.summary(), sample.z, strongest=self.options.strongest)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Name the strongest pairs, dependence that no correlation explains, and the center."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the matrices of data and null, and the magnitudes of all pairs in order."""
        from latent_analyze_plugins.correlations.figures import draw

        return draw(results)


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this package."""
    return [Correlations]
