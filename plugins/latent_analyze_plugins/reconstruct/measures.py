"""The measures of `reconstruct`, in the words for images or other rows."""

from __future__ import annotations

from latent_analyze.plotting import Words, words_of
from latent_analyze.plugin import Measure
from latent_analyze_plugins.reconstruct.columns import MEASURES

EXAMPLE = ("group", "place")
MOST_AXES = 5
"""Axes of a row that can be kept."""


def all_measures() -> tuple[Measure, ...]:
    """Return what the class declares: the measures for images, then those others have besides."""
    found: dict[tuple[str, int], Measure] = {}
    for kind, error in (("image", "mse"), ("row", "mse"), ("row", "wrong")):
        for measure in measures_of(words_of(kind), error):
            found.setdefault((measure.name, len(measure.dims)), measure)
    return tuple(found.values())


def measures_of(words: Words, error: str) -> tuple[Measure, ...]:
    """Return the measures for rows of a kind, whose error is ``"mse"`` or ``"wrong"``."""
    return (
        *(_of_numbers(words) if error == "mse" else _of_categories(words)),
        Measure(f"{error}_median", f"median over {words.many}"),
        Measure(f"{error}_q95", f"95 % quantile over {words.many}"),
        Measure("nonfinite", "decoded to NaN or infinity, left out", words.many,
                said="the decoder gives NaN or infinity for {value:,} z-points; they were left "
                "out"),
        Measure(f"{error}[{{split}}]", f"{error} of the split {{split}}"),
        Measure(f"{error}_error[{{split}}]", "standard error of it"),
        Measure("images[{split}]", "sampled of the split {split}", words.many),
        *(_of_images(words) if words.kind == "image" else ()),
        Measure("split", "the label split", dims=("row",)),
        *_over("radius", "radius", "distance from the origin", error),
        *_over("neighbor", "distance of the k-th nearest neighbor",
               "distance of the k-th nearest neighbor in the sample", error),
        *MEASURES,
        Measure("example", f"place in the arrays per {words.one}", dims=EXAMPLE),
        *_examples(words),
    )  # fmt: skip


def _of_numbers(words: Words) -> tuple[Measure, ...]:
    one = words.one
    return (
        Measure("mse", f"mean squared error per {words.value}"),
        Measure("explained", f"1 - mse / (mse of giving the mean {one} for every {one})", "share"),
        Measure("image_mse", f"squared error, averaged over {words.values}", dims=("row",)),
    )  # fmt: skip


def _of_categories(words: Words) -> tuple[Measure, ...]:
    return (
        Measure("accuracy", "share of values whose most likely category is right", "share"),
        Measure("wrong", "share of values whose most likely category is wrong", "share"),
        Measure("explained", "1 - wrong / (wrong if each place always gets its most frequent "
                "category)", "share"),
        Measure("image_wrong", f"share of values of the {words.one} that is wrong", "share",
                dims=("row",)),
    )  # fmt: skip


def _of_images(words: Words) -> tuple[Measure, ...]:
    entropy, floor = (
        "binary cross-entropy",
        "binary cross-entropy that a perfect reconstruction has",
    )
    similar = "structural similarity, 1 for equal images"
    return (
        Measure("bce", f"{entropy} per {words.value}", "nats"),
        Measure("bce_sum", f"{entropy} per {words.one}", "nats"),
        Measure("bce_floor", floor, "nats"),
        Measure("ssim", similar),
        Measure("outside", "decoded values outside [0, 1]; clipped for bce and ssim", "share",
                said="a share of {value:.2g} of the decoded values lies outside [0, 1]; they were "
                "clipped for cross-entropy and structural similarity"),
        Measure("ssim[{split}]", "ssim of the split {split}"),
        Measure("image_bce", f"{entropy}, averaged over {words.values}", "nats", dims=("row",)),
        Measure("image_bce_floor", floor, "nats", dims=("row",)),
        Measure("image_ssim", similar, dims=("row",)),
    )  # fmt: skip


def _over(name: str, short: str, text: str, error: str) -> tuple[Measure, ...]:
    """Return what a z-point's position is, and how the error depends on it."""
    tenth = f"{name}_bin"
    return (
        Measure(f"rank_{name}", f"rank correlation of {error} and {short}"),
        Measure(name, text, "latent units", dims=("row",)),
        Measure(tenth, "median of each tenth", "latent units", dims=(tenth,)),
        Measure(f"{error}_by_{name}", f"quartiles of {error} in each tenth",
                dims=(tenth, "quartile")),
    )  # fmt: skip


def _examples(words: Words) -> tuple[Measure, ...]:
    axes = (3,) if words.kind == "image" else range(1, MOST_AXES + 1)
    return tuple(
        Measure(
            name, f"{name} {words.many}: over all errors, best, worst",
            dims=(*EXAMPLE, *words.dims(count)),
        )
        for name in ("original", "decoded")
        for count in axes
    )  # fmt: skip
