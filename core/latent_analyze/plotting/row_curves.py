"""Rows as curves: features of a table, values of a signal, channels of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting.palette import CLASS_COLORS
from latent_analyze.plotting.row_shapes import as_channels, as_curves
from latent_analyze.plotting.style import DATA_COLOR, SHOWN_COLORS, finish, new_figure, new_panels
from latent_analyze.plotting.value_names import write_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latent_analyze.plotting.images import FrameStyle

TABLE = 30
"""Rows of at most so many values are drawn value by value."""

CHANNELS = 4
"""Most channels of a sequence that are drawn: those that vary most."""

WIDE = 50.0
"""Features whose sizes differ by more are not drawn on one linear scale."""

STEM_COLOR = "#AAAAAA"


def draw_curves(
    rows: Sequence[tuple[str, NDArray[Any]]],
    *,
    positions: Sequence[str],
    frames: Sequence[Sequence[FrameStyle | None]] = (),
    by_frame: bool = False,
    names: Sequence[str] = (),
) -> Any:
    """Return a figure with a panel per row and a curve per vector.

    Parameters
    ----------
    rows
        Label and vectors, shape (n, feature), or sequences, (n, channel, step): these have a
        column of panels for each of the channels that vary most.
    positions
        What the first and the last vector of a row stand for; empty where frames say it.
    frames
        Per row, a style per vector or None: what is dashed, and in the legend.
    by_frame
        Whether colors are those of the frames; else they go from the first vector to the last.
    names
        Of the values in a vector, if they have any.
    """
    if rows[0][1].ndim == len("nct"):
        return _draw_channels(rows, positions, frames, by_frame)
    rows, value = _comparable(rows, named=len(names) == rows[0][1].shape[1])
    figure, axes = new_panels(len(rows), 2, height=1.5, sharex=True)
    for place, (axis, (label, vectors)) in enumerate(zip(axes.flat, rows, strict=False)):
        own = frames[place] if frames else ()
        marker = "." if vectors.shape[1] <= TABLE else ""
        _draw_series(axis, vectors, positions, own, by_frame, marker=marker)
        axis.set_title(label, fontsize=8, loc="left")
    if not _named(axes, names, rows[0][1].shape[1]):
        figure.supxlabel("output feature (index)", fontsize=9)
    figure.supylabel(value, fontsize=9)
    return _with_legend(figure)


def _comparable(
    rows: Sequence[tuple[str, NDArray[Any]]], *, named: bool
) -> tuple[Sequence[tuple[str, NDArray[Any]]], str]:
    """Return vectors as they are drawn, and what their numbers are.

    Columns of very different sizes, which would hide the changes of the small ones, are drawn less
    their means and over their spreads: medians of those of the panels, as some may be far out.
    """
    vectors = [np.asarray(values, np.float64) for _, values in rows]
    is_table = named or vectors[0].shape[1] <= TABLE
    if not is_table or not _differ_in_size(np.concatenate(vectors)):
        return rows, "decoded value"
    mean = np.median([part.mean(axis=0) for part in vectors], axis=0)
    spread = np.median([part.std(axis=0) for part in vectors], axis=0)
    spread[spread == 0] = 1
    scaled = [
        (label, (part - mean) / spread) for (label, _), part in zip(rows, vectors, strict=True)
    ]
    return scaled, "decoded value, each column less its mean, over its spread"


def _named(axes: NDArray[Any], names: Sequence[str], count: int) -> bool:
    """Write names below the lowest panel of each column; return whether they fit."""
    found = False
    for column in axes.T:
        shown = [axis for axis in column if axis.get_visible()]
        found = write_names(shown[-1], names, count)
        if len(shown) < len(column):
            # Where panels share an axis only the last line has labels; here there is room below.
            shown[-1].tick_params(labelbottom=True)
            for label in shown[-1].get_xticklabels():
                label.set_in_layout(False)
    return found


def _with_legend(figure: Any) -> Any:
    entries: dict[str, Any] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(
        list(entries.values()), list(entries), loc="outside upper right",
        ncols=min(len(entries), 4), fontsize=8, frameon=False,
    )  # fmt: skip
    return figure


def _draw_series(
    axis: Any,
    curves: NDArray[Any],
    positions: Sequence[str],
    frames: Sequence[FrameStyle | None],
    by_frame: bool,
    *,
    marker: str,
) -> None:
    """Draw curves (n, t) whose colors go from the first to the last, or are their frames'."""
    from matplotlib import colormaps

    colors = colormaps["cividis"](np.linspace(0, 0.95, len(curves)))
    ends = {0: positions[0], len(curves) - 1: positions[-1]} if positions else {}
    for place, (curve, color) in enumerate(zip(curves, colors, strict=True)):
        style = frames[place] if place < len(frames) else None
        look: dict[str, Any] = {"color": color, "lw": 0.9, "ls": style.dash if style else "-"}
        label = ends.get(place)
        if by_frame and style:
            look["color"], label = style.color, style.meaning
        axis.plot(curve, label=label, marker=marker, ms=3, **look)
        if style and not by_frame:
            axis.plot([], [], color="#555555", lw=0.9, ls=style.dash, label=style.meaning)


