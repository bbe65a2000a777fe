"""Grids of small images, or of heat maps of other arrays, with labels and frames."""

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

LARGEST_MAP, BAR, NOTE = (1.3, 0.85), 0.75, 0.22
"""Inches: the largest heat map, among few rows and among many; the room for the scale of its colors
and for a note below."""

FEW_ROWS = 6

ASPECTS = (0.5, 4.0)
"""Width over height that a heat map has at least and at most."""

LONGEST_SCALE, NOTE_COLOR = 2.5, "#555555"
"""Inches of the scale of colors; color of the note."""

HEAT, OUTLYING = "cividis", 0.002
"""Colors of heat maps, and the share of their values beyond either end of the scale."""


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
        uint8, shape (n, height, width, channel); or heat maps, float, (n, height, width, 1), with
        NaN for no color.
    frames
        A style per image, or None for no frame; empty for no frames at all.
    group_start
        Whether a gap above parts the row from those before.
    """

    label: str
    images: NDArray[Any]
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


def draw_grid(
    rows: Sequence[GridRow], *, titles: Sequence[str] = (), note: str = "", scale_rows: int = 0
) -> Any:
    """Return a figure of rows of images of one size; a scale of colors if they are heat maps.

    Parameters
    ----------
    titles
        One per column; empty texts are left out.
    note
        A line below the images, such as the names of their axes.
    scale_rows
        Rows from the top whose values the colors of heat maps span; 0 for all. Values of the others
        that lie beyond have the colors of the ends.
    """
    canvas = _Canvas(rows, scale_rows)
    styles = _styles(rows)
    height, width = canvas.pixels.shape[:2]
    inch = canvas.inches()
    top, bottom = (TITLE if any(titles) else MARGIN), (LEGEND if styles else MARGIN)
    low = bottom + (NOTE if note else 0)
    total = inch[1] * height + top + low
    figure, axis = new_figure(height=total)
    figure.set_layout_engine("none")
    box = (LABEL_WIDTH / WIDTH, low / total, inch[0] * width / WIDTH, inch[1] * height / total)
    axis.set_position(box)
    drawn = canvas.draw(axis, titles)
    if canvas.heat:
        _add_scale(figure, drawn, box)
    if note:
        figure.text(box[0], (bottom + 0.04) / total, note, fontsize=8, color=NOTE_COLOR)
    if styles:
        _add_legend(figure, styles)
    return figure


def _add_scale(figure: Any, drawn: Any, box: tuple[float, ...]) -> None:
    """Draw the scale of the colors to the right of a box (left, bottom, width, height)."""
    left, bottom, width, height = box
    tall = min(height, LONGEST_SCALE / figure.get_figheight())
    axis = figure.add_axes((left + width + 0.1 / WIDTH, bottom + height - tall, 0.1 / WIDTH, tall))
    bar = figure.colorbar(drawn, cax=axis, extend="both")
    bar.set_label("value", fontsize=9)
    bar.ax.tick_params(labelsize=8)


class _Canvas:
    """One large image, and where the small ones lie on it."""

    def __init__(self, rows: Sequence[GridRow], scale_rows: int = 0) -> None:
        self.rows, self.scale_rows = rows, scale_rows or len(rows)
        height, width, channels = rows[0].images.shape[1:]
        self.heat = rows[0].images.dtype.kind == "f"
        self.size, self.gap = (height, width), max(round(GAP * (1 + 0.6 * self.heat) * width), 2)
        # Heat maps may be much higher than wide: they are stretched, and so are the gaps.
        apart = height if self.heat else width
        self.tops, y, gap = [], 0, max(round(GAP * apart), 2)
        for place, row in enumerate(rows):
            y += (
                round((0.3 if self.heat else 1.0) * GROUP_GAP * apart)
                if row.group_start and place
                else 0
            )
            self.tops.append(y + gap)
            y += height + gap
        columns = max(len(row.images) for row in rows)
        shape = (y + gap, self._left(columns), channels)
        self.pixels = np.full(shape, np.nan, np.float32) if self.heat else np.full(shape, 255, "u1")
        for top, row in zip(self.tops, rows, strict=True):
            for place, image in enumerate(row.images):
                left = self._left(place)
                self.pixels[top : top + height, left : left + width] = image

    def inches(self) -> tuple[float, float]:
        """Return the width and height of a pixel in inches."""
        (height, width), whole = self.size, self.pixels.shape[1]
        if not self.heat:
            inch = min((WIDTH - LABEL_WIDTH - MARGIN) / whole, LARGEST_IMAGE / width)
            return inch, inch
        tall = LARGEST_MAP[len(self.rows) > FEW_ROWS]
        wide = tall * float(np.clip(width / height, *ASPECTS)) / width
        shrink = min(1.0, (WIDTH - LABEL_WIDTH - MARGIN - BAR) / (wide * whole))
        return shrink * wide, shrink * tall / height

    def _left(self, column: int) -> int:
        left: int = self.gap + column * (self.size[1] + self.gap)
        return left

    def draw(self, axis: Any, titles: Sequence[str]) -> Any:
        """Draw everything into axes; returns the drawn image."""
        height, width = self.size
        gray = self.pixels.shape[-1] == 1
        low, high = self._ends()
        drawn = axis.imshow(
            self.pixels[..., 0] if gray else self.pixels, cmap=HEAT if self.heat else "gray",
            vmin=low, vmax=high, aspect="auto", interpolation="nearest",
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
        return drawn

    def _ends(self) -> tuple[float, float]:
        """Return the ends of the scale of colors."""
        if not self.heat:
            return 0, 255
        shown = np.concatenate([row.images.ravel() for row in self.rows[: self.scale_rows]])
        known = shown[np.isfinite(shown)]
        if not known.size:
            return 0, 1
        low, high = np.quantile(known, [OUTLYING, 1 - OUTLYING])
        return float(low), float(high if high > low else low + 1)

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
