"""The figure of decoded images: a row per source, each image framed by the tests it passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import Figure
from latent_analyze_plugins.random_decode.companions import shown_cubes, shown_samplers
from latent_analyze_plugins.random_decode.output import CYCLE, SUPPORT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Result, ResultSet

COLUMNS = 16
"""Most images in a row of the figure."""

LABEL_WIDTH, GAP, LEGEND, LARGEST_IMAGE = 1.4, 0.06, 0.3, 0.8
"""Inches: the column of labels, the space between rows, the legend, the largest image."""

FRAMES = {
    CYCLE | SUPPORT: ("#0072B2", "-", 1.4, "both tests"),
    CYCLE: ("#E69F00", (0, (4, 1.5)), 1.4, "cycle only"),
    SUPPORT: ("#009E73", (0, (1, 1)), 1.4, "support only"),
    0: ("#999999", "-", 0.5, "neither"),
}
"""Verdict -> color, dash and width of the frame, and what the legend calls it."""

Row = tuple[str, "Result"]


def draw_grid(results: ResultSet) -> Figure:
    """Draw one row of images (or curves, for a decoder of vectors) per source."""
    rows = _rows(results)
    images = "images" in results.data.arrays
    figure = _draw_images(rows, bool(results.frame["no_cycle"])) if images else _draw_curves(rows)
    labels = ", ".join(label for label, _ in rows)
    caption = (
        "Decoded z-points, one row per source. The first row are held-out z-points of the"
        " reference: it shows what the decoder can do."
    )
    if images:
        caption += (
            " Frames: the tests that a z-point passed; in which row frames are frequent counts,"
            " no single image."
        )
    what = "Images" if images else "Curves"
    return Figure("random-decode", caption, figure, f"{what} decoded from: {labels}.")


def _rows(results: ResultSet) -> list[Row]:
    """Return labels and results: reference, shown sources, boundaries in order, nulls."""
    order = [results.reference, *shown_samplers(results), *shown_cubes(results)]
    rows = [(label, results.results[label]) for label in order]
    rows[0] = (f"{results.reference}, held out", rows[0][1])
    return rows + [(f"null {null}", members[0]) for null, members in results.ensembles.items()]


def _draw_images(rows: list[Row], no_cycle: bool) -> Any:
    from latent_analyze.plotting import WIDTH, new_figure

    rows = [row for row in rows if len(row[1]["images"])]
    strips = [Strip(result["images"]) for _, result in rows]
    columns = min(max(len(result["images"]) for _, result in rows), COLUMNS)
    wide = max(strip.pixels.shape[1] for strip in strips)
    inch = min(WIDTH - LABEL_WIDTH - GAP, LARGEST_IMAGE * columns) / wide
    heights = [inch * len(strip.pixels) for strip in strips]
    total = sum(heights) + GAP * (len(rows) + 1) + LEGEND
    figure, axes = new_figure(len(rows), 1, height=total / len(rows), squeeze=False)
    figure.set_layout_engine("none")
    top = total
    for axis, strip, height, row in zip(axes.flat, strips, heights, rows, strict=True):
        top -= height + GAP
        width = inch * strip.pixels.shape[1] / WIDTH
        axis.set_position((LABEL_WIDTH / WIDTH, top / total, width, height / total))
        _draw_row(axis, strip, row)
    _legend(figure, [FRAMES[v] for v in FRAMES if not (no_cycle and v & CYCLE)], total)
    return figure


def _draw_row(axis: Any, strip: Strip, row: Row) -> None:
    from matplotlib.patches import Rectangle

    label, result = row
    gray = strip.pixels.shape[-1] == 1
    picture = strip.pixels[..., 0] if gray else strip.pixels
    axis.imshow(picture, cmap="gray", vmin=0, vmax=255, aspect="auto")
    height, width = strip.size
    pad = 0.5 * strip.gap
    for (y, x), verdict in zip(strip.corners, result["verdict"].tolist(), strict=True):
        color, dash, line, _ = FRAMES[verdict]
        axis.add_patch(
            Rectangle(
                (x - 0.5 - pad / 2, y - 0.5 - pad / 2), width + pad, height + pad, fill=False,
                edgecolor=color, linestyle=dash, linewidth=line,
            )
        )  # fmt: skip
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.set_ylabel(_short(label), rotation=0, ha="right", va="center", fontsize=8, labelpad=4)


def _legend(figure: Any, frames: list[tuple[Any, ...]], total: float) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor="none", edgecolor=color, linestyle=dash, linewidth=line, label=text)
        for color, dash, line, text in frames
    ]
    figure.legend(
        handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.0), ncols=len(frames),
        frameon=False, fontsize=8, title=None, borderaxespad=0.4 / total,
    )  # fmt: skip


class Strip:
    """Images side by side with white gaps around each, at most `COLUMNS` in a row."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        count, height, width, channels = images.shape
        if channels not in (1, 3):
            images, channels = images.mean(axis=-1, keepdims=True).astype(np.uint8), 1
        self.size, self.gap = (height, width), max(round(0.12 * width), 2)
        columns, rows = min(count, COLUMNS), -(-count // COLUMNS)
        step_y, step_x = height + self.gap, width + self.gap
        shape = (rows * step_y + self.gap, columns * step_x + self.gap, channels)
        self.pixels = np.full(shape, 255, np.uint8)
        self.corners = [
            (self.gap + (i // COLUMNS) * step_y, self.gap + (i % COLUMNS) * step_x)
            for i in range(count)
        ]
        for (y, x), image in zip(self.corners, images, strict=True):
            self.pixels[y : y + height, x : x + width] = image


def _draw_curves(rows: list[Row]) -> Any:
    from latent_analyze.plotting import DATA_COLOR, new_figure

    figure, axes = new_figure(len(rows), 1, height=1.2, squeeze=False, sharex=True)
    for axis, (label, result) in zip(axes.flat, rows, strict=True):
        axis.plot(result["vectors"][:COLUMNS].T, color=DATA_COLOR, alpha=0.5, lw=0.8)
        axis.set_title(label, fontsize=9, loc="left")
        axis.set_ylabel("output")
    axes[-1, 0].set_xlabel("output feature (index)")
    return figure


def _short(label: str) -> str:
    """Return a label that fits beside a row: long ones are broken at colons."""
    return label if len(label) <= 18 else label.replace(":", ":\n")
