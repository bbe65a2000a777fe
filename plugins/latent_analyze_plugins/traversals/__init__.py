"""What lies along an axis, between two z-points, and between the means of two classes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import ConfigDict, Field, PositiveFloat

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
from latent_analyze_plugins.traversals.compute import measure
from latent_analyze_plugins.traversals.figures import draw
from latent_analyze_plugins.traversals.findings import find

DISTANCE = "distance from the data, relative to that of a typical z-point"


def _images(name: str, text: str, *dims: str) -> tuple[Measure, Measure]:
    """Return what decoded images are: pixels, or the vectors of a decoder of vectors."""
    return (
        Measure(name, f"{text}, 0 to 255", dims=(*dims, "y", "x", "channel")),
        Measure(name, text, dims=(*dims, "feature")),
    )


class TraversalsOptions(AnalysisOptions):
    """Options of `traversals`."""

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

    name, title = "traversals", "Axes and paths"
    counts = {"sample": (500, 4000)}
    requires = frozenset({"decoder"})
    Options = TraversalsOptions
    # One of three kinds of paths is tested: they say much the same, and each test costs power. The
    # minimum effect, 5 % of a typical distance, is a factor of 1.6 in density in ten dimensions.
    measures = (
        Measure("joined", "pairs that the graph joins", "share"),
        Measure("near", "relative distance of 95 % of the z-points"),
        Measure("straight_distance", "distance from the data in the middle half of straight paths "
                "(1 for a typical z-point)", calibrated=True, direction="high",
                minimum_effect=0.05, higher="straight paths keep farther from the data"),
        Measure("{kind}_distance", "distance from the data in the middle half of {kind} paths "
                "(1 for a typical z-point)", direction="high"),
        Measure("{kind}_outside", "of the middle half of {kind} paths, farther from the data than "
                "95 % of the z-points", "share"),
        Measure("graph_detour", "length of the path over the graph / of the straight one in latent "
                "space, median over pairs"),
        Measure("path", "kinds of paths", dims=("path",)),
        Measure("position", "of the path", "share", dims=("step",)),
        Measure("distance", DISTANCE, dims=("path", "pair", "step")),
        Measure("decoded_{kind}", "mean length of {kind} paths in images (Euclidean)"),
        Measure("{kind}_to_straight", "length in images of {kind} paths / of the straight one, "
                "geometric mean"),
        Measure("{kind}_to_straight_error", "standard error of it over pairs"),
        Measure("decoded_path", "kinds that are decoded", dims=("decoded_path",)),
        Measure("decoded_pair", "which pairs are decoded", dims=("decoded_pair",)),
        Measure("decoded_length", "in images", dims=("decoded_path", "decoded_pair")),
        *_images("path_images", "paths", "shown_pair", "decoded_path", "column"),
        Measure("most_changing", "line that changes the image most"),
        Measure("line", "axes from 0, principal components from 1", dims=("line",)),
        Measure("line_spread", "standard deviation", "latent units", dims=("line",)),
        Measure("line_change", "root mean square over pixels between images at -1 and +1 "
                "standard deviation", dims=("line",)),
        Measure("line_distance", DISTANCE, dims=("line", "line_column")),
        *_images("line_images", "lines", "line", "line_column"),
        Measure("label", "label of the classes"),
        Measure("added", "class whose mean is added"),
        Measure("subtracted", "class whose mean is taken away"),
        Measure("moved", "moved", "z-points"),
        Measure("hits", "of the moved, mostly among the added class", "share"),
        Measure("hits_control", "of z-points of the added class, mostly among it", "share"),
        Measure("moved_distance", DISTANCE, dims=("moved_point", "column")),
        *_images("moved_images", "on the way from one class to the other", "moved_point", "column"),
    )  # fmt: skip

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Lay paths between sampled z-points of `source`; decode those of the reference.

        Raises
        ------
        AnalysisError
            If there are fewer than 24 different z-points, or the decoder gives nothing finite.
        OptionError
            If there is no such axis, label or class.
        """
        return measure(source, context, self.options)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say whether paths leave the data, which way is shortest in images, and what else."""
        return find(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw images along axes, paths and differences, and how far paths are from the data."""
        return draw(results)
