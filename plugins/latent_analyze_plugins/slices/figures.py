"""Figures: three views per pair with the null drawn the same way, and survivors over b."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import (
    NULL_COLOR,
    ORIGIN_COLOR,
    Style,
    finish,
    gray_caption,
    new_figure,
    new_panels,
    one_draw,
    overlay,
    plain_log_ticks,
    styles,
)
from latent_analyze.plugin import Figure, Result, ResultSet

COLUMNS = 3
LEGEND = 0.6
"""Room for the legend below the panels, in inches."""
OVERLAID_POINTS = 100
"""Points drawn of each source laid over a cloud: more would hide it."""


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield one figure of views per pair, and one of survivors over b."""
    for index in range(len(results.frame["pairs"])):
        yield _draw_views(results, index)
    yield _draw_survivors(results)


def _draw_views(results: ResultSet, index: int) -> Figure:
    """Draw the data with the other sources over them, and below a draw of each null."""
    views, draws = _Views(results, index), one_draw(results)
    rows = [results.results, *({label: draw} for label, draw in draws.items())]
    figure, axes = new_figure(len(rows), 3, height=2.7 + LEGEND / len(rows), squeeze=False)
    for line, sources in zip(axes, rows, strict=True):
        views.draw(line, sources)
    i, j = views.pair
    text = (
        f"Axes {i} and {j}. Left: the projection of all z-points, counted per cell (darker: more, "
        "logarithmic). Middle: a zoom at the origin. Right: the slice, only z-points with "
        f"|x_j| <= {results.frame['b']:.3g} on all other axes. At most {views.most:,} points are "
        "drawn per view"
    )
    text += f", {OVERLAID_POINTS} of each source beside the data" if results.shown else ""
    text += "; below, one draw of each null drawn the same way." if draws else "."
    survive = f"{views.count(results.data, 'slice')} z-points survive in the slice."
    return Figure(f"slices-{i}-{j}", text, finish(figure), f"{text} {survive}")


class _Views:
    """The three views of one pair; the reference sets windows and shades of all rows."""

    def __init__(self, results: ResultSet, index: int) -> None:
        options: Any = results.options
        self.frame, self.index, self.styles = results.frame, index, styles(results)
        self.pair, self.most = results.frame["pairs"][index].tolist(), options.points
        self.brightest = max(int(results.data["cells"][index].max()), 2)
        (left, low), width = self.frame["low"][index], self.frame["width"][index]
        self.window = (left, left + width, low, low + width)

    def draw(self, axes: Any, sources: Mapping[str, Result]) -> None:
        """Draw the first source as projection, zoom and slice, and the others over it."""
        label, result = next(iter(sources.items()))
        b, zoom, color = self.frame["b"], self.frame["zoom"], self._style(label).color
        self._draw_cells(axes[0], result, color)
        axes[0].plot([], [], "o", ms=5, color=color, label=label)  # a mark that can be seen
        axes[0].set_ylabel(f"{label}\naxis {self.pair[1]} (latent units)")
        titles = {
            "projection": f"projection\nall {result['n']:,}",
            "zoom": f"zoom, within ±{zoom:.3g}\n{self.count(result, 'zoom')}",
            "slice": f"slice, b = {b:.3g}\n{self.count(result, 'slice')}",
        }
        for axis, (view, title) in zip(axes, titles.items(), strict=True):
            self._draw_points(axis, view, sources)
            self._limit(axis, (-zoom, zoom, -zoom, zoom) if view == "zoom" else self.window, color)
            axis.set_title(title, fontsize=9)
        if not self._survivors(result):
            first = f"none survives; the first\ndoes at b = {result['smallest_b'][self.index]:.3g}"
            _write(axes[2], (0.5, 0.88), first, color)

    def count(self, result: Result, view: str) -> str:
        """Return how many points of a source a view holds, or which share its window lacks."""
        if view == "projection":
            share = result["outside"][self.index] / result["n"]
            return f"{100 * share:.2g} % outside" if share else ""
        inside = result["zoom_count"][self.index] if view == "zoom" else self._survivors(result)
        return f"{inside:,} of {result['n']:,}"

    def _survivors(self, result: Result) -> int:
        i, j = self.pair
        return int(result[f"survivors_{i}_{j}"])

    def _style(self, label: str) -> Style:
        return self.styles.get(label, Style(NULL_COLOR, "-", "o"))

    def _draw_cells(self, axis: Any, result: Result, color: str) -> None:
        """Draw counts per cell of everything, on one logarithmic scale for all rows."""
        from matplotlib.colors import LinearSegmentedColormap, LogNorm
        from matplotlib.patches import Rectangle

        cells = np.ma.masked_equal(result["cells"][self.index].T, 0)
        shades = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", color])
        scale, zoom = LogNorm(0.2, self.brightest), self.frame["zoom"]
        axis.imshow(cells, extent=self.window, origin="lower", cmap=shades, norm=scale)
        box = Rectangle((-zoom, -zoom), 2 * zoom, 2 * zoom, fill=False, lw=0.9, zorder=4)
        box.set_label("zoom window")
        axis.add_patch(box)

    def _draw_points(self, axis: Any, view: str, sources: Mapping[str, Result]) -> None:
        """Draw the points of a view, and each source's number in the lower right corner."""
        lines = 0
        for place, (label, result) in enumerate(sources.items()):
            style, text = self._style(label), self.count(result, view)
            points = result[view][self.index]
            points = points[np.isfinite(points[:, 0])]
            if place:
                look = {"marker": style.marker, "ms": 3, "mew": 0.7, "mfc": "none", "label": label}
                axis.plot(*points[:OVERLAID_POINTS].T, ls="", color=style.color, alpha=0.85, **look)
            elif view != "projection":
                size = float(np.clip(6000 / max(len(points), 1), 1.5, 10))
                axis.scatter(*points.T, s=size, color=style.color, alpha=0.6, lw=0)
            if text and (place or view == "projection"):
                _write(axis, (0.98, 0.05 + 0.075 * lines), text, style.color, ha="right")
                lines += 1

    def _limit(self, axis: Any, limits: tuple[float, ...], color: str) -> None:
        """Set the window and mark the origin in it."""
        left, right, low, high = limits
        axis.set(xlim=(left, right), ylim=(low, high), aspect="equal")
        axis.set_xlabel(f"axis {self.pair[0]} (latent units)")
        axis.plot(0, 0, "+", ms=11, mew=1.8, color=ORIGIN_COLOR, ls="", label="origin", zorder=5)
        if not (left <= 0 <= right and low <= 0 <= high):
            _write(axis, (0.5, 0.2), "the origin lies outside", color)


