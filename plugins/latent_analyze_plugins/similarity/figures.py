"""Figures: the measures of all pairs beside chance; spectra and radii of all spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import (
    DATA_COLOR,
    NULL_COLOR,
    SHOWN_COLORS,
    SHOWN_DASHES,
    SHOWN_MARKERS,
    finish,
    new_figure,
)
from latent_analyze.plugin import Figure
from latent_analyze_plugins.shared.ranks import binned_quantiles
from latent_analyze_plugins.similarity.findings import own_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latent_analyze.plugin import Result, ResultSet

PANELS = (
    ("knn_overlap", "common neighbors\n(share, 1 is equal)"),
    ("cka", "linear CKA\n(1 is equal)"),
    ("procrustes", "left by rotation and scaling\n(share of variance, 0 is equal)"),
)
MOST_PAIRS = 28
OTHERS_COLOR = "#E69F00"


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield the pairs, and what the spaces look like on their own."""
    yield _draw_pairs(results)
    yield _draw_spaces(results)


def _draw_pairs(results: ResultSet) -> Figure:
    data = results.data
    own, mutual = own_pairs(data)
    pairs = (own + mutual)[:MOST_PAIRS]
    figure, axes = new_figure(1, len(PANELS), height=1.5 + 0.24 * len(pairs), sharey=True)
    for axis, (name, label) in zip(axes, PANELS, strict=True):
        for row, place in enumerate(pairs):
            value, chance = float(data[name][place]), float(data[f"{name}_chance"][place])
            _draw_dot(axis, row, (value, chance, place in own))
        axis.set(xlabel=label, xlim=(-0.04, 1.04), ylim=(len(pairs) - 0.4, -0.6))
        axis.grid(axis="x", lw=0.4, color="#DDDDDD")
        axis.set_axisbelow(True)
    names = [" and ".join(map(str, data["pair"][place])) for place in pairs]
    axes[0].set_yticks(range(len(pairs)), names)
    finish(figure)
    caption = (
        f"How alike the spaces are, on {data['rows']:,} rows that they have in common. Circles:"
        f" pairs with {results.reference}. Gray: the mean of the same measure with rows shuffled,"
        " so what chance gives."
    )
    if mutual:
        caption += " Squares: pairs of the others, the yardstick."
    shares = [f"{100 * data['knn_overlap'][place]:.3g} %" for place in pairs]
    alt = ", ".join(f"{name} {share}" for name, share in zip(names, shares, strict=True))
    return Figure("similarity", caption, figure, f"Share of common nearest neighbors: {alt}.")


def _draw_dot(axis: Any, row: int, pair: tuple[float, float, bool]) -> None:
    value, chance, own = pair
    color, marker = (DATA_COLOR, "o") if own else (OTHERS_COLOR, "s")
    label = "with the reference" if own else "between the others"
    axis.plot([value, chance], [row, row], color="#CCCCCC", lw=1.2, zorder=1)
    axis.plot(chance, row, "|", color=NULL_COLOR, ms=9, mew=2, label="shuffled rows", zorder=2)
    axis.plot(value, row, marker, color=color, ms=6, mec="white", label=label, zorder=3)


def _draw_spaces(results: ResultSet) -> Figure:
    data = results.data
    figure, (left, right) = new_figure(1, 2, height=3.3)
    looks = [(DATA_COLOR, "-", "o"), *zip(SHOWN_COLORS, SHOWN_DASHES, SHOWN_MARKERS, strict=True)]
    shown = [str(name) for name in data["space"]][: len(looks)]
    for place, name in enumerate(shown):
        _draw_spectrum(left, data["spectrum"][place], (name, *looks[place]))
    left.set(xlabel="principal component", ylabel="share of the variance", yscale="log")
    left.set_ylim(bottom=max(left.get_ylim()[0], 1e-5))
    left.xaxis.get_major_locator().set_params(integer=True)
    names = [str(name) for name in data["radius_space"]]
    own = data["radius"][0] / np.median(data["radius"][0])
    for place, name in enumerate(shown):
        if place and name in names:
            radii = data["radius"][names.index(name)]
            _draw_radii(right, own, (radii / np.median(radii), looks[place]))
    right.axline((1, 1), slope=1, color=NULL_COLOR, lw=0.8, label="equal")
    right.set(
        xlabel=f"distance from the mean in {shown[0]}\n(1 is the median)",
        ylabel="the same rows in the other space\n(1 is the median there)",
    )
    finish(figure)
    caption = (
        "Left: how the variance is spread over principal components in each space. Right: rows in"
        f" ten groups of growing distance from the mean in {shown[0]}; markers are the median"
        " distance of the same rows in the other spaces, bars hold their middle half. A flat line"
        " says that far out here has nothing to do with far out there."
    )
    return Figure("similarity-spaces", caption, figure, _alt(data, shown))


def _draw_spectrum(axis: Any, spectrum: Any, look: tuple[str, str, Any, str]) -> None:
    name, color, dash, marker = look
    kept = spectrum[: max(int((spectrum > 0).sum()), 1)]
    axis.plot(
        np.arange(1, len(kept) + 1), kept, color=color, ls=dash, lw=1.3, ms=3.5,
        marker=marker if len(kept) <= 64 else "", label=name,
    )  # fmt: skip


def _draw_radii(axis: Any, own: Any, other: tuple[Any, tuple[str, Any, str]]) -> None:
    radii, (color, dash, marker) = other
    centers, quartiles = binned_quantiles(own, radii)
    axis.errorbar(
        centers, quartiles[:, 1], yerr=np.abs(quartiles[:, [0, 2]] - quartiles[:, [1]]).T,
        color=color, ls=dash, marker=marker, ms=4, lw=1.2, elinewidth=0.7,
    )  # fmt: skip


def _alt(data: Result, shown: list[str]) -> str:
    ratios = [data["participation_ratio"]]
    ratios += [data[f"participation_ratio[{name}]"] for name in shown[1:]]
    parts = [f"{name} {ratio:.3g}" for name, ratio in zip(shown, ratios, strict=True)]
    return f"Components that share the variance as if evenly: {', '.join(parts)}."
