"""Square matrices of the data and of one draw of each null, on one scale of colors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting.overlay import one_draw
from latent_analyze.plotting.style import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MplFigure
    from numpy.typing import NDArray

    from latent_analyze.host.results import ResultSet

TICKS = 8
SMALLEST_SCALE = 0.01


def draw_matrices(
    results: ResultSet,
    kinds: Mapping[str, str],
    *,
    chosen: NDArray[np.int64] | None = None,
    names: NDArray[Any] | None = None,
    hide_diagonal: bool = True,
    label: str = "",
    axis: str = "axis",
) -> MplFigure:
    """Return a figure with a row per source and a column per kind of matrix.

    Parameters
    ----------
    kinds
        Name of an array, shape (axis, other_axis) -> its title.
    chosen
        Rows and columns to draw; all if not given.
    names
        Names of the drawn rows; their numbers if not given.
    hide_diagonal
        Whether the diagonal is left gray, as where it is 1 by definition.
    label
        Of the color bar.
    axis
        What rows and columns are.
    """
    rows = {results.reference: results.data, **one_draw(results)}
    drawn = {k: {n: _picked(r[n], chosen, hide_diagonal) for n in kinds} for k, r in rows.items()}
    sizes = [np.nanmax(np.abs(m), initial=0.0) for row in drawn.values() for m in row.values()]
    limit = max(float(max(sizes)), SMALLEST_SCALE)
    # One kind of matrix goes side by side, or most of the page would be empty.
    one = len(kinds) == 1
    shape = (1, len(rows)) if one else (len(rows), len(kinds))
    figure, axes = new_figure(*shape, height=2.6 if one else 2.35, squeeze=False)
    lines = axes.T if one else axes
    for line, (source, matrices) in zip(lines, drawn.items(), strict=True):
        for panel, (kind, matrix) in zip(line, matrices.items(), strict=True):
            image = _draw(panel, matrix, limit)
            _name(panel, np.arange(len(matrix)) if names is None else names)
            panel.set_title(f"{kinds[kind]}\n{source}" if one else "", fontsize=9)
        line[0].set_ylabel(axis if one else f"{source}\n{axis}", fontsize=9)
    for panel, title in zip(axes[0], [] if one else kinds.values(), strict=False):
        panel.set_title(title, fontsize=9)
    for panel in axes[-1]:
        panel.set_xlabel(axis)
    figure.colorbar(image, ax=axes, label=label, shrink=0.7, aspect=30, pad=0.02)
    return figure


def _picked(
    matrix: NDArray[Any], chosen: NDArray[np.int64] | None, hide_diagonal: bool
) -> NDArray[np.float64]:
    shown = np.array(matrix, float)
    if hide_diagonal:
        np.fill_diagonal(shown, np.nan)
    return shown if chosen is None else shown[np.ix_(chosen, chosen)]


def _draw(axis: Axes, matrix: NDArray[np.float64], limit: float) -> Any:
    axis.set_facecolor("#BBBBBB")
    return axis.imshow(matrix, cmap="PuOr_r", vmin=-limit, vmax=limit, interpolation="none")


def _name(axis: Axes, names: NDArray[Any]) -> None:
    step = max(1, -(-len(names) // TICKS))
    places, texts = range(0, len(names), step), [str(name) for name in names[::step]]
    axis.set_xticks(places, texts, fontsize=7)
    axis.set_yticks(places, texts, fontsize=7)
