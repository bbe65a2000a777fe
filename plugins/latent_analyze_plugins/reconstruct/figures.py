"""Figures: originals over reconstructions, errors by split, errors over the position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import (
    DATA_COLOR,
    ORIGIN_COLOR,
    SHOWN_COLORS,
    SHOWN_DASHES,
    RowPairs,
    Words,
    draw_pairs,
    finish,
    new_figure,
    words_of,
)  # fmt: skip
from latent_analyze.plugin import Figure, Result, ResultSet
from latent_analyze_plugins.reconstruct.columns import draw_columns
from latent_analyze_plugins.reconstruct.findings import split_names

HEADS = ("evenly over\nall errors", "best", "worst")
ERRORS = {
    "image_mse": "mean squared error per {value}",
    "image_wrong": "share of wrong values",
    "image_ssim": "structural similarity (1 is equal)",
}
POSITIONS = {
    "radius": "radius (latent units)",
    "neighbor": "distance to the {k}th neighbor\n(latent units)",
}


@dataclass(frozen=True)
class _View:
    """The result of the data, the words for its rows, and how their error is measured."""

    data: Result
    words: Words
    error: str

    @property
    def errors(self) -> NDArray[Any]:
        """The error of each row."""
        return np.asarray(self.data[f"image_{self.error}"])

    @property
    def what(self) -> str:
        """What the error is, for a label of an axis."""
        return ERRORS[f"image_{self.error}"].format(value=self.words.value)


def draw(results: ResultSet, k: int) -> list[Figure]:
    """Return the examples, columns, the distribution of errors, and errors over the position."""
    frame = results.frame
    view = _View(results.data, words_of(frame["kind"]), frame["error"])
    figures = [_draw_examples(view, frame["names"])]
    if "feature_explained" in view.data.arrays:
        figures.append(draw_columns(view.data))
    figures.append(_draw_errors(view))
    return [*figures, _draw_positions(view, k)] if "radius" in view.data.arrays else figures


def _draw_examples(view: _View, names: NDArray[np.str_]) -> Figure:
    data, words, places = view.data, view.words, view.data["example"]
    short = "wrong" if view.error == "wrong" else "mse"
    groups = [
        RowPairs(head, original, decoded, [f"{short} {error:.3g}" for error in view.errors[own]])
        for head, original, decoded, own in zip(
            HEADS, data["original"], data["decoded"], places, strict=True
        )
    ]
    value = "category" if short == "wrong" else "value"
    figure = draw_pairs(groups, words.kind, value=value, names=names.tolist())
    ends = view.errors[places[:, [0, -1]]]
    even, best, worst = (f"{low:.3g} to {high:.3g}" for low, high in ends)
    sorting = "share of wrong values" if short == "wrong" else "mean squared error"
    beside = "over" if words.kind in ("image", "window", "volume") else "and"
    caption = (
        f"Originals {beside} reconstructions, sorted by {sorting}. Above: from the 2nd to the"
        f" 98th percentile of the error ({even}); middle: the best ({best}); below: the worst"
        f" ({worst}) of {data.sample_size:,} sampled {words.many}."
    )
    return Figure("reconstruct", caption, figure, "Originals and reconstructions, best and worst.")


def _draw_errors(view: _View) -> Figure:
    data, many = view.data, view.words.many
    names = [name for name in ERRORS if name in data.arrays]
    figure, axes = new_figure(1, len(names), height=3.2, squeeze=False)
    splits = {name: data["split"] == name for name in split_names(data, view.error)}
    groups = splits or {"all": np.ones(len(view.errors), bool)}
    # So many intervals that the smallest group has about a dozen rows in each.
    bins = min(max(min(int(own.sum()) for own in groups.values()) // 12, 8), 40)
    looks = [(DATA_COLOR, "-"), *zip(SHOWN_COLORS, SHOWN_DASHES, strict=True)]
    for axis, name in zip(axes[0], names, strict=True):
        edges = np.histogram_bin_edges(data[name], bins=bins)
        for (label, own), (color, dash) in zip(groups.items(), looks, strict=False):
            values, look = data[name][own], {"color": color, "ls": dash}
            share = np.histogram(values, edges)[0] / len(values)
            axis.stairs(share, edges, lw=1.4, label=f"{label} ({len(values):,} {many})", **look)
            axis.axvline(np.median(values), lw=0.8, alpha=0.7, **look)
        label = ERRORS[name].format(value=view.words.value)
        axis.set(xlabel=label, ylabel=f"share of {many} per interval", ylim=(0, None))
    caption = f"Errors of the sampled {many}. The thin vertical line is the median."
    if splits:
        caption = (
            f"Errors of the sampled {many} by split. Thin vertical lines are medians; curves that"
            f" lie over each other say that the model does as well on {many} that it was not"
            " trained on."
        )
    alt = f"Median error {data[f'{view.error}_median']:.3g}."
    return Figure("reconstruct-errors", caption, finish(figure), alt)


def _draw_positions(view: _View, k: int) -> Figure:
    data, errors = view.data, view.errors
    figure, axes = new_figure(1, 2, height=3.2, sharey=True)
    ranks = {name: data[f"rank_{name}"] for name in POSITIONS if f"rank_{name}" in data.scalars}
    for axis, (name, label) in zip(axes, POSITIONS.items(), strict=True):
        _draw_position(axis, view, name)
        if name in ranks:
            axis.set_title(f"rank correlation {ranks[name]:+.2f}", loc="left", fontsize=9)
        axis.set_xlabel(label.format(k=k))
    axes[0].set_ylabel(view.what)
    axes[0].set_ylim(0, 1.05 * float(np.quantile(errors, 0.998)) or None)
    caption = (
        f"The error of each sampled {view.words.one} over where its z-point lies: its distance from"
        f" the origin, and the distance of its {k}th nearest neighbor in the sample, large where"
        f" z-points are thinly spread. Black: tenths of the {view.words.many}. The few largest"
        " errors are cut."
    )
    text = ", ".join(f"{name} {rank:+.2f}" for name, rank in ranks.items()) or "none"
    alt = f"Rank correlations of the error: {text}."
    return Figure("reconstruct-places", caption, finish(figure), alt)


def _draw_position(axis: Any, view: _View, name: str) -> None:
    """Draw the error of every row, and quartiles in each tenth, over a position."""
    look = {"marker": ".", "ls": "", "color": DATA_COLOR}
    data = view.data
    axis.plot(data[name], view.errors, ms=2.5, alpha=0.35, mew=0, rasterized=True, **look)
    axis.plot([], [], ms=6, label=view.words.many, **look)
    low, middle, high = data[f"{view.error}_by_{name}"].T
    axis.errorbar(
        data[f"{name}_bin"], middle, yerr=np.abs([middle - low, high - middle]), fmt="o-",
        color=ORIGIN_COLOR, ms=4, lw=1.3, elinewidth=0.9,
        label="median and middle half of each tenth",
    )  # fmt: skip
