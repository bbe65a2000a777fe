"""Figures: the windows of data and null side by side, and the statistics over the scale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import (
    DATA_COLOR,
    finish,
    new_figure,
    one_draw,
    overlay,
    plain_log_ticks,
)
from latent_analyze.plugin import Figure
from latent_analyze_plugins.projections.frame import STATISTICS, window_label

if TYPE_CHECKING:
    from latent_analyze.plugin import ResultSet

TITLES = ("variance / mean of cells", "grain of cells", "share of empty cells")
NULL_SHADE, ZOOM_COLOR = "#404040", "#D55E00"
CAPTION = (
    "Statistics of the cell counts over the width of a cell, one point per window. Variance over"
    " mean is 1 for points thrown in evenly, and large in wide windows, where the cloud is denser"
    " in the middle; grain is 1 wherever the density changes smoothly. Rings: held against the"
    " null. Gray: the null's draws, 5 to 95 % of them and their median."
)

NULL_TEXT = (
    " Below, one draw of each null, drawn the same way: filaments and voids that it shows as well"
    " are those of points thrown in at random."
)


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield one figure of windows per plane, and one of all statistics."""
    for plane in range(len(results.frame["pairs"])):
        yield _draw_plane(results, plane)
    labels = results.frame["labels"].split("|")
    look: dict[str, Any] = {"squeeze": False, "sharex": "col", "sharey": "row"}
    figure, axes = new_figure(len(STATISTICS), len(labels), height=1.75, **look)
    for s, line in enumerate(axes):
        for plane, axis in enumerate(line):
            _draw_statistic(axis, results, s, plane)
        line[0].set_ylabel(TITLES[s], fontsize=8)
        if STATISTICS[s] != "dispersion":
            line[0].set_ylim(bottom=0)
    for label, top, bottom in zip(labels, axes[0], axes[-1], strict=True):
        top.set_title(label, fontsize=9)
        bottom.set_xlabel("width of a cell (std)", fontsize=8)
        plain_log_ticks(bottom)
    alt = "Statistics of cell counts over the scale."
    yield Figure("projections", CAPTION, finish(figure), alt)


def _draw_plane(results: ResultSet, plane: int) -> Figure:
    frame, rows = results.frame, {results.reference: results.data, **one_draw(results)}
    widths, name = frame["half_widths"][plane], frame["names"].split("|")[plane]
    columns = max(int((widths > 0).sum()), 2)
    figure, axes = new_figure(len(rows), columns, height=7.6 / columns, squeeze=False)
    spelled = name.replace("pc", "component ").replace("axis", "axis ")
    directions = [f"{direction} (std)" for direction in spelled.split("_")]
    for line, (label, result) in zip(axes, rows.items(), strict=True):
        color = DATA_COLOR if result is results.data else NULL_SHADE
        for k, axis in enumerate(line):
            if k < len(widths) and widths[k] > 0:
                most = max(float(r["parts"][plane, k].max()) for r in rows.values())
                _draw_window(axis, result["parts"][plane, k], widths[k:], (color, most))
                text = f"±{widths[k]:.2g} std\n{int(result['inside'][plane, k]):,} z-points"
                axis.set_title(f"{window_label(k)}: {text}", fontsize=8)
            else:
                axis.set_visible(False)
        line[0].set_ylabel(label.replace(", ", ",\n") + f"\n{directions[1]}", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel(directions[0], fontsize=8)
    alt = "Variance-to-mean of the cells: " + ", ".join(
        f"{window_label(k)} {results.data['dispersion'][plane, k]:.3g}"
        for k in np.flatnonzero(widths).tolist()
    )
    return Figure(f"projections-{name}", _caption(results, plane), figure, alt)


def _draw_window(axis: Any, parts: Any, widths: Any, shade: tuple[str, float]) -> None:
    """Draw the counts of a window, and the frame of the one within."""
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm
    from matplotlib.patches import Rectangle

    color, most = shade
    axis.imshow(
        np.ma.masked_equal(parts.T.astype(float), 0), extent=(-widths[0], widths[0]) * 2,
        cmap=LinearSegmentedColormap.from_list("shades", ["#FFFFFF", color]), origin="lower",
        norm=PowerNorm(0.5, -0.15 * most, max(most, 1.0)), interpolation="none",
    )  # fmt: skip
    axis.spines[["top", "right"]].set_visible(True)
    axis.tick_params(labelsize=6)
    axis.locator_params(nbins=4)
    if len(widths) > 1 and widths[1] > 0:
        corner, side = (-widths[1], -widths[1]), 2 * widths[1]
        axis.add_patch(Rectangle(corner, side, side, fill=False, lw=0.8, ec=ZOOM_COLOR))


def _caption(results: ResultSet, plane: int) -> str:
    first, second = results.frame["std"][plane]
    text = (
        f"The projection {results.frame['labels'].split('|')[plane]}, counted in windows about the"
        f" mean, in standard deviations ({first:.3g} and {second:.3g} latent units); each window is"
        " framed orange in the one before. Darker: more z-points."
    )
    return text + (NULL_TEXT if results.ensembles else "")


def _draw_statistic(axis: Any, results: ResultSet, statistic: int, plane: int) -> None:
    name, widths = STATISTICS[statistic], results.frame["half_widths"][plane]
    drawn = widths > 0
    x = 2 * widths[drawn] / results.frame["cells"]
    overlay(axis, results, lambda r: r[name][plane, drawn], over=x, markers=True)
    tested = results.frame["tested"][statistic, plane, drawn]
    rings = x[tested], results.data[name][plane, drawn][tested]
    axis.plot(*rings, "o", ms=7, mfc="none", mec="black", mew=0.8, label="calibrated")
    axis.set(xscale="log", yscale="log" if name == "dispersion" else "linear")
