"""The measures of `random_decode`, in the words for images or other rows."""

from __future__ import annotations

from latent_analyze.plotting import Words, words_of
from latent_analyze.plugin import Measure
from latent_analyze_plugins.random_decode.without_data.measures import without_data_measures

MOST_AXES = 5
"""Axes of a decoded row that can be kept."""

RATES = (
    Measure("good_rate", "share of the outputs that are better than the worst tenth of held-out "
            "data", "share"),
    Measure("doubtful_rate", "share worse than that, and better than the worst fiftieth", "share"),
    Measure("coverage", "share of the data that the draws reach", "share"),
    Measure("coverage_interval", "95 % interval of the coverage", "share", dims=("bound",)),
    Measure("copied", "share of the draws that are copies of rows of the data", "share"),
    Measure("copied_interval", "95 % interval of the share of copies", "share", dims=("bound",)),
    Measure("copied_p_value", "probability of as many rows as close to the data, if new"),
    Measure("nearer", "share nearer to the data than 99 % of held-out rows are", "share"),
    Measure("cells_different", "share of the cells of the data with another share of draws; 0.05 "
            "is chance", "share"),
    Measure("class_share", "share of each class among the draws, by the nearest data", "share",
            dims=("class",)),
    Measure("class_missed", "1 where a class has less than a fifth of its share of the data",
            dims=("class",)),
    Measure("class_error", "share of held-out rows that get a wrong class so", "share"),
    Measure("quality", "share of held-out data that is no better", "share", dims=("row",)),
    Measure("good_relative_interval", "95 % interval of the good rate over that of held-out data",
            dims=("bound",)),
    Measure("departure", "first moment that differs from the data: which (radius, mean, spread, "
            "skewness, tails), along what (nothing, axis, component), its number, its value here, "
            "in the data, and the scale", dims=("departure_value",)),
    Measure("shown_quality", "quality of what is shown", "share", dims=("image",)),
    Measure("joint_rate", "share of the z-points that pass both tests", "share"),
    Measure("cycle_rate", "share that the encoder finds again: |E(D(z)) - z| within the "
            "held-out 95 % quantile", "share"),
    Measure("support_rate", "share within the k-NN radius of a z-point of the data", "share"),
    Measure("distance_relative", "median distance to the nearest z-point of the support set, "
            "over that of held-out data"),
    Measure("{test}_relative", "{test} rate over that of held-out data"),
    Measure("nonfinite", "outputs with NaN or infinity: no test passed", "z-points",
            said="the decoder gives NaN or infinity for {value:,} z-points"),
    Measure("interval", "95 % intervals of the rates (joint, cycle and support, those there "
            "are), low and high", "share", dims=("criterion", "bound")),
    Measure("{test}_score", "score in the {test} test, at most 1 passes", dims=("row",)),
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
    one, many, value = words.one, words.many, words.value
    image = (
        Measure("saturated", "share of pixels that are black or white in 8 bits", "share"),
    ) if words.kind == "image" else ()  # fmt: skip
    return (
        *RATES,
        Measure("mean_value", f"mean of all {words.values} shown"),
        Measure("contrast", f"standard deviation over the {words.values} of {words.a}, averaged "
                f"over {many} shown"),
        Measure("diversity", f"standard deviation over {many} shown at a {value}, averaged over "
                f"{words.values}"),
        *image,
        Measure("verdict", f"tests passed per {one}: 1 cycle, 2 support, 3 both",
                dims=("image",)),
        *shown_measures(words, "", "decoded", "image"),
        *shown_measures(words, "class_", "decoded with each class", "class", "image"),
        *shown_measures(words, "radius_", "decoded at each radius", "radius", "image"),
        *without_data_measures(words),
    )  # fmt: skip


def shown_measures(words: Words, start: str, text: str, *dims: str) -> tuple[Measure, ...]:
    """Return what is decoded and shown: `images`, `vectors`, or `decoded` for other shapes."""
    if words.kind == "image":
        return (Measure(f"{start}images", f"{text}, 0 to 255", dims=(*dims, *words.dims(3))),)
    text += ", the slice through the middle" if words.kind == "volume" else ""
    shapes = {
        f"{start}{'vectors' if axes == 1 else 'decoded'}": (*dims, *words.dims(axes))
        for axes in (1, 2)
    }
    named = [Measure(name, text, dims=found) for name, found in shapes.items()]
    more = range(3, MOST_AXES + 1)
    named += [Measure(f"{start}decoded", text, dims=(*dims, *words.dims(n))) for n in more]
    return tuple(named)
