"""The look that all figures share: sizes, colors that color-blind readers and print keep apart.

Colors are those of Okabe & Ito (2008). Matplotlib is imported when a figure is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure

    from latent_analyze.host.results import ResultSet

DATA_COLOR = "#0072B2"
NULL_COLOR = "#7F7F7F"
ORIGIN_COLOR = "#000000"
SHOWN_COLORS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C510A")
SHOWN_DASHES = ("--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)), (0, (1, 1)))
SHOWN_MARKERS = ("^", "s", "D", "v", "P", "X")

WIDTH = 7.0
"""Width of a figure in inches: the text width of a page."""


@dataclass(frozen=True)
class Style:
    """Color, dash and marker of one source in every figure of a report."""

    color: str
    dash: Any
    marker: str


def styles(results: ResultSet) -> dict[str, Style]:
    """Return a style per source label: the reference is blue and solid, the others differ."""
    found = {results.reference: Style(DATA_COLOR, "-", "o")}
    for i, label in enumerate(results.shown):
        found[label] = Style(
            SHOWN_COLORS[i % len(SHOWN_COLORS)],
            SHOWN_DASHES[i % len(SHOWN_DASHES)],
            SHOWN_MARKERS[i % len(SHOWN_MARKERS)],
        )
    return found


def new_figure(
    rows: int = 1, columns: int = 1, *, height: float = 3.2, **kwargs: Any
) -> tuple[MplFigure, Any]:
    """Return (figure, axes) of the house's width; `height` in inches per row of axes.

    The figure does not register with pyplot, so nothing has to be closed and no window opens.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height * rows), layout="constrained", dpi=150)
    axes = figure.subplots(rows, columns, **kwargs)
    for axis in figure.axes:
        tidy(axis)
    return figure, axes


def new_panels(count: int, columns: int, **kwargs: Any) -> tuple[MplFigure, Any]:
    """Return (figure, axes) with `count` axes visible, in rows of at most `columns`.

    The axes have the shape (rows, columns); `kwargs` are those of `new_figure`.
    """
    columns = min(count, columns)
    figure, axes = new_figure(-(-count // columns), columns, squeeze=False, **kwargs)
    for unused in axes.flat[count:]:
        unused.set_visible(False)
    return figure, axes


def tidy(axis: Any) -> None:
    """Take away the frame's upper and right line and set small, readable text."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
    axis.xaxis.label.set_size(9)
    axis.yaxis.label.set_size(9)
    axis.title.set_size(10)


def finish(figure: MplFigure, legend: bool = True) -> MplFigure:
    """Put one legend below the axes, with each label once."""
    if not legend:
        return figure
    entries: dict[str, Any] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        # About 90 characters of 8-point text fit into the width, less a handle per entry.
        columns = max(1, min(len(entries), 4, 90 // (max(map(len, entries)) + 8)))
        figure.legend(
            list(entries.values()), list(entries), loc="outside lower center",
            ncols=columns, frameon=False, fontsize=8,
        )  # fmt: skip
    return figure
