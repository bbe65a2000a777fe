"""The figure of `radius`: density over the radius, with the null band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import NULL_COLOR, ORIGIN_COLOR, finish, new_figure, styles
from latent_analyze.plugin import Figure, Result, ResultSet
from latent_analyze_plugins.radius.findings import shell
from latent_analyze_plugins.shared.histograms import quantile_positions, rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAR = 5.0
"""A shell this many times farther out or in than the reference's would squeeze it to a line."""

TALL = 3.0
"""Curves this many times higher than the data's are cut: a sphere has one interval of all."""

NULL_COLORS = (NULL_COLOR, "#333333")


def draw(results: ResultSet) -> Figure:
    """Return the figure: densities, and a panel of ranges where a shown shell lies far away."""
    drawable = {label: r for label, r in results.results.items() if r["counts"].any()}
    far = [label for label, r in drawable.items() if _is_far(r, results.data)]
    if far:
        lower = 0.5 + 0.2 * len(drawable)
        figure, (axis, ranges) = new_figure(
            2, 1, height=(3.4 + lower) / 2, height_ratios=(3.0, lower)
        )
        _draw_ranges(ranges, drawable, results)
    else:
        figure, axis = new_figure()
    near = {label: r for label, r in drawable.items() if label not in far}
    _draw_densities(axis, near, results)
    axis.axvline(
        results.frame["expected"], color=ORIGIN_COLOR, lw=0.8, ls=(0, (1, 2)),
        label="expected radius",
    )  # fmt: skip
    _draw_nulls(axis, results)
    axis.set(xlabel="radius |z|, latent units", ylabel="share of z-points per latent unit")
    top = max(_peak(r) for r in near.values())
    cut = TALL * _peak(results.data)
    axis.set_ylim(0, min(1.05 * top, cut))
    finish(figure)
    return Figure("radius", _caption(results, far, cut=top > cut), figure, _alt(results))


def _is_far(result: Result, data: Result) -> bool:
    low, high = sorted([result["median"], data["median"]])
    return bool(high > FAR * low > 0)


def _peak(result: Result) -> float:
    return float(_density(result["counts"], result["bin_width"]).max())


def _draw_densities(axis: Axes, near: dict[str, Result], results: ResultSet) -> None:
    look = styles(results)
    limits = []
    for label, result in near.items():
        counts, width = result["counts"], result["bin_width"]
        first = int(np.flatnonzero(counts)[0])
        edges = np.arange(first, len(counts) + 1) * width
        axis.stairs(
            _density(counts[first:], width), edges, color=look[label].color,
            ls=look[label].dash, lw=1.3, label=label, zorder=3,
        )  # fmt: skip
        limits += [quantile_positions(counts[None], q)[0] * width for q in (0.0005, 0.9995)]
    margin = max(0.04 * (max(limits) - min(limits)), width)
    axis.set_xlim(max(min(limits) - margin, 0.0), max(limits) + margin)


def _draw_nulls(axis: Axes, results: ResultSet) -> None:
    width = results.data["bin_width"]
    for i, (null, members) in enumerate(results.ensembles.items()):
        low, middle, high = results.band("counts", null, transform=lambda c: _density(c, width))
        edges = np.arange(len(high) + 1) * width
        color = NULL_COLORS[i % len(NULL_COLORS)]
        if len(members) > 1:
            axis.stairs(high, edges, baseline=low, fill=True, lw=0, color=color, alpha=0.5)
        label = f"{null} (null)"
        # The line keeps a band visible that is thinner than a line.
        axis.stairs(middle, edges, color=color, lw=2.0, alpha=0.7, label=label, zorder=2)


def _draw_ranges(axis: Axes, drawable: dict[str, Result], results: ResultSet) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    look = styles(results)
    for row, (label, result) in enumerate(drawable.items()):
        color, marker = look[label].color, look[label].marker
        axis.plot([result["q05"], result["q95"]], [row, row], color=color, lw=3)
        axis.plot(result["median"], row, marker, color=color, mec="white", ms=7)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_yticks(range(len(drawable)), list(drawable))
    axis.set_ylim(len(drawable) - 0.5, -0.5)
    axis.set_xlabel("median and 5-95 % range of the radius, latent units, logarithmic axis")


def _density(counts: NDArray[Any], width: float) -> NDArray[np.float64]:
    return np.asarray(counts / (max(counts.sum(), 1) * width), np.float64)


def _caption(results: ResultSet, far: list[str], *, cut: bool) -> str:
    data = results.data
    text = (
        "How far the z-points lie from the origin: a shell of radius "
        f"{shell(data['mean'], data['std'])}. Each curve is the share of z-points per unit of "
        f"radius, counted in intervals of {data['bin_width']:g}; the area under it is 1. The "
        "dotted line is the radius that mean and covariance of the data lead to."
    )
    if results.ensembles:
        text += (
            " The gray line is the median of artificial draws of the null model, with the band "
            "that holds 90 % of them (often thinner than the line): where the data leave it, the "
            "null model does not explain them."
        )
    if cut:
        text += " Curves that leave the upper edge are cut."
    if far:
        text += (
            f" {' and '.join(far)} lie{'s' if len(far) == 1 else ''} too far away for the upper "
            "panel; the lower one has a logarithmic axis."
        )
    return text


def _alt(results: ResultSet) -> str:
    parts = [
        f"{label} around {rounded(r['median'], r['std'])} (5-95 %: {rounded(r['q05'], r['std'])} "
        f"to {rounded(r['q95'], r['std'])})"
        for label, r in results.results.items()
    ]
    return "Density over the radius: " + ", ".join(parts)
