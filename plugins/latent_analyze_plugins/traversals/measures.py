"""The measures of `traversals`, in the words for images or other rows."""

from __future__ import annotations

from latent_analyze.plotting import Words, words_of
from latent_analyze.plugin import Measure
from latent_analyze_plugins.shared.value_names import FEATURE

DISTANCE = "distance from the data, relative to that of a typical z-point"
MOST_AXES = 5
"""Axes of a decoded row that can be kept."""

# One of three kinds of paths is tested: they say much the same, and each test costs power. The
# minimum effect, 5 % of a typical distance, is a factor of 1.6 in density in ten dimensions.
PATHS = (
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
)  # fmt: skip

CLASSES = (
    Measure("label", "label of the classes"),
    Measure("added", "class whose mean is added"),
    Measure("subtracted", "class whose mean is taken away"),
    Measure("moved", "moved", "z-points"),
    Measure("hits", "of the moved, mostly among the added class", "share"),
    Measure("hits_control", "of z-points of the added class, mostly among it", "share"),
    Measure("moved_distance", DISTANCE, dims=("moved_point", "column")),
)  # fmt: skip


def all_measures() -> tuple[Measure, ...]:
    """Return what the class declares: the measures for images, then those others have besides."""
    found: dict[tuple[str, int], Measure] = {}
    for kind in ("image", "row"):
        for measure in measures_of(words_of(kind)):
            found.setdefault((measure.name, len(measure.dims)), measure)
    return tuple(found.values())


def measures_of(words: Words) -> tuple[Measure, ...]:
    """Return the measures for a decoder that gives rows of a kind."""
    moved = "on the way from one class to the other"
    return (
        *PATHS, *_of_paths(words), *_of_lines(words), *CLASSES, FEATURE,
        *_decoded(words, "moved_images", moved, "moved_point", "column"),
    )  # fmt: skip


def _of_paths(words: Words) -> tuple[Measure, ...]:
    many = words.many
    return (
        Measure("decoded_{kind}", f"mean length of {{kind}} paths in {many} (Euclidean)"),
        Measure("{kind}_to_straight", f"length in {many} of {{kind}} paths / of the straight one, "
                "geometric mean"),
        Measure("{kind}_to_straight_error", "standard error of it over pairs"),
        Measure("decoded_path", "kinds that are decoded", dims=("decoded_path",)),
        Measure("decoded_pair", "which pairs are decoded", dims=("decoded_pair",)),
        Measure("decoded_length", f"in {many}", dims=("decoded_path", "decoded_pair")),
        *_decoded(words, "path_images", "paths", "shown_pair", "decoded_path", "column"),
    )  # fmt: skip


def _of_lines(words: Words) -> tuple[Measure, ...]:
    return (
        Measure("most_changing", f"line that changes the {words.one} most"),
        Measure("line", "axes from 0, principal components from 1", dims=("line",)),
        Measure("line_spread", "standard deviation", "latent units", dims=("line",)),
        Measure("line_change", f"root mean square over {words.values} between {words.many} at -1 "
                "and +1 standard deviation", dims=("line",)),
        Measure("line_distance", DISTANCE, dims=("line", "line_column")),
        *_decoded(words, "line_images", "lines", "line", "line_column"),
    )  # fmt: skip


def _decoded(words: Words, name: str, text: str, *dims: str) -> tuple[Measure, ...]:
    """Return what is decoded: images, or rows with values as they are."""
    if words.kind == "image":
        return (Measure(name, f"{text}, 0 to 255", dims=(*dims, *words.dims(3))),)
    if words.kind == "volume":
        text += ", the slice through the middle"
    return tuple(
        Measure(name, text, dims=(*dims, *words.dims(axes))) for axes in range(1, MOST_AXES + 1)
    )
