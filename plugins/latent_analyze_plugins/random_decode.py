"""The analysis `random_decode`: what a decoder makes of z-points of each source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, PositiveFloat

from latent_analyze import (
    Analysis,
    AnalysisError,
    AnalysisOptions,
    Array,
    Figure,
    Finding,
    Result,
    Scalar,
    hookimpl,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from latent_analyze import Context, Frame, ResultSet, Source

COLUMNS = 16
"""Most images in a row of the figure."""

LABEL_WIDTH, GAP, LARGEST_IMAGE = 1.3, 0.08, 0.8
"""Inches: the column of labels, the space between rows, and the largest width of an image."""

SATURATED = 1 / 255
"""A pixel this close to an end of the range is black or white in 8 bits."""


class RandomDecodeOptions(AnalysisOptions):
    """Options of `RandomDecode`."""

    model_config = ConfigDict(allow_inf_nan=False)

    images: int = Field(16, ge=1, le=256, description="decoded z-points per source")
    boundaries: tuple[PositiveFloat, ...] = Field(
        (0.5, 2.5, 5, 8, 10, 15, 20, 30, 50),
        description="boundaries b of the uniform cubes [-b, b]^dim decoded beside the data",
    )
    unit: Literal["latent", "spread"] = Field(
        "latent",
        description="unit of the boundaries: latent units, or multiples of the reference's spread",
    )


class RandomDecode(Analysis):
    """Decode a seeded sample of every source: a grid of images, one row per source.

    The reference's row shows decoded z-points of the data, so it is what the decoder can do. The
    rows below show other sources and uniform cubes [-b, b]^dim, one per boundary. Numbers per row:
    mean pixel, contrast within images, diversity between images, share of saturated pixels.
    """

    name = "random_decode"
    title = "Decoded z-points"
    requires = frozenset({"decoder"})
    cost = "light"
    Options = RandomDecodeOptions

    def companions(self, reference: Source) -> Sequence[str]:
        """Return a uniform sampler per boundary."""
        del reference
        return _companions(self.options)

    def run(self, frame: Frame, source: Source, context: Context) -> Result:
        """Decode a sample of `source`.

        Raises
        ------
        AnalysisError
            If no output of the decoder is finite.
        """
        del frame
        context.progress("decode", 0, self.options.images)
        z = context.sample(self.options.images).z
        decoded = np.asarray(context.model.decode(z), np.float32)
        context.progress("decode", len(z), self.options.images)
        finite = np.isfinite(decoded.reshape(len(decoded), -1)).all(axis=1)
        if not finite.any():
            raise AnalysisError(
                "finite numbers from the decoder",
                found=f"NaN or infinity in all {len(z)} outputs for {source.label}",
                next_step="check the decoder, or leave z-points so far out away",
            )
        return _result(decoded[finite], int((~finite).sum()))

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say what the rows are; looking at images is no test."""
        first, *others = _rows(results)
        text = f"Decoded: {len(_decoded(first[1]))} z-points of {first[0]}"
        if others:
            text += f", and as many of {', '.join(label for label, _ in others)}"
        yield Finding("note", f"{text}. The rows show what the decoder makes of them; no test.")
        for label, result in results.results.items():
            if lost := result["nonfinite"]:
                count = lost + len(_decoded(result))
                yield Finding(
                    "note", f"The decoder gives NaN or infinity for {lost} of {count} of {label}."
                )

    def plot(self, results: ResultSet) -> Iterator[Figure]:
        """Draw one row of images (or curves, for a decoder of vectors) per source."""
        rows = _rows(results)
        images = "images" in results.data.arrays
        figure = _draw_images(rows) if images else _draw_curves(rows)
        labels = ", ".join(label for label, _ in rows)
        yield Figure(
            "random-decode",
            "Decoded z-points, one row per source; the first row are z-points of the reference,"
            " so it shows what the decoder can do.",
            figure,
            f"{'Images' if images else 'Curves'} decoded from: {labels}.",
        )


@hookimpl
def register_analyses() -> Sequence[type[Analysis]]:
    """Return the analysis of this module."""
    return [RandomDecode]


def _companions(options: Any) -> list[str]:
    unit = "" if options.unit == "latent" else f":unit={options.unit}"
    return [f"uniform:b={b:g}{unit}" for b in sorted(set(options.boundaries))]