def _write(axis: Any, place: tuple[float, float], text: str, color: str, **look: Any) -> None:
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}
    look = {"ha": "center", "va": "center", "fontsize": 7.5, "zorder": 6, "bbox": box} | look
    axis.text(*place, text, color=color, transform=axis.transAxes, **look)


def _draw_survivors(results: ResultSet) -> Figure:
    """Draw the share of survivors over b, per pair, with the band of each null."""
    pairs, b = results.frame["pairs"].tolist(), results.frame["b"]
    figure, axes = new_panels(len(pairs), COLUMNS, sharey=True)
    for index, (axis, (i, j)) in enumerate(zip(axes.flat, pairs, strict=False)):
        overlay(axis, results, partial(_share, index=index), over="half_width")
        axis.axvline(b, color="black", lw=0.8, ls=":", label=f"b = {b:.3g}")
        axis.set(xscale="log", yscale="log", xlim=_b_limits(results), ylim=(_floor(results), 1.4))
        axis.set(title=f"axes {i} and {j}", xlabel="half-width b (latent units)")
        plain_log_ticks(axis)
    for line in axes:
        line[0].set_ylabel("share of the z-points that survives")
    text = (
        "Share of the z-points that survives in the slice of a pair of axes, over the slice's"
        " half-width b. Both scales are logarithmic; a curve begins where the first z-point"
        " survives. The vertical line marks the b of the drawn slices."
    ) + gray_caption(results)
    return Figure("slices-survivors", text, finish(figure), text)


def _share(result: Result, index: int) -> NDArray[np.float64]:
    """Return the surviving share over b, NaN where nothing survives."""
    survivors = result["survivors"][index]
    return np.where(survivors > 0, survivors / result["n"], np.nan)


def _floor(results: ResultSet) -> float:
    """Return half of one survivor of the largest source: the lower end of the share's axis."""
    return 0.5 / max(result["n"] for result in results.results.values())


def _b_limits(results: ResultSet) -> tuple[float, float]:
    """Return the range of b from just below the first survivor of any source to the last."""
    survivors = np.max([r["survivors"].max(axis=0) for r in results.results.values()], axis=0)
    bs = results.frame["bs"]
    first = max(int((survivors > 0).argmax()) - 1, 0)
    return 0.9 * min(float(bs[first]), results.frame["b"]), float(bs[-1])