def _draw_channels(
    rows: Sequence[tuple[str, NDArray[Any]]],
    positions: Sequence[str],
    frames: Sequence[Sequence[FrameStyle | None]],
    by_frame: bool,
) -> Any:
    chosen = most_varying(np.concatenate([sequences for _, sequences in rows]))
    # Along a path rows compare; of sources, some may be far out, and would flatten the others.
    figure, axes = new_figure(
        len(rows), len(chosen), height=1.15, squeeze=False, sharex=True,
        sharey="row" if by_frame else "col",
    )  # fmt: skip
    for place, (line, (label, sequences)) in enumerate(zip(axes, rows, strict=True)):
        own = frames[place] if frames else ()
        for axis, channel in zip(line, chosen, strict=True):
            _draw_series(axis, sequences[:, channel], positions, own, by_frame, marker="")
        line[0].set_title(label.replace("\n", ", "), fontsize=8, loc="left")
    for axis, channel in zip(axes[-1], chosen, strict=True):
        axis.set_xlabel(f"step (channel {channel})", fontsize=8)
    figure.supylabel("decoded value", fontsize=9)
    return _with_legend(figure)


def most_varying(sequences: NDArray[Any]) -> NDArray[np.int64]:
    """Return the channels of sequences (n, channel, step) that vary most, in order."""
    spread = np.nan_to_num(sequences.astype(np.float64)).std(axis=(0, 2))
    return np.sort(np.argsort(-spread, kind="stable")[:CHANNELS])


def draw_two(
    groups: Sequence[Sequence[tuple[str, NDArray[Any], NDArray[Any]]]],
    *,
    sequences: bool,
    names: tuple[str, str],
    value: str,
    value_names: Sequence[str] = (),
) -> Any:
    """Return a figure with a line of panels per group, each with a row and its reconstruction.

    Parameters
    ----------
    groups
        Title, row and reconstruction of each panel.
    sequences
        Whether rows have channels.
    names, value
        What the two are called, and what their numbers are.
    value_names
        Names of the values in a row, if they have any.
    """
    columns = max(len(group) for group in groups)
    figure, axes = new_figure(
        len(groups), columns, height=1.75, squeeze=False, sharex=True, sharey="row"
    )
    chosen = None
    if sequences:
        chosen, some = _chosen([row for group in groups for _, row, _ in group])
        value += some
    for line, group in zip(axes, groups, strict=True):
        for axis, (title, *two) in zip(line, group, strict=False):
            axis.set_title(title, fontsize=8, loc="left")
            _draw_pair(axis, np.stack(two), chosen, names)
        for unused in line[len(group) :]:
            unused.set_visible(False)
        _scale(line[0], np.stack([row for _, row, _ in group]))
    if sequences or not _named(axes, value_names, groups[0][0][1].size):
        for axis in axes[-1]:
            axis.set_xlabel("step" if sequences else "place in the row")
            axis.xaxis.get_major_locator().set_params(integer=True)
    figure.supylabel(value, fontsize=9)
    return finish(figure)


def _chosen(rows: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], str]:
    """Return the channels to draw, and what to say if they are not all."""
    every = as_channels(np.stack(rows))
    chosen, count = most_varying(every), every.shape[1]
    left = len(chosen) < count
    return chosen, f" (the {len(chosen)} of {count} channels that vary most)" if left else ""


def _draw_pair(
    axis: Any, two: NDArray[Any], chosen: NDArray[np.int64] | None, names: tuple[str, str]
) -> None:
    """Draw a row and its reconstruction, shape (2, ...)."""
    if chosen is not None:
        channels = as_channels(two)
        axis.plot([], [], color=STEM_COLOR, lw=2.4, label=names[0])
        axis.plot([], [], color="black", lw=1.0, ls=(0, (3, 1.2)), label=names[1])
        for channel, color in zip(chosen, CLASS_COLORS, strict=False):
            axis.plot([], [], color=color, lw=1.6, label=f"channel {channel}")
            _draw_lines(axis, channels[:, channel], (color, color))
        return
    curves = as_curves(two)
    if curves.shape[1] > TABLE:
        _draw_lines(axis, curves, (DATA_COLOR, SHOWN_COLORS[0]), names)
        return
    places = np.arange(curves.shape[1])
    axis.vlines(places, *curves, color=STEM_COLOR, lw=1.0, zorder=1)
    look = {"ls": "", "zorder": 3}
    axis.plot(places, curves[0], "o", mfc="white", color=DATA_COLOR, ms=5, label=names[0], **look)
    axis.plot(places, curves[1], "D", color=SHOWN_COLORS[0], ms=2.6, label=names[1], **look)


def _draw_lines(
    axis: Any,
    two: NDArray[Any],
    colors: tuple[str, str],
    names: tuple[str | None, ...] = (None,) * 2,
) -> None:
    axis.plot(two[0], color=colors[0], lw=2.4, alpha=0.4, label=names[0])
    axis.plot(two[1], color=colors[1], lw=1.0, ls=(0, (3, 1.2)), label=names[1])


def _scale(axis: Any, rows: NDArray[Any]) -> None:
    """Use a logarithmic scale, linear about 0, for rows (n, value) of very different sizes."""
    if rows.ndim > 2 or rows.shape[1] > TABLE or not _differ_in_size(rows):
        return
    sizes = np.abs(rows.astype(np.float64)).mean(axis=0)
    # A power of ten, so that ticks are evenly spaced.
    middle = np.floor(np.log10(np.median(sizes[sizes > 0])))
    axis.set_yscale("symlog", linthresh=float(10**middle))
    axis.yaxis.get_major_locator().set_params(numticks=6)


def _differ_in_size(rows: NDArray[Any]) -> bool:
    """Whether some values of rows (n, value) are usually very much larger than others."""
    sizes = np.abs(rows.astype(np.float64)).mean(axis=0)
    sizes = sizes[sizes > 0]
    return bool(len(sizes) and sizes.max() > WIDE * np.median(sizes))
