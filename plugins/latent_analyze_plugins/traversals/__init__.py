"""The analysis `traversals`: what lies along an axis, between two z-points, and between classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict, Field, PositiveFloat

from latent_analyze.plugin import Analysis, AnalysisOptions, hookimpl
from latent_analyze_plugins.traversals.findings import find
from latent_analyze_plugins.traversals.measure import measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latent_analyze.plugin import Context, Figure, Finding, Frame, Result, ResultSet, Source


class TraversalsOptions(AnalysisOptions):
    """Options of `Traversals`."""

    model_config = ConfigDict(allow_inf_nan=False)

    axes: tuple[int, ...] | Literal["auto"] = Field(
        "auto",
        description="axes that are walked along, counted from 0; auto: those that change the"
        " decoded image most, per standard deviation",
    )
    n_axes: int = Field(5, ge=0, le=64, description="number of axes that auto picks")
    n_components: int = Field(5, ge=0, le=64, description="principal components walked along")
    extent: PositiveFloat = Field(
        3.0, description="how far axes and components are walked, in standard deviations each way"
    )
    columns: int = Field(9, ge=3, le=17, description="images per row along an axis")
    sample: int | Literal["auto"] = Field(
        "auto",
        ge=24,
        description="z-points sampled: half make the graph, half tell the density; auto: 4000,"
        " fewer above 256 dimensions",
    )
    pairs: int = Field(100, ge=2, le=5000, description="pairs of z-points joined by paths")
    decoded_pairs: int = Field(32, ge=1, le=5000, description="pairs whose paths are decoded")
    k: int = Field(
        10, ge=2, le=100, description="neighbors in the graph, and whose distance tells the density"
    )
    center: Literal["mean", "origin"] = Field(
        "mean", description="what spherical paths go around: the mean of the z-points, or 0"
    )
    label: str | None = Field(
        None, description="label of the classes of the arithmetic; by default the first but split"
    )
    add: int | str | None = Field(
        None, description="class whose mean is added; by default the first of the label"
    )
    subtract: int | str | None = Field(
        None,
        description="class whose mean is taken away, and whose z-points are moved; by default the"
        " next one",
    )


class Traversals(Analysis):
    """What lies along an axis, between two z-points, and between the means of two classes.

    Decoded images along axes and principal components; paths between random z-points that are
    straight, spherical (White 2016) or follow the k-nearest-neighbor graph (Tenenbaum et al. 2000),
    with the distance from the data along them and their length in images (Shao et al. 2018);
    differences of class means added to z-points. Images are decoded for the reference; for other
    sources and nulls paths are laid in latent space only.
    """

    name = "traversals"
    title = "Axes and paths"
    requires = frozenset({"decoder"})
    Options = TraversalsOptions

    def run(self, frame: Frame, source: Source, context: Context) -> Result:
        """Lay paths between sampled z-points of `source`; decode those of the reference.

        Raises
        ------
        AnalysisError
            If there are fewer than 24 different z-points, or the decoder gives nothing finite.
        OptionError
            If there is no such axis, label or class.
        """
        del frame
        return measure(source, context, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say whether paths leave the data, which way is shortest in images, and what else."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw images along axes, paths and differences, and how far paths are from the data."""
        from latent_analyze_plugins.traversals.figures import draw

        return draw(results)


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this package."""
    return [Traversals]
