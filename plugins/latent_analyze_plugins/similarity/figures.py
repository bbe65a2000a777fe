"""Figures: the measures of all pairs beside chance; spectra and radii of all spaces."""

from __future__ import annotations

from typing import Any

import numpy as np

from latent_analyze.plotting import (
    DATA_COLOR,
    NULL_COLOR,
    SHOWN_COLORS,
    SHOWN_DASHES,
    SHOWN_MARKERS,
    finish,
    new_figure,
    plain_log_ticks,
)
from latent_analyze.plugin import Figure, ResultSet
from latent_analyze.statistics import binned_quantiles
from latent_analyze_plugins.similarity.findings import pairs_of, spectra

PANELS = {
    "knn_overlap": "common neighbors\n(share, 1 is equal)",
    "cka": "linear CKA\n(1 is equal)",
    "procrustes": "left by rotation and scaling\n(share of variance, 0 is equal)",
}
MOST_PAIRS, MOST_MARKED = 28, 64
OTHERS_COLOR = "#E69F00"
LOOKS = ((DATA_COLOR, "-", "o"), *zip(SHOWN_COLORS, SHOWN_DASHES, SHOWN_MARKERS, strict=True))


def draw_pairs(results: ResultSet) -> Figure:
    """Return the figure of how alike each pair of spaces is."""
    data = results.data
    own, mutual = pairs_of(results)
    pairs = (own + mutual)[:MOST_PAIRS]
    rows, mine = np.arange(len(pairs)), np.isin(pairs, own)
    figure, axes = new_figure(1, len(PANELS), height=1.5 + 0.24 * len(pairs), sharey=True)
    for axis, (name, title) in zip(axes, PANELS.items(), strict=True):
        values, chance = data[name][pairs], data[f"{name}_chance"][pairs]
        axis.hlines(rows, values, chance, color="#CCCCCC", lw=1.2, zorder=1)
        axis.plot(chance, rows, "|", color=NULL_COLOR, ms=9, mew=2, label="shuffled rows")
        look: dict[str, Any] = {"ls": "", "ms": 6, "mec": "white", "zorder": 3}
        axis.plot(values[mine], rows[mine], "o", c=DATA_COLOR, label="with the reference", **look)
        if not mine.all():
            label = "between the others"
            axis.plot(values[~mine], rows[~mine], "s", c=OTHERS_COLOR, label=label, **look)
        axis.set(xlabel=title, xlim=(-0.04, 1.04), ylim=(len(pairs) - 0.4, -0.6))
        axis.grid(axis="x", lw=0.4, color="#DDDDDD")
        axis.set_axisbelow(True)
    names = [" and ".join(data["pair"][place]) for place in pairs]
    axes[0].set_yticks(range(len(pairs)), names)
    caption = (
        f"How alike the spaces are, on {data['rows']:,} rows that they have in common. Circles:"
        f" pairs with {results.reference}. Gray: the mean of the same measure with rows shuffled,"
        " so what chance gives."
    )
    if mutual:
        caption += " Squares: pairs of the others, the yardstick."
    shares = zip(names, 100 * data["knn_overlap"][pairs], strict=True)
    alt = ", ".join(f"{name} {share:.3g} %" for name, share in shares)
    alt = f"Share of common nearest neighbors: {alt}."
    return Figure("similarity", caption, finish(figure), alt)


def draw_spaces(results: ResultSet) -> Figure:
    """Return the figure of the spectra, and of where rows lie that are far out here."""
    data = results.data
    figure, (left, right) = new_figure(1, 2, height=3.3)
    radii = dict(zip(data["radius_space"], data["radius"], strict=True))
    radii = {name: values / np.median(values) for name, values in radii.items()}
    for name, spectrum, look in zip(data["space"], data["spectrum"], LOOKS, strict=False):
        color, dash, marker = look
        kept = spectrum[: max(int((spectrum > 0).sum()), 1)]
        left.plot(
            np.arange(1, len(kept) + 1), kept, color=color, ls=dash, lw=1.3, ms=3.5,
            marker=marker if len(kept) <= MOST_MARKED else "", label=name,
        )  # fmt: skip
        if name in radii and name != results.reference:
            centers, quartiles = binned_quantiles(radii[results.reference], radii[name])
            bars = np.abs(quartiles[:, [0, 2]] - quartiles[:, [1]]).T
            right.errorbar(
                centers, quartiles[:, 1], yerr=bars, color=color, ls=dash, marker=marker, ms=4,
                lw=1.2, elinewidth=0.7,
            )  # fmt: skip
    left.set(xlabel="principal component", ylabel="share of the variance", yscale="log")
    left.set_ylim(bottom=max(left.get_ylim()[0], 1e-5))
    plain_log_ticks(left, "y")
    left.xaxis.get_major_locator().set_params(integer=True)
    right.axline((1, 1), slope=1, color=NULL_COLOR, lw=0.8, label="equal")
    right.set(
        xlabel=f"distance from the mean in {results.reference}\n(1 is the median)",
        ylabel="the same rows in the other space\n(1 is the median there)",
    )
    caption = (
        "Left: how the variance is spread over principal components in each space. Right: rows in"
        f" ten groups of growing distance from the mean in {results.reference}; markers are the"
        " median distance of the same rows in the other spaces, bars hold their middle half. A"
        " flat line says that far out here has nothing to do with far out there."
    )
    return Figure("similarity-spaces", caption, finish(figure), spectra(data).text)
