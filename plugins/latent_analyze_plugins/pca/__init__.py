"""The analysis `pca`: along which axes the cloud of z-points is long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from latent_analyze.plugin import Analysis, AnalysisOptions, Frame, hookimpl
from latent_analyze_plugins.pca.findings import find
from latent_analyze_plugins.pca.output import make_result
from latent_analyze_plugins.shared.basis import second_moments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latent_analyze.plugin import Context, Figure, Finding, Result, ResultSet, Source


class PcaOptions(AnalysisOptions):
    """Options of `Pca`."""

    components: PositiveInt = Field(
        50, description="components kept for other analyses; all, if there are fewer"
    )
    seed: int = Field(0, description="seed of the sample taken above 4,096 dimensions")


class Pca(Analysis):
    """Along which directions the cloud is long, and how many of them it fills.

    Principal components (Pearson 1901; Hotelling 1933): eigenvectors of the covariance of all
    z-points, in float64 and about their mean. Above 4,096 dimensions those of a seeded sample of
    2,000 z-points. The frame, and the result of the reference, keep ``mean`` and ``components``:
    ``(z - mean) @ components.T`` are the scores of any rows z.

    Nothing here is calibrated: a Gaussian null has the reference's covariance, and with it the
    whole spectrum, by construction. Nulls of another kind, such as `shuffled`, are drawn beside it.
    """

    name = "pca"
    title = "Principal components"
    Options = PcaOptions

    def prepare(self, reference: Source) -> Frame:
        """Fit the components to the reference."""
        moments = second_moments(reference, self.options.seed)
        variances, components = moments.components(self.options.components)
        return Frame(
            {
                "mean": moments.summary.mean,
                "components": components,
                "variances": variances,
                "constant_axes": int((moments.summary.variance == 0).sum()),
            }
        )

    def run(self, frame: Frame, source: Source, context: Context) -> Result:
        """Return a source's own spectrum, and its variance along the reference's components."""
        is_reference = source.fingerprint == context.reference.fingerprint
        moments = second_moments(source, self.options.seed)
        return make_result(frame, moments, with_components=is_reference)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say in how many components the variance lies, and which axes the first ones follow."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw variance per component and cumulated, and the components over the axes."""
        from latent_analyze_plugins.pca.figures import draw

        return draw(results)


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this package."""
    return [Pca]
