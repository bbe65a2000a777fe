"""Figures: the windows of data and null side by side, and the statistics over the scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import NULL_COLOR, finish, new_figure, styles
from latent_analyze.plugin import Figure
from latent_analyze_plugins.projections.frame import STATISTICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latent_analyze.plugin import Result, ResultSet

TITLES = {
    "dispersion": "variance / mean of cells",
    "grain": "grain of cells",
    "empty": "share of empty cells",
}
NULL_SHADES = ((NULL_COLOR, "#CFCFCF"), ("#333333", "#9F9F9F"))


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield one figure of windows per plane, and one of all statistics."""
    for plane in range(len(results.frame["pairs"])):
        yield _draw_windows(results, plane)
    yield _draw_statistics(results)


def _draw_windows(results: ResultSet, plane: int) -> Figure:
    rows = _rows(results)
    windows = int((results.frame["half_widths"][plane] > 0).sum())
    columns = max(windows, 2)
    figure, axes = new_figure(len(rows), columns, height=7.6 / columns, squeeze=False)
    for line, (label, result, color) in zip(axes, rows, strict=True):
        for k, axis in enumerate(line):
            if k < windows:
                _draw_window(axis, results, result, (plane, k, color))
            else:
                axis.set_visible(False)
        line[0].set_ylabel(f"{label}\n{_direction(results, plane, 1)}", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel(_direction(results, plane, 0), fontsize=8)
    name = results.frame["names"].split("|")[plane]
    return Figure(
        f"projections-{name}", _window_caption(results, plane), figure, _alt(results, plane)
    )


def _rows(results: ResultSet) -> list[tuple[str, Result, str]]:
    style = styles(results)[results.reference]
    rows = [(results.reference, results.data, style.color)]
    for null, members in results.ensembles.items():
        rows.append((f"null {null}", members[0], "#404040"))
    return rows


def _draw_window(
    axis: Any, results: ResultSet, result: Result, place: tuple[int, int, str]
) -> None:
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm
    from matplotlib.patches import Rectangle

    plane, k, color = place
    widths = results.frame["half_widths"][plane]
    parts = result["parts"][plane, k].T.astype(float)
    brightest = max(float(r["parts"][plane, k].max()) for _, r, _ in _rows(results))
    shades = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", color])
    axis.imshow(
        np.ma.masked_equal(parts, 0), extent=(-widths[k], widths[k]) * 2, origin="lower",
        cmap=shades, norm=PowerNorm(0.5, -0.15 * brightest, max(brightest, 1.0)),
        interpolation="none",
    )  # fmt: skip
    axis.spines[["top", "right"]].set_visible(True)
    axis.tick_params(labelsize=6)
    axis.locator_params(nbins=4)
    axis.set_title(
        f"{_window_title(k)}: ±{widths[k]:.2g} std\n{int(result['inside'][plane, k]):,} z-points",
        fontsize=8,
    )
    if k + 1 < len(widths) and widths[k + 1] > 0:
        inner = widths[k + 1]
        axis.add_patch(
            Rectangle((-inner, -inner), 2 * inner, 2 * inner, fill=False, lw=0.8, ec="#D55E00")
        )


def _window_title(k: int) -> str:
    return f"zoom {k}" if k else "whole"


def _direction(results: ResultSet, plane: int, member: int) -> str:
    name = results.frame["names"].split("|")[plane].split("_")[member]
    text = name.replace("pc", "component ").replace("axis", "axis ")
    return f"{text} (std)"


def _window_caption(results: ResultSet, plane: int) -> str:
    first, second = results.frame["std"][plane]
    text = (
        f"The projection {results.frame['labels'].split('|')[plane]}, counted in windows about the"
        f" mean, in standard deviations ({first:.3g} and {second:.3g} latent units); each window is"
        " framed orange in the one before. Darker: more z-points."
    )
    if results.ensembles:
        text += (
            " Below, one draw of each null, drawn the same way: filaments and voids that it shows"
            " as well are those of points thrown in at random."
        )
    return text


def _alt(results: ResultSet, plane: int) -> str:
    told = [
        f"{_window_title(k)}: {int(results.data['inside'][plane, k]):,} z-points, variance-to-mean"
        f" {results.data['dispersion'][plane, k]:.3g}"
        for k in np.flatnonzero(results.frame["half_widths"][plane]).tolist()
    ]
    return "; ".join(told)


def _draw_statistics(results: ResultSet) -> Figure:
    planes = len(results.frame["pairs"])
    figure, axes = new_figure(
        len(STATISTICS), planes, height=1.75, squeeze=False, sharex="col", sharey="row"
    )
    for line, (s, statistic) in zip(axes, enumerate(STATISTICS), strict=True):
        for plane, axis in enumerate(line):
            _draw_null(axis, results, plane, statistic)
            _draw_sources(axis, results, plane, statistic)
            _mark_tested(axis, results, plane, s)
            axis.set_xscale("log")
            if statistic == "dispersion":
                axis.set_yscale("log")
            else:
                axis.set_ylim(bottom=0)
        line[0].set_ylabel(TITLES[statistic], fontsize=8)
    for plane, axis in enumerate(axes[0]):
        axis.set_title(results.frame["labels"].split("|")[plane], fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("width of a cell (std)", fontsize=8)
    finish(figure)
    caption = (
        "Statistics of the cell counts over the width of a cell, one point per window. Variance"
        " over mean is 1 for points thrown in evenly, and large in wide windows, where the cloud is"
        " denser in the middle; grain is 1 wherever the density changes smoothly. Rings: held"
        " against the null."
    )
    if results.ensembles:
        caption += " Gray: 5 to 95 % of the null's draws, and their median."
    return Figure("projections", caption, figure, "Statistics of cell counts over the scale.")


def _cell_widths(results: ResultSet, plane: int) -> Any:
    widths = results.frame["half_widths"][plane]
    return 2 * widths[widths > 0] / results.frame["cells"]


def _draw_null(axis: Any, results: ResultSet, plane: int, statistic: str) -> None:
    x = _cell_widths(results, plane)
    for place, null in enumerate(results.ensembles):
        line, fill = NULL_SHADES[place % len(NULL_SHADES)]
        low, middle, high = (v[plane, : len(x)] for v in results.band(statistic, null))
        axis.fill_between(x, low, high, facecolor=fill, edgecolor=line, lw=0.6, alpha=0.8)
        axis.plot(x, middle, color=line, lw=2, alpha=0.7, label=f"null {null}")


def _draw_sources(axis: Any, results: ResultSet, plane: int, statistic: str) -> None:
    x = _cell_widths(results, plane)
    for label, style in styles(results).items():
        axis.plot(
            x, results.results[label][statistic][plane, : len(x)], color=style.color,
            ls=style.dash, marker=style.marker, ms=2.5, lw=1.2, label=label,
        )  # fmt: skip


def _mark_tested(axis: Any, results: ResultSet, plane: int, statistic: int) -> None:
    x = _cell_widths(results, plane)
    tested = results.frame["tested"][statistic, plane, : len(x)]
    values = results.data[STATISTICS[statistic]][plane, : len(x)]
    axis.plot(
        x[tested], values[tested], "o", ms=7, mfc="none", mec="black", mew=0.8, label="calibrated"
    )
