"""What lies along an axis, between two z-points, and between the means of two classes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

from pydantic import ConfigDict, Field, PositiveFloat

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
from latent_analyze_plugins.shared.decoding import conditions, output_kind
from latent_analyze_plugins.shared.value_names import value_names
from latent_analyze_plugins.traversals.compute import measure
from latent_analyze_plugins.traversals.figures import draw
from latent_analyze_plugins.traversals.findings import find
from latent_analyze_plugins.traversals.measures import all_measures, measures_of


class TraversalsOptions(AnalysisOptions):
    """Options of `traversals`."""

    model_config = ConfigDict(allow_inf_nan=False)

    axes: tuple[int, ...] | Literal["auto"] = Field(
        "auto",
        description="axes that are walked along, counted from 0; auto: those that change the"
        " decoded row most, per standard deviation",
    )
    n_axes: int = Field(5, ge=0, le=64, description="number of axes that auto picks")
    n_components: int = Field(5, ge=0, le=64, description="principal components walked along")
    extent: PositiveFloat = Field(
        3.0, description="how far axes and components are walked, in standard deviations each way"
    )
    columns: int = Field(9, ge=3, le=17, description="decoded rows along an axis")
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

    Decoded rows (images, sequences, ...) along axes and principal components; paths between random
    z-points that are straight, spherical (White 2016) or follow the k-nearest-neighbor graph
    (Tenenbaum et al. 2000), with the distance from the data along them and their length in decoded
    rows (Shao et al. 2018); differences of class means added to z-points. Decoded are those of the
    reference; for other sources and nulls paths are laid in latent space only.
    """

    name, title = "traversals", "Axes and paths"
    counts = {"sample": (500, 4000)}
    requires = frozenset({"decoder"})
    Options = TraversalsOptions
    measures = all_measures()

    def prepare_with(self, reference: Source, context: Context) -> Frame:
        """Find out what the decoder gives, images or rows of another kind, and takes besides."""
        names = ", ".join(conditions(context, reference))
        kind = output_kind(context, reference)
        return Frame({"kind": kind, "conditions": names, "names": value_names(context, kind)})

    def declare(self, frame: Frame, source: Source) -> Any:
        """Return the measures in the words for what the decoder gives."""
        measures = measures_of(words_of(frame["kind"]))
        return replace(super().declare(frame, source), measures=measures)

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Lay paths between sampled z-points of `source`; decode those of the reference.

        Raises
        ------
        AnalysisError
            If there are fewer than 24 different z-points, or the decoder gives nothing finite.
        OptionError
            If there is no such axis, label or class.
        """
        return measure(frame, source, context, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say whether paths leave the data, which way is shortest decoded, and what else."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw what is decoded along axes, paths and differences, and how far paths are."""
        return draw(results)
