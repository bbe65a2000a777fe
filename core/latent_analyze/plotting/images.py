"""Grids of small images with labels and frames, and panels of curves for decoders of vectors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting.style import WIDTH, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LABEL_WIDTH, LARGEST_IMAGE = 1.45, 0.75
"""Inches: the column of labels, and the largest image."""

TITLE, LEGEND, MARGIN = 0.22, 0.3, 0.06
"""Inches: titles of the columns, the legend, and the edge of the figure."""

GAP, GROUP_GAP = 0.14, 0.5
"""Space between images and between groups of rows, in widths of an image."""


@dataclass(frozen=True)
class FrameStyle:
    """How a framed image looks, and what its frame means."""

    meaning: str
    color: str
    dash: Any = "-"
    width: float = 1.3


@dataclass(frozen=True)
class GridRow:
    """Images side by side.

    Attributes
    ----------
    label
        Stands left of the row; may have several lines.
    images
        uint8, shape (n, height, width, channel).
    frames
        A style per image, or None for no frame; empty for no frames at all.
    group_start
        Whether a gap above parts the row from those before.
    """

    label: str
    images: NDArray[np.uint8]
    frames: Sequence[FrameStyle | None] = field(default=())
    group_start: bool = False


def as_pixels(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Return images with values in [0, 1] as uint8; values beyond are clipped.

    Shape (..., height, width, channel); channels other than 1 and 3 are averaged.
    """
    if images.shape[-1] not in (1, 3):
        images = images.mean(axis=-1, keepdims=True)
    pixels: NDArray[np.uint8] = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)
    return pixels


def draw_grid(rows: Sequence[GridRow], *, titles: Sequence[str] = ()) -> Any:
    """Return a figure of rows of images of one size.

    Parameters
    ----------
    titles
        One per column; empty texts are left out.
    """
    canvas = _Canvas(rows)
    styles = _styles(rows)
    height, width = canvas.pixels.shape[:2]
    inch = min((WIDTH - LABEL_WIDTH - MARGIN) / width, LARGEST_IMAGE / canvas.size[1])
    top, bottom = (TITLE if any(titles) else MARGIN), (LEGEND if styles else MARGIN)
    total = inch * height + top + bottom
    figure, axis = new_figure(height=total)
    figure.set_layout_engine("none")
    axis.set_position(
        (LABEL_WIDTH / WIDTH, bottom / total, inch * width / WIDTH, inch * height / total)
    )
    canvas.draw(axis, titles)
    if styles:
        _add_legend(figure, styles)
    return figure


def draw_curves(rows: Sequence[tuple[str, NDArray[Any]]], *, positions: Sequence[str]) -> Any:
    """Return a figure with a panel per row, for decoders that give vectors.

    Parameters
    ----------
    rows
        Label and vectors, shape (n, feature).
    positions
        What the first and the last vector of a row stand for.
    """
    from matplotlib import colormaps

    columns = 2 if len(rows) > 1 else 1
    lines = -(-len(rows) // columns)
    figure, axes = new_figure(lines, columns, height=1.5, squeeze=False, sharex=True)
    for axis, (label, vectors) in zip(axes.flat, rows, strict=False):
        colors = colormaps["cividis"](np.linspace(0, 0.95, len(vectors)))
        for place, (vector, color) in enumerate(zip(vectors, colors, strict=True)):
            end = {0: positions[0], len(vectors) - 1: positions[-1]}.get(place)
            axis.plot(vector, color=color, lw=0.9, label=end)
        axis.set_title(label, fontsize=8, loc="left")
    for axis in axes.flat[len(rows) :]:
        axis.set_visible(False)
    figure.supxlabel("output feature (index)", fontsize=9)
    figure.supylabel("decoded value", fontsize=9)
    ends = axes[0, 0].get_legend_handles_labels()
    figure.legend(*ends, loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    return figure


class _Canvas:
    """One large image, and where the small ones lie on it."""

    def __init__(self, rows: Sequence[GridRow]) -> None:
        self.rows = rows
        height, width, channels = rows[0].images.shape[1:]
        self.size, self.gap = (height, width), max(round(GAP * width), 2)
        self.tops, y = [], 0
        for place, row in enumerate(rows):
            y += round(GROUP_GAP * width) if row.group_start and place else 0
            self.tops.append(y + self.gap)
            y += height + self.gap
        columns = max(len(row.images) for row in rows)
        shape = (y + self.gap, self._left(columns), channels)
        self.pixels = np.full(shape, 255, np.uint8)
        for top, row in zip(self.tops, rows, strict=True):
            for place, image in enumerate(row.images):
                left = self._left(place)
                self.pixels[top : top + height, left : left + width] = image

    def _left(self, column: int) -> int:
        left: int = self.gap + column * (self.size[1] + self.gap)
        return left

    def draw(self, axis: Any, titles: Sequence[str]) -> None:
        height, width = self.size
        gray = self.pixels.shape[-1] == 1
        axis.imshow(
            self.pixels[..., 0] if gray else self.pixels, cmap="gray", vmin=0, vmax=255,
            aspect="auto", interpolation="nearest",
        )  # fmt: skip
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        for top, row in zip(self.tops, self.rows, strict=True):
            axis.text(
                -0.5 * self.gap, top + height / 2, row.label, ha="right", va="center", fontsize=8
            )
            for place, style in enumerate(row.frames):
                if style is not None:
                    axis.add_patch(self._frame(self._left(place), top, style))
        for place, title in enumerate(titles):
            x = self._left(place) + width / 2
            axis.text(x, 0, title, ha="center", va="bottom", fontsize=8)

    def _frame(self, left: int, top: int, style: FrameStyle) -> Any:
        from matplotlib.patches import Rectangle

        (height, width), pad = self.size, 0.3 * self.gap
        return Rectangle(
            (left - 0.5 - pad, top - 0.5 - pad), width + 2 * pad, height + 2 * pad, fill=False,
            edgecolor=style.color, linestyle=style.dash, linewidth=style.width,
        )  # fmt: skip


def _styles(rows: Sequence[GridRow]) -> list[FrameStyle]:
    found = [style for row in rows for style in row.frames if style is not None]
    return list(dict.fromkeys(found))


def _add_legend(figure: Any, styles: Sequence[FrameStyle]) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(
            facecolor="none", edgecolor=s.color, linestyle=s.dash, linewidth=s.width,
            label=s.meaning,
        )
        for s in styles
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="lower center", ncols=len(handles), frameon=False, fontsize=8
    )
