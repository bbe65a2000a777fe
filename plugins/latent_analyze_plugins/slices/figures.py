"""Figures: three views per pair with the null drawn the same way, and survivors over b."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latent_analyze.plotting import NULL_COLOR, Style, finish, new_figure, styles
from latent_analyze.plugin import Figure
from latent_analyze_plugins.slices.curves import draw_survivors
from latent_analyze_plugins.slices.output import pair_name
from latent_analyze_plugins.slices.panels import OVERLAID_POINTS, Panels, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latent_analyze.plugin import ResultSet

LEGEND = 0.6
"""Room for the legend below the panels, in inches."""


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield one figure of views per pair, and one of survivors over b."""
    for index in range(len(results.frame["pairs"])):
        yield _draw_views(results, index)
    yield draw_survivors(results)


def _draw_views(results: ResultSet, index: int) -> Figure:
    rows = _rows(results)
    figure, axes = new_figure(len(rows), 3, height=2.7 + LEGEND / len(rows), squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        panels = Panels(results, index, row)
        panels.draw_projection(line[0])
        panels.draw_zoom(line[1])
        panels.draw_slice(line[2])
        line[0].annotate(
            row.label, (0, 0.5), (-44, 0), xycoords="axes fraction", textcoords="offset points",
            rotation=90, ha="center", va="center", fontsize=9, fontweight="bold",
        )  # fmt: skip
    finish(figure)
    first, second = results.frame["pairs"][index]
    return Figure(
        f"slices-{first}-{second}", _caption(results, index), figure, _alt(results, index)
    )


def _rows(results: ResultSet) -> list[Row]:
    style = styles(results)
    rows = [Row(results.reference, results.data, style[results.reference], results.shown)]
    for null, members in results.ensembles.items():
        label = f"null {null}" + (f", 1 of {len(members)} draws" if len(members) > 1 else "")
        rows.append(Row(label, members[0], Style(NULL_COLOR, "-", "o"), {}))
    return rows


def _caption(results: ResultSet, index: int) -> str:
    first, second = results.frame["pairs"][index]
    options: Any = results.options
    text = (
        f"Axes {first} and {second}. Left: the projection of all z-points, counted per cell"
        " (darker: more, logarithmic). Middle: a zoom at the origin. Right: the slice, only"
        f" z-points with |x_j| <= {results.frame['b']:.3g} on all other axes. At most"
        f" {options.points:,} points are drawn per view"
    )
    if results.shown:
        text += f", {OVERLAID_POINTS} of each source beside the data"
    if results.ensembles:
        text += "; below, one draw of each null drawn the same way"
    return text + "."


def _alt(results: ResultSet, index: int) -> str:
    first, second = results.frame["pairs"][index]
    survivors = results.data[f"survivors_{pair_name((first, second))}"]
    return (
        f"Projection, zoom at the origin and slice of axes {first} and {second};"
        f" {survivors:,} of {results.data['n']:,} z-points survive in the slice."
    )
