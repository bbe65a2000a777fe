"""Figures of rows of any shape: images, rows of tables, signals, sequences, windows, volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting.images import GridRow, draw_grid
from latent_analyze.plotting.row_curves import draw_curves, draw_two
from latent_analyze.plotting.row_shapes import as_channels, as_curves, as_maps, note_of
from latent_analyze.plotting.value_names import FEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latent_analyze.plotting.words import Kind

COMPARED = {"window": 6, "volume": 3}
"""Most pairs side by side, where they are heat maps; else `PANELS`."""

PANELS = 3
"""Most panels of curves side by side."""


@dataclass(frozen=True)
class RowPairs:
    """Rows and their reconstructions side by side.

    Attributes
    ----------
    label
        What they are, such as "best"; may have several lines.
    original, decoded
        Shape (n, *row); uint8 for images.
    titles
        A text per pair, such as its error; empty for none.
    """

    label: str
    original: NDArray[Any]
    decoded: NDArray[Any]
    titles: Sequence[str] = ()


def draw_pairs(
    groups: Sequence[RowPairs], kind: Kind, *, value: str = "value", names: Sequence[str] = ()
) -> Any:
    """Return a figure of rows against their reconstructions, drawn as suits their kind.

    Images, windows and volumes are above their reconstructions; of volumes, three slices through
    the middle. Others are curves or points in one panel. `value` is what their numbers are, and
    `names` are those of the values in a row, such as the columns of a table.
    """
    if kind == "image":
        return draw_grid([row for group in groups for row in _over(group, np.asarray)])
    panels_each = PANELS if len(names) <= FEW else PANELS - 1
    chosen = [_some(group, COMPARED.get(kind, panels_each)) for group in groups]
    if kind in COMPARED:
        rows = [row for group in chosen for row in _over(group, lambda x: as_maps(x, kind))]
        return draw_grid(rows, note=note_of(groups[0].original.shape[1:], kind))
    panels = [
        [
            (_title(group, place), original, decoded)
            for place, (original, decoded) in enumerate(
                zip(group.original, group.decoded, strict=True)
            )
        ]
        for group in chosen
    ]
    return draw_two(
        panels, sequences=kind == "sequence", names=("original", "reconstruction"), value=value,
        value_names=names,
    )  # fmt: skip


def draw_rows(
    rows: Sequence[GridRow],
    kind: Kind,
    *,
    titles: Sequence[str] = (),
    by_frame: bool = False,
    names: Sequence[str] = (),
) -> Any:
    """Return a figure of rows in an order, such as along a path, drawn as suits their kind.

    Parameters
    ----------
    rows
        Labels and rows of the kind in place of images, shape (n, *row); uint8 for images.
    titles
        One per column. Where rows are curves, the first and the last name their colors.
    by_frame
        Whether colors of curves are those of their frames.
    names
        Of the values in a row, such as the columns of a table.
    """
    if kind == "image":
        return draw_grid(rows, titles=titles)
    if kind in COMPARED:
        maps = [
            GridRow(row.label, as_maps(row.images, kind, slices=1), row.frames, row.group_start)
            for row in rows
        ]
        note = note_of(rows[0].images.shape[1:], kind, slices=1)
        return draw_grid(maps, titles=titles, note=note)
    convert = as_channels if kind == "sequence" else as_curves
    curves = [(row.label, convert(row.images)) for row in rows]
    frames = [row.frames for row in rows]
    return draw_curves(curves, positions=titles, frames=frames, by_frame=by_frame, names=names)


def _over(group: RowPairs, convert: Any) -> tuple[GridRow, GridRow]:
    return (
        GridRow(f"{group.label}\noriginals", convert(group.original), group_start=True),
        GridRow("reconstructions", convert(group.decoded)),
    )


def _some(group: RowPairs, most: int) -> RowPairs:
    """Return pairs evenly over a group, with the first and the last."""
    places = np.unique(np.linspace(0, len(group.original) - 1, most).round().astype(int))
    titles = [group.titles[place] for place in places] if group.titles else ()
    return RowPairs(group.label, group.original[places], group.decoded[places], titles)


def _title(group: RowPairs, place: int) -> str:
    label = group.label.replace("\n", " ") if place == 0 else ""
    return ", ".join(filter(None, [label, group.titles[place] if group.titles else ""]))
