"""The panels of the figures: one cloud seen as projection, zoom and slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import ORIGIN_COLOR, Style, styles
from latent_analyze_plugins.slices.output import pair_name

if TYPE_CHECKING:
    from latent_analyze.plugin import Result, ResultSet

OVERLAID_POINTS = 100
"""Points drawn of each source laid over a cloud: more would hide it."""


@dataclass(frozen=True)
class Row:
    """One row of panels: a cloud, and the sources laid over it."""

    label: str
    result: Result
    style: Style
    over: Mapping[str, Result]


class Panels:
    """The three views of one row for one pair.

    Parameters
    ----------
    results
        Gives frame and styles; the reference sets the shades of all rows.
    index
        Number of the pair in the frame.
    row
        What is drawn.
    """

    def __init__(self, results: ResultSet, index: int, row: Row) -> None:
        self.frame, self.index, self.row = results.frame, index, row
        self.pair = results.frame["pairs"][index]
        self.styles = styles(results)
        self.brightest = int(results.data["cells"][index].max())
        low, width = self.frame["low"][index], self.frame["width"][index]
        self.window = (low[0], low[0] + width, low[1], low[1] + width)

    def draw_projection(self, axis: Any) -> None:
        """Draw counts per cell of everything, on one logarithmic scale for all rows."""
        from matplotlib.colors import LinearSegmentedColormap, LogNorm
        from matplotlib.patches import Rectangle

        shades = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", self.row.style.color])
        axis.imshow(
            np.ma.masked_equal(self.row.result["cells"][self.index].T, 0), extent=self.window,
            origin="lower", cmap=shades, norm=LogNorm(0.2, max(self.brightest, 2)),
        )  # fmt: skip
        # Empty artists give the legend marks that can be seen; those of the points are tiny.
        axis.plot([], [], "o", ms=5, color=self.row.style.color, label=self.row.label)
        self._overlay(axis, "projection")
        self._finish(axis, f"projection\nall {self.row.result['n']:,}", self.window)
        self._state(axis, {self.row.label: self.row.result, **self.row.over}, self._outside)
        corner, side = (-self.frame["zoom"],) * 2, 2 * self.frame["zoom"]
        axis.add_patch(
            Rectangle(corner, side, side, fill=False, lw=0.9, zorder=4, label="zoom window")
        )
        axis.set_ylabel(f"axis {self.pair[1]} (latent units)")

    def draw_zoom(self, axis: Any) -> None:
        """Draw the points of the window at the origin."""
        zoom = self.frame["zoom"]
        self._points(axis, "zoom")
        self._overlay(axis, "zoom")
        title = f"zoom, within ±{zoom:.3g}\n{self._inside(self.row.result)}"
        self._finish(axis, title, (-zoom, zoom, -zoom, zoom))
        self._state(axis, self.row.over, self._inside)
        if not self.row.result["zoom_count"][self.index]:
            self._say(axis, 0.88, "no z-point is so near")

    def draw_slice(self, axis: Any) -> None:
        """Draw the survivors."""
        self._points(axis, "slice")
        self._overlay(axis, "slice")
        title = f"slice, b = {self.frame['b']:.3g}\n{self._survivors(self.row.result)}"
        self._finish(axis, title, self.window)
        self._state(axis, self.row.over, self._survivors)
        if not self.row.result[f"survivors_{pair_name(self.pair)}"]:
            first = float(self.row.result["smallest_b"][self.index])
            self._say(axis, 0.88, f"none survives; the first\ndoes at b = {first:.3g}")

    def _points(self, axis: Any, view: str) -> None:
        points = _finite(self.row.result[view][self.index])
        size = float(np.clip(6000 / max(len(points), 1), 1.5, 10))
        axis.scatter(*points.T, s=size, color=self.row.style.color, alpha=0.6, lw=0)

    def _overlay(self, axis: Any, view: str) -> None:
        for label, result in self.row.over.items():
            points = _finite(result[view][self.index])[:OVERLAID_POINTS]
            axis.plot(
                *points.T, ls="", marker=self.styles[label].marker, ms=3, mew=0.7, mfc="none",
                color=self.styles[label].color, alpha=0.85, label=label, zorder=3,
            )  # fmt: skip

    def _finish(self, axis: Any, title: str, window: tuple[float, ...]) -> None:
        left, right, low, high = window
        axis.set(xlim=(left, right), ylim=(low, high), aspect="equal")
        axis.set_xlabel(f"axis {self.pair[0]} (latent units)")
        axis.set_title(title, fontsize=9)
        axis.plot(0, 0, "+", ms=11, mew=1.8, color=ORIGIN_COLOR, ls="", label="origin", zorder=5)
        if not (left <= 0 <= right and low <= 0 <= high):
            self._say(axis, 0.2, "the origin lies outside")

    def _say(self, axis: Any, height: float, text: str) -> None:
        axis.text(
            0.5, height, text, fontsize=8, color=self.row.style.color,
            transform=axis.transAxes, ha="center", va="center", zorder=6,
        )  # fmt: skip

    def _state(self, axis: Any, over: Mapping[str, Result], count: Callable[[Result], str]) -> None:
        """Write a number of each source into the lower right corner, in its color."""
        counted = [(label, count(result)) for label, result in over.items()]
        for place, (label, text) in enumerate(line for line in counted if line[1]):
            style = self.row.style if label == self.row.label else self.styles[label]
            axis.text(
                0.98, 0.02 + 0.075 * place, text, color=style.color, transform=axis.transAxes,
                ha="right", va="bottom", fontsize=7.5, zorder=6,
                bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8},
            )  # fmt: skip

    def _outside(self, result: Result) -> str:
        share = result["outside"][self.index] / result["n"]
        return f"{100 * share:.2g} % outside" if share else ""

    def _inside(self, result: Result) -> str:
        return f"{result['zoom_count'][self.index]:,} of {result['n']:,}"

    def _survivors(self, result: Result) -> str:
        return f"{result[f'survivors_{pair_name(self.pair)}']:,} of {result['n']:,}"


def _finite(points: Any) -> Any:
    """Return the points without the padding, in order of their priority."""
    return points[np.isfinite(points[:, 0])]
