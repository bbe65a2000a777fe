"""Panels of points side by side: data, sources beside them, and one draw of each null."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting.palette import REST, SCALE, Classes, Scale, coloring
from latent_analyze.plotting.style import DATA_COLOR, new_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MplFigure
    from numpy.typing import NDArray

COLUMNS = 3
PAGES_WIDTH, TALLEST, TITLE, LEGEND = 6.0, 3.6, 0.5, 0.55
"""Room for all panels of a row, for one panel, for its title and for the legend, in inches."""

MARGIN = 1.06
INK = 9000.0
"""Area of all markers of a panel, square points."""

LINE = 90
"""Characters that fit into a line of the legend."""

LONGEST_NAME = 12
"""Longer names of classes stand in the legend only."""

FARTHEST = 3.0
"""A panel reaches at most this many times as far as the first one's points do."""

Limits = tuple[tuple[float, float], tuple[float, float]]

MOST_DRAWN = 20_000
"""Most points drawn per panel, every second one and so on: more hide each other."""


@dataclass(frozen=True)
class Panel:
    """Points of one source, and what their colors show.

    Attributes
    ----------
    title
        Above the panel.
    points
        Shape (n, 2).
    values
        What the colors show, per point: numbers, or the names of classes; None for one color.
    color, unit
        Name of what the colors show, and its unit.
    """

    title: str
    points: NDArray[Any]
    values: NDArray[Any] | None = None
    color: str = ""
    unit: str = ""


def draw_panels(panels: Sequence[Panel], *, ticks: bool = False) -> MplFigure:
    """Return a figure of all panels; those that share what the colors show share the colors, too.

    Parameters
    ----------
    ticks
        Whether the axes have numbers, and the same range in all panels, up to three times that of
        the first; without, as on a t-SNE page, they have no unit.
    """
    columns = min(len(panels), 2 if len(panels) == 4 else COLUMNS)
    rows = -(-len(panels) // columns)
    height = min(PAGES_WIDTH / columns, TALLEST) + TITLE + LEGEND / rows
    figure, axes = new_panels(len(panels), columns, height=height)
    limits = _common_limits(panels) if ticks else None
    for color in dict.fromkeys(panel.color for panel in panels):
        chosen = [(p, a) for p, a in zip(panels, axes.flat, strict=False) if p.color == color]
        values = [panel.values for panel, _ in chosen if panel.values is not None]
        colors = coloring(values) if values else None
        for panel, axis in chosen:
            _draw(axis, panel, colors, limits)
        if colors is None:
            continue
        if isinstance(colors, Scale):
            unit = f", {chosen[0][0].unit}" if chosen[0][0].unit else ""
            _add_scale(figure, axes.flat, color + unit, chosen[0][1].collections[0])
        else:
            _add_names(figure, color, colors)
    return figure


def _draw(axis: Axes, panel: Panel, colors: Classes | Scale | None, limits: Limits | None) -> None:
    every = slice(None, None, -(-len(panel.points) // MOST_DRAWN))
    points = panel.points[every]
    values = None if panel.values is None else panel.values[every]
    look: dict[str, Any] = {"s": float(np.clip(INK / len(points), 0.4, 14)), "lw": 0}
    if isinstance(colors, Scale):
        look |= {"c": values, "cmap": SCALE, "vmin": colors.low, "vmax": colors.high}
    elif colors is not None and values is not None:
        look["c"] = [colors.colors[name] for name in colors.place(values)]
    else:
        look["c"] = DATA_COLOR
    axis.scatter(*points.T, rasterized=True, **look)
    (left, right), (low, high) = limits or _limits(points)
    axis.set(xlim=(left, right), ylim=(low, high), aspect="equal")
    if limits is None:
        axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color="#999999")
    shown = f"\ncolor: {panel.color}" if panel.color else ""
    axis.set_title(f"{panel.title}{shown}", fontsize=9)
    if isinstance(colors, Classes) and values is not None:
        _name_classes(axis, points, colors.place(values))


def _limits(points: NDArray[Any], most: float = np.inf) -> Limits:
    """Return a square that holds the points, with a half-width of at most `most`."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = min(MARGIN * float((high - low).max()) / 2 or 1.0, most)
    middle = (low + high) / 2
    return (middle[0] - half, middle[0] + half), (middle[1] - half, middle[1] + half)


def _common_limits(panels: Sequence[Panel]) -> Limits:
    (left, right), _ = _limits(panels[0].points)
    together = np.concatenate([panel.points for panel in panels])
    return _limits(together, FARTHEST * (right - left) / 2)


def _name_classes(axis: Axes, points: NDArray[Any], names: NDArray[Any]) -> None:
    """Write each class's name at its member nearest to the middle of the class."""
    from matplotlib.patheffects import withStroke

    for name in np.unique(names):
        members = points[names == name]
        if name == REST or len(name) > LONGEST_NAME:
            continue
        away = ((members - np.median(members, axis=0)) ** 2).sum(axis=1)
        axis.annotate(
            name, members[away.argmin()], ha="center", va="center", fontsize=9, fontweight="bold",
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )  # fmt: skip


def _add_names(figure: Any, color: str, classes: Classes) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], ls="", marker="o", color=c, ms=5) for c in classes.colors.values()]
    longest = max(map(len, classes.colors))
    figure.legend(
        handles, list(classes.colors), title=color, loc="outside lower center", frameon=False,
        ncols=max(1, min(len(handles), LINE // (longest + 6))), fontsize=8, title_fontsize=9,
        handletextpad=0.1, columnspacing=1.2,
    )  # fmt: skip


def _add_scale(figure: Any, axes: Iterable[Axes], text: str, drawn: Any) -> None:
    # Beside all panels, not beside those it is for: panels of one size, evenly apart.
    bar = figure.colorbar(drawn, ax=list(axes), extend="both", shrink=0.85, aspect=25, pad=0.02)
    bar.set_label(text, fontsize=9)
    bar.ax.tick_params(labelsize=8)
