"""Figures: originals over reconstructions, errors by split, errors over the place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from latent_analyze.plotting import (
    DATA_COLOR,
    ORIGIN_COLOR,
    SHOWN_COLORS,
    SHOWN_DASHES,
    GridRow,
    draw_grid,
    finish,
    new_figure,
)
from latent_analyze.plugin import Figure
from latent_analyze_plugins.reconstruct.findings import split_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latent_analyze.plugin import Result, ResultSet

HEADS = ("evenly over\nall errors", "best", "worst")
ERRORS = {
    "image_mse": "mean squared error per pixel",
    "image_ssim": "structural similarity (1 is equal)",
}
PLACES = {
    "radius": "radius (latent units)",
    "neighbor": "distance to the {k}th neighbor\n(latent units)",
}
CURVES = 4


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield the examples, the distribution of errors, and errors over the place."""
    yield _draw_examples(results.data)
    yield _draw_errors(results.data)
    yield _draw_places(results)


def _draw_examples(data: Result) -> Figure:
    original, decoded = data["original"], data["decoded"]
    if original.ndim == 3:
        figure = _draw_vectors(original, decoded)
    else:
        rows = []
        for group, head in enumerate(HEADS):
            rows.append(GridRow(f"{head}\noriginals", original[group], group_start=True))
            rows.append(GridRow("reconstructions", decoded[group]))
        figure = draw_grid(rows)
    mse = data["image_mse"][data["example"]]
    caption = (
        "Originals over reconstructions, sorted by mean squared error. Above: from the 2nd to the"
        f" 98th percentile of the error ({mse[0, 0]:.3g} to {mse[0, -1]:.3g}); middle: the best"
        f" ({mse[1, 0]:.3g} to {mse[1, -1]:.3g}); below: the worst"
        f" ({mse[2, 0]:.3g} to {mse[2, -1]:.3g}) of {data.sample_size:,} sampled images."
    )
    return Figure("reconstruct", caption, figure, "Originals and reconstructions, best and worst.")


def _draw_vectors(original: Any, decoded: Any) -> Any:
    count = min(CURVES, original.shape[1])
    figure, axes = new_figure(len(HEADS), count, height=1.5, squeeze=False, sharex=True)
    for group, head in enumerate(HEADS):
        last = original.shape[1] if group == 0 else count
        chosen = np.linspace(0, last - 1, count).round().astype(int)
        for axis, place in zip(axes[group], chosen, strict=True):
            axis.plot(original[group, place], color=DATA_COLOR, lw=1.1, label="original")
            axis.plot(
                decoded[group, place], color=SHOWN_COLORS[0], lw=1.1, ls="--",
                label="reconstruction",
            )  # fmt: skip
        axes[group, 0].set_title(head.replace("\n", " "), loc="left", fontsize=9)
        axes[group, 0].set_ylabel("value")
    for axis in axes[-1]:
        axis.set_xlabel("feature (index)")
    return finish(figure)


def _draw_errors(data: Result) -> Figure:
    names = [name for name in ERRORS if name in data.arrays]
    figure, axes = new_figure(1, len(names), height=3.2, squeeze=False)
    splits = split_names(data)
    groups = [(name, data["split"] == name) for name in splits]
    if not groups:
        groups = [("all", np.ones(len(data["image_mse"]), bool))]
    looks = [(DATA_COLOR, "-"), *zip(SHOWN_COLORS, SHOWN_DASHES, strict=True)]
    for axis, name in zip(axes[0], names, strict=True):
        edges = np.histogram_bin_edges(data[name], bins=_intervals(groups))
        for (label, chosen), (color, dash) in zip(groups, looks, strict=False):
            values = data[name][chosen]
            share, _ = np.histogram(values, edges)
            axis.stairs(
                share / len(values), edges, color=color, ls=dash, lw=1.4,
                label=f"{label} ({len(values):,} images)",
            )  # fmt: skip
            axis.axvline(np.median(values), color=color, ls=dash, lw=0.8, alpha=0.7)
        axis.set(xlabel=ERRORS[name], ylabel="share of images per interval", ylim=(0, None))
    finish(figure)
    caption = "Errors of the sampled images" + (" by split" if splits else "")
    caption += ". Thin vertical lines are medians; curves that lie over each other say that the"
    caption += " model does as well on images that it was not trained on." if splits else ""
    if not splits:
        caption = "Errors of the sampled images. The thin vertical line is the median."
    return Figure("reconstruct-errors", caption, figure, f"Median error {data['mse_median']:.3g}.")


def _intervals(groups: list[tuple[str, Any]]) -> int:
    """Return so many intervals that the smallest group has about a dozen images in each."""
    smallest = min(int(chosen.sum()) for _, chosen in groups)
    return min(max(smallest // 12, 8), 40)


def _draw_places(results: ResultSet) -> Figure:
    data, options = results.data, cast("Any", results.options)
    k = options.k
    figure, axes = new_figure(1, 2, height=3.2, sharey=True)
    for axis, (name, label) in zip(axes, PLACES.items(), strict=True):
        axis.plot(
            data[name], data["image_mse"], ".", color=DATA_COLOR, ms=2.5, alpha=0.35, mew=0,
            rasterized=True,
        )  # fmt: skip
        axis.plot([], [], ".", color=DATA_COLOR, ms=6, label="images")
        low, middle, high = data[f"mse_by_{name}"].T
        axis.errorbar(
            data[f"{name}_bin"], middle, yerr=np.abs([middle - low, high - middle]), fmt="o-",
            color=ORIGIN_COLOR, ms=4, lw=1.3, elinewidth=0.9,
            label="median and middle half of each tenth",
        )  # fmt: skip
        rank = data.scalars.get(f"rank_{name}")
        if rank is not None:
            axis.set_title(f"rank correlation {rank.value:+.2f}", loc="left", fontsize=9)
        axis.set_xlabel(label.format(k=k))
    axes[0].set_ylabel("mean squared error per pixel")
    axes[0].set_ylim(0, 1.05 * float(np.quantile(data["image_mse"], 0.998)) or None)
    finish(figure)
    caption = (
        "The error of each sampled image over where its z-point lies: its distance from the origin,"
        f" and the distance of its {k}th nearest neighbor in the sample, large where z-points are"
        " thinly spread. Black: tenths of the images. The few largest errors are cut."
    )
    return Figure("reconstruct-places", caption, figure, _alt(data))


def _alt(data: Result) -> str:
    parts = [
        f"{name} {data[f'rank_{name}']:+.2f}" for name in PLACES if f"rank_{name}" in data.scalars
    ]
    return f"Rank correlations of the error: {', '.join(parts) or 'none'}."