def _result(decoded: NDArray[np.float32], nonfinite: int) -> Result:
    scalars = {
        "mean_value": Scalar(float(decoded.mean(dtype=np.float64)), "", "mean of all pixels"),
        "contrast": Scalar(
            float(_flat(decoded).std(axis=1).mean()),
            "",
            "standard deviation over the pixels of an image, averaged over images",
        ),
        "diversity": Scalar(
            float(_flat(decoded).std(axis=0).mean()),
            "",
            "standard deviation over images at a pixel, averaged over pixels",
        ),
        "nonfinite": Scalar(nonfinite, "images", "outputs with NaN or infinity, left out"),
    }
    total = len(decoded) + nonfinite
    if decoded.ndim < 3:
        values = Array(_flat(decoded), ("sample", "feature"), "", "decoded vectors")
        return Result(scalars, {"vectors": values}, total)
    ends = (decoded <= SATURATED) | (decoded >= 1 - SATURATED)
    scalars["saturated"] = Scalar(
        float(ends.mean()), "share", "share of pixels that are black or white in 8 bits"
    )
    beyond = float(((decoded < -SATURATED) | (decoded > 1 + SATURATED)).mean())
    notes = (f"{100 * beyond:.2g} % of the pixels lie outside [0, 1]: clipped",) if beyond else ()
    pixels = np.rint(255 * np.clip(decoded, 0, 1)).astype(np.uint8)
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    images = Array(pixels, ("image", "y", "x", "channel"), "", "decoded images, 0 to 255")
    return Result(scalars, {"images": images}, total, notes)


def _flat(decoded: NDArray[np.float32]) -> NDArray[np.float32]:
    return decoded.reshape(len(decoded), -1)


def _decoded(result: Result) -> NDArray[Any]:
    return result["images" if "images" in result.arrays else "vectors"]


def _rows(results: ResultSet) -> list[tuple[str, Result]]:
    """Return labels and results: reference, shown sources, boundaries in order, nulls."""
    labels = _companions(results.options)
    beside = [label for label in results.shown if label not in labels]
    boundaries = [label for label in labels if label in results.shown]
    order = [results.reference, *beside, *boundaries]
    rows = [(label, results.results[label]) for label in order]
    return rows + [(f"null {null}", members[0]) for null, members in results.ensembles.items()]


def _draw_images(rows: list[tuple[str, Result]]) -> Any:
    from latent_analyze.plotting import WIDTH, new_figure

    strips = [_strip(result["images"]) for _, result in rows]
    columns = min(max(len(result["images"]) for _, result in rows), COLUMNS)
    inch = min(WIDTH - LABEL_WIDTH - GAP, LARGEST_IMAGE * columns) / max(s.shape[1] for s in strips)
    heights = [inch * len(strip) for strip in strips]
    total = sum(heights) + GAP * (len(rows) + 1)
    figure, axes = new_figure(len(rows), 1, height=total / len(rows), squeeze=False)
    figure.set_layout_engine("none")
    top = total
    for axis, strip, height, (label, _) in zip(axes.flat, strips, heights, rows, strict=True):
        top -= height + GAP
        width = inch * strip.shape[1] / WIDTH
        axis.set_position((LABEL_WIDTH / WIDTH, top / total, width, height / total))
        gray = strip.shape[-1] == 1
        axis.imshow(strip[..., 0] if gray else strip, cmap="gray", vmin=0, vmax=255, aspect="auto")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.set_ylabel(_short(label), rotation=0, ha="right", va="center", fontsize=8, labelpad=6)
    return figure


def _strip(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the images side by side with white gaps, at most `COLUMNS` in a row."""
    count, height, width, channels = images.shape
    if channels not in (1, 3):
        images, channels = images.mean(axis=-1, keepdims=True).astype(np.uint8), 1
    gap = max(width // 16, 1)
    columns, rows = min(count, COLUMNS), -(-count // COLUMNS)
    strip = np.full((rows * (height + gap), columns * (width + gap), channels), 255, np.uint8)
    for place, image in enumerate(images):
        y, x = (place // COLUMNS) * (height + gap), (place % COLUMNS) * (width + gap)
        strip[y : y + height, x : x + width] = image
    return strip[:-gap, :-gap]


def _draw_curves(rows: list[tuple[str, Result]]) -> Any:
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
