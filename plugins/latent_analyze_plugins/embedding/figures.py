"""The figure: pages of data, shown sources and one draw of each null, drawn the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import new_figure
from latent_analyze.plotting.palette import REST, SCALE, Classes, Scale, coloring
from latent_analyze.plugin import Figure
from latent_analyze_plugins.embedding.colors import RADIUS
from latent_analyze_plugins.embedding.findings import REMINDER, others

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from latent_analyze.plugin import Result, ResultSet

COLUMNS = 3
PAGES_WIDTH, TALLEST, TITLE, LEGEND = 6.0, 3.6, 0.5, 0.55
"""Room for all pages of a row, for one page, for its title and for the legend, in inches."""

MARGIN = 1.06
INK = 9000.0
"""Area of all markers of a panel, square points."""

LINE = 90
"""Characters that fit into a line of the legend."""

LONGEST_NAME = 12
"""Longer names of classes stand in the legend only."""

MOST_DRAWN = 20_000
"""Most z-points drawn per panel, every second one and so on: more hide each other."""


@dataclass(frozen=True)
class Panel:
    """One page: whose, and what its colors show."""

    title: str
    result: Result
    color: str

    @property
    def values(self) -> NDArray[Any]:
        """What the colors show, per z-point."""
        return self.result["radius" if self.color == RADIUS else "color"]

    @property
    def page(self) -> NDArray[np.float32]:
        """Places of the z-points."""
        return self.result["embedding"]


def draw_pages(results: ResultSet, name: str, method: str) -> Figure:
    """Draw all pages; those that share what the colors show share the colors, too."""
    panels = _panels(results)
    columns = min(len(panels), 2 if len(panels) == 4 else COLUMNS)
    rows = -(-len(panels) // columns)
    height = min(PAGES_WIDTH / columns, TALLEST) + TITLE + LEGEND / rows
    figure, axes = new_figure(rows, columns, height=height, squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for color in dict.fromkeys(panel.color for panel in panels):
        chosen = [(p, a) for p, a in zip(panels, axes.flat, strict=False) if p.color == color]
        colors = coloring([panel.values for panel, _ in chosen])
        for panel, axis in chosen:
            _draw_page(axis, panel, colors)
        if isinstance(colors, Scale):
            _add_scale(figure, axes.flat, color=color, page=chosen[0][1].collections[0])
        else:
            _add_names(figure, color, colors)
    return Figure(name, _caption(results, panels, method), figure, _alt(results, method))


def _panels(results: ResultSet) -> list[Panel]:
    beside = [Panel(label, result, str(result["colored_by"])) for label, result in others(results)]
    color = str(results.data["colored_by"])
    # What the others are colored by, the data must be too, or nothing can be compared.
    colors = dict.fromkeys([color, *(panel.color for panel in beside)])
    return [*(Panel(results.reference, results.data, name) for name in colors), *beside]


def _draw_page(axis: Axes, panel: Panel, colors: Classes | Scale) -> None:
    every = slice(None, None, -(-len(panel.page) // MOST_DRAWN))
    page, values = panel.page[every], panel.values[every]
    look: dict[str, Any] = {"s": float(np.clip(INK / len(page), 0.4, 14)), "lw": 0}
    if isinstance(colors, Scale):
        look |= {"c": values, "cmap": SCALE, "vmin": colors.low, "vmax": colors.high}
    else:
        look["c"] = [colors.colors[name] for name in colors.place(values)]
    axis.scatter(*page.T, rasterized=True, **look)
    low, high = page.min(axis=0), page.max(axis=0)
    half = MARGIN * float((high - low).max()) / 2 or 1.0
    middle = (low + high) / 2
    axis.set(
        xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half),
        xticks=[], yticks=[], aspect="equal",
    )  # fmt: skip
    axis.spines[:].set(visible=True, color="#999999")
    axis.set_title(f"{panel.title}\ncolor: {panel.color}", fontsize=9)
    if isinstance(colors, Classes):
        _name_classes(axis, page, colors.place(values))


def _name_classes(axis: Axes, page: NDArray[np.float32], names: NDArray[Any]) -> None:
    """Write each class's name at its member nearest to the middle of the class."""
    from matplotlib.patheffects import withStroke

    for name in np.unique(names):
        members = page[names == name]
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


def _add_scale(figure: Any, axes: Iterable[Axes], *, color: str, page: Any) -> None:
    unit = ", latent units" if color == RADIUS or color.startswith("axis_") else ""
    name = "radius |z|" if color == RADIUS else color.replace("axis_", "axis ")
    # Beside all pages, not beside those it is for: pages of one size, evenly apart.
    bar = figure.colorbar(page, ax=list(axes), extend="both", shrink=0.85, aspect=25, pad=0.02)
    bar.set_label(name + unit, fontsize=9)
    bar.ax.tick_params(labelsize=8)


def _caption(results: ResultSet, panels: Sequence[Panel], method: str) -> str:
    data, size = results.data, panels[0].result["n"]
    text = (
        f"{method} pages of {size:,} z-points each: the data"
        + (", once per kind of color" if panels[1:] and panels[1].result is data else "")
        + (f", {', '.join(results.shown)}" if results.shown else "")
        + (", and one draw of each null, drawn the same way" if results.ensembles else "")
        + f". {REMINDER} The axes have no unit, so no numbers stand at them. Of the {data['k']}"
        f" nearest neighbors of a z-point in latent space {100 * data['knn_preservation']:.1f} %"
        f" are among its {data['k']} nearest on the data's page."
    )
    if results.ensembles:
        text += " Islands and filaments that the null shows as well are made by the method."
    return text


def _alt(results: ResultSet, method: str) -> str:
    shown = [results.reference, *(label for label, _ in others(results))]
    return f"{method} pages of {', '.join(shown)}."
