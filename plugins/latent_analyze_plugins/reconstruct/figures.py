"""Figures: originals over reconstructions, errors by split, errors over the position."""

from __future__ import annotations

import numpy as np

from latent_analyze.plotting import (
    DATA_COLOR,
    ORIGIN_COLOR,
    SHOWN_COLORS,
    SHOWN_DASHES,
    GridRow,
    draw_curves,
    draw_grid,
    finish,
    new_figure,
)  # fmt: skip
from latent_analyze.plugin import Figure, Result
from latent_analyze_plugins.reconstruct.findings import split_names

HEADS = ("evenly over\nall errors", "best", "worst")
ERRORS = {
    "image_mse": "mean squared error per pixel",
    "image_ssim": "structural similarity (1 is equal)",
}
POSITIONS = {
    "radius": "radius (latent units)",
    "neighbor": "distance to the {k}th neighbor\n(latent units)",
}
CURVES = 4
"""Examples drawn per group, for decoders of vectors."""


def draw(data: Result, k: int) -> list[Figure]:
    """Return the examples, the distribution of errors, and errors over the position."""
    return [_draw_examples(data), _draw_errors(data), _draw_positions(data, k)]


def _draw_examples(data: Result) -> Figure:
    pairs = list(zip(HEADS, data["original"], data["decoded"], strict=True))
    if data["original"].ndim == 3:
        panels = [
            (head.replace("\n", " "), np.stack([original[place], decoded[place]]))
            for head, original, decoded in pairs
            for place in np.unique(np.linspace(0, len(original) - 1, CURVES).round().astype(int))
        ]
        figure = draw_curves(panels, positions=("original", "reconstruction"))
    else:
        rows = []
        for head, original, decoded in pairs:
            rows.append(GridRow(f"{head}\noriginals", original, group_start=True))
            rows.append(GridRow("reconstructions", decoded))
        figure = draw_grid(rows)
    ends = data["image_mse"][data["example"][:, [0, -1]]]
    even, best, worst = (f"{low:.3g} to {high:.3g}" for low, high in ends)
    caption = (
        "Originals over reconstructions, sorted by mean squared error. Above: from the 2nd to the"
        f" 98th percentile of the error ({even}); middle: the best ({best}); below: the worst"
        f" ({worst}) of {data.sample_size:,} sampled images."
    )
    return Figure("reconstruct", caption, figure, "Originals and reconstructions, best and worst.")


def _draw_errors(data: Result) -> Figure:
    names = [name for name in ERRORS if name in data.arrays]
    figure, axes = new_figure(1, len(names), height=3.2, squeeze=False)
    splits = {name: data["split"] == name for name in split_names(data)}
    groups = splits or {"all": np.ones(len(data["image_mse"]), bool)}
    # So many intervals that the smallest group has about a dozen images in each.
    bins = min(max(min(int(own.sum()) for own in groups.values()) // 12, 8), 40)
    looks = [(DATA_COLOR, "-"), *zip(SHOWN_COLORS, SHOWN_DASHES, strict=True)]
    for axis, name in zip(axes[0], names, strict=True):
        edges = np.histogram_bin_edges(data[name], bins=bins)
        for (label, own), (color, dash) in zip(groups.items(), looks, strict=False):
            values, look = data[name][own], {"color": color, "ls": dash}
            share = np.histogram(values, edges)[0] / len(values)
            axis.stairs(share, edges, lw=1.4, label=f"{label} ({len(values):,} images)", **look)
            axis.axvline(np.median(values), lw=0.8, alpha=0.7, **look)
        axis.set(xlabel=ERRORS[name], ylabel="share of images per interval", ylim=(0, None))
    caption = "Errors of the sampled images. The thin vertical line is the median."
    if splits:
        caption = (
            "Errors of the sampled images by split. Thin vertical lines are medians; curves that"
            " lie over each other say that the model does as well on images that it was not"
            " trained on."
        )
    alt = f"Median error {data['mse_median']:.3g}."
    return Figure("reconstruct-errors", caption, finish(figure), alt)


def _draw_positions(data: Result, k: int) -> Figure:
    figure, axes = new_figure(1, 2, height=3.2, sharey=True)
    ranks = {name: data[f"rank_{name}"] for name in POSITIONS if f"rank_{name}" in data.scalars}
    for axis, (name, label) in zip(axes, POSITIONS.items(), strict=True):
        look = {"marker": ".", "ls": "", "color": DATA_COLOR}
        axis.plot(data[name], data["image_mse"], ms=2.5, alpha=0.35, mew=0, rasterized=True, **look)
        axis.plot([], [], ms=6, label="images", **look)
        low, middle, high = data[f"mse_by_{name}"].T
        axis.errorbar(
            data[f"{name}_bin"], middle, yerr=np.abs([middle - low, high - middle]), fmt="o-",
            color=ORIGIN_COLOR, ms=4, lw=1.3, elinewidth=0.9,
            label="median and middle half of each tenth",
        )  # fmt: skip
        if name in ranks:
            axis.set_title(f"rank correlation {ranks[name]:+.2f}", loc="left", fontsize=9)
        axis.set_xlabel(label.format(k=k))
    axes[0].set_ylabel("mean squared error per pixel")
    axes[0].set_ylim(0, 1.05 * float(np.quantile(data["image_mse"], 0.998)) or None)
    caption = (
        "The error of each sampled image over where its z-point lies: its distance from the origin,"
        f" and the distance of its {k}th nearest neighbor in the sample, large where z-points are"
        " thinly spread. Black: tenths of the images. The few largest errors are cut."
    )
    text = ", ".join(f"{name} {rank:+.2f}" for name, rank in ranks.items()) or "none"
    alt = f"Rank correlations of the error: {text}."
    return Figure("reconstruct-places", caption, finish(figure), alt)
