"""The figures of `axis_density`: all axes, and those that stand out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import (
    DATA_COLOR,
    finish,
    gray_caption,
    new_figure,
    new_panels,
    overlay,
)
from latent_analyze.plugin import Figure, Frame, Result, ResultSet
from latent_analyze_plugins.axis_density.compute import smooth
from latent_analyze_plugins.axis_density.findings import describe_axis, ranked

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = 32
"""Up to so many axes are drawn one by one; of more, the range that holds 90 % of them."""
ROWS, PANELS = 400, 8
"""Most axes that get a row of pixels of their own, and most in the figure of outstanding ones."""
FAR_APART = 4
"""Axes whose intervals lie so many times their extent apart are drawn about their middles."""


class _CommonAxis:
    """One axis for the intervals of all latent axes; `edges` in latent units."""

    def __init__(self, frame: Frame) -> None:
        start, bins, self.width = frame["start"], frame["bins"], frame["bin_width"]
        self.centered = bool(np.ptp(start) > FAR_APART * bins)
        first = np.full_like(start, -(bins // 2)) if self.centered else start
        self.offset = first - first.min()
        self.edges = (first.min() + np.arange(self.offset.max() + bins + 1)) * self.width

    def placed(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return values per interval (axes, bins) on the common axis, shape (axes, edges - 1)."""
        placed = np.zeros((len(values), len(self.edges) - 1))
        for target, offset, row in zip(placed, self.offset, values, strict=True):
            target[offset : offset + len(row)] = row
        return placed

    def pooled(self, result: Result) -> NDArray[np.float64]:
        """Return the density over all axes together, per latent unit, shape (edges - 1,)."""
        total = self.placed(result["counts"]).sum(axis=0)
        return np.asarray(total / (max(result["count"], 1) * result["axes"] * self.width))

    def limits(self, result: Result) -> tuple[float, float]:
        """Return the range that holds 99.9 % of the counts, with a margin."""
        below = np.cumsum(self.pooled(result))
        first, last = np.searchsorted(below / below[-1], (0.0005, 0.9995))
        low, high = self.edges[first], self.edges[last + 1]
        margin = 0.05 * (high - low) + self.width
        return low - margin, high + margin


def _curves(result: Result, frame: Frame, axes: Any) -> NDArray[np.float64]:
    """Return the smoothed densities of some axes, per latent unit, shape (axes, bins)."""
    width = frame["bin_width"]
    smoothed = smooth(result["counts"][axes], frame["bandwidth"][axes] / width)
    return smoothed / (max(result["count"], 1) * width)


def draw_all(results: ResultSet) -> Figure:
    """Return the figure of all axes: a picture of each, and the density of all together."""
    data, common = results.data, _CommonAxis(results.frame)
    figure, (picture, curves) = new_figure(2, 1, height=2.9, sharex=True, height_ratios=(1.1, 1.0))
    densities = common.placed(_curves(data, results.frame, slice(None)))
    _draw_picture(picture, densities, common.edges)
    overlay(curves, results, common.pooled, over=common.edges, steps=True)
    single = _draw_axes(curves, common.edges[:-1] + 0.5 * common.width, densities)
    pooled = common.pooled(data).max()
    what = "value minus middle of the axis" if common.centered else "value along the axis"
    top = max(pooled, min(single, 4 * pooled))
    curves.set(xlim=common.limits(data), ylim=(0, 1.1 * top), xlabel=f"{what}, latent units",
               ylabel="share of values per latent unit")  # fmt: skip
    caption = _caption(results, common.centered)
    return Figure("axis_density", caption, finish(figure), caption)


def _draw_picture(picture: Axes, densities: NDArray[Any], edges: NDArray[Any]) -> None:
    from matplotlib.ticker import MaxNLocator

    relative = densities / np.maximum(densities.max(axis=1, keepdims=True), 1e-300)
    extent = (edges[0], edges[-1], len(densities) - 0.5, -0.5)
    image = picture.imshow(
        relative, aspect="auto", cmap="Blues", vmin=0, vmax=1, extent=extent,
        interpolation="nearest" if len(densities) <= ROWS else "auto",
    )  # fmt: skip
    picture.set_ylabel("axis (numbered from 0)")
    picture.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    bar = picture.figure.colorbar(image, ax=picture, pad=0.01)
    bar.set_label("density / highest\nof the axis", fontsize=8)
    bar.ax.tick_params(labelsize=8)


def _draw_axes(curves: Axes, points: NDArray[Any], densities: NDArray[Any]) -> float:
    """Draw the single axes of the data, or the range of many; returns the highest density."""
    if len(densities) <= LINES:
        lines = curves.plot(points, densities.T, color=DATA_COLOR, lw=0.6, alpha=0.45)
        lines[0].set_label("single axes of the data")
        return float(densities.max())
    low, high = np.quantile(densities, [0.05, 0.95], axis=0)
    label = "90 % of the data's axes"
    curves.fill_between(points, low, high, color=DATA_COLOR, alpha=0.15, lw=0, label=label)
    return float(high.max())


def _caption(results: ResultSet, centered: bool) -> str:
    few = results.data["axes"] <= LINES
    text = (
        f"All axes of {results.reference} ({results.data['axes']}). Above, one row per axis: the "
        "darker, the more z-points have this value, relative to the axis' highest density. Below, "
        "the values of all axes together for each source, over "
        f"{'the single axes' if few else 'the range that holds 90 % of the axes'} of the data; "
        f"intervals of {results.frame['bin_width']:g}."
    )
    apart = " The axes lie far apart, so each is shown about the middle of its own range."
    return text + gray_caption(results) + (apart if centered else "")


def draw_outstanding(results: ResultSet) -> Iterable[Figure]:
    """Yield the figure of the axes that stand out, or have several modes, if there are any."""
    data = results.data
    several = np.flatnonzero(data["modes"] > 1)
    chosen = list(dict.fromkeys([*ranked(data).tolist(), *several.tolist()]))[:PANELS]
    if not chosen:
        return
    figure, grid = new_panels(len(chosen), 4, height=2.5)
    for panel, axis in zip(grid.flat, chosen, strict=False):
        _draw_panel(panel, results, axis)
        panel.set_xlabel("value along the axis,\nlatent units")
    for panel in grid[:, 0]:
        panel.set_ylabel("share per latent unit")
    text = (
        "The axes of the data that stand out among the others in center or width, the most "
        "outstanding first, then those with several modes. Axes are numbered from 0; the curves "
        "are smoothed, and cut where another source is far denser."
    ) + gray_caption(results)
    named = "; ".join(describe_axis(data, axis) for axis in chosen)
    yield Figure("axis_density_outstanding", text, finish(figure), named)


def _draw_panel(panel: Axes, results: ResultSet, axis: int) -> None:
    data, frame = results.data, results.frame

    def curve(result: Result) -> NDArray[np.float64]:
        return _curves(result, frame, [axis])[0]

    x = data["low_edge"][axis] + frame["bin_width"] * (np.arange(frame["bins"]) + 0.5)
    y = curve(data)
    overlay(panel, results, curve, over=x)
    seen = np.flatnonzero(y > 1e-3 * y.max())
    panel.set(xlim=(x[seen[0]], x[seen[-1]]), ylim=(0, 1.6 * y.max()))
    modes = f"axis {axis}\n{data['modes'][axis]} modes"
    several = not data["stands_out"][axis]
    panel.set_title(modes if several else describe_axis(data, axis).replace(": ", "\n"), fontsize=8)
