"""Figures: images along lines, paths and differences; how far paths are from the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import FrameStyle, GridRow, draw_curves, draw_grid
from latent_analyze.plugin import Figure
from latent_analyze_plugins.traversals.curves import draw_distances

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latent_analyze.plugin import Result, ResultSet

FAR = FrameStyle("farther from the data than 95 % of the z-points", "#E69F00", (0, (4, 1.5)), 1.4)
"""Frame of images away from the data; others have none, for being near proves nothing."""


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield the lines, the paths, their distances, and the differences of classes."""
    data = results.data
    options: Any = results.options
    if "line" in data.arrays:
        yield _draw_lines(data, options.extent)
    yield _draw_paths(data)
    yield draw_distances(results)
    if "moved_images" in data.arrays:
        yield _draw_moved(data)


def _draw_lines(data: Result, extent: float) -> Figure:
    images, names = data["line_images"], data["line"]
    labels = [
        f"{name}\nσ = {spread:.3g}" for name, spread in zip(names, data["line_spread"], strict=True)
    ]
    columns = np.linspace(-extent, extent, images.shape[1])
    titles = [f"{c:+.3g} σ" if abs(c) > 1e-9 else "mean" for c in columns]
    first = [str(name).startswith("component") for name in names]
    starts = [b and not a for a, b in zip([True, *first], first, strict=False)]
    figure = _figure(labels, images, titles, (data["line_distance"], data["near"], starts))
    caption = (
        "Decoded images along axes (from 0; the ones that change the image most first) and along"
        " principal components (from 1), through the mean, in standard deviations σ (latent"
        " units)."
    )
    return Figure("traversals-lines", caption + _frames(images), figure, _line_alt(data))


def _draw_paths(data: Result) -> Figure:
    images, kinds = data["path_images"], data["decoded_path"]
    every = (data["position"].size - 1) // (images.shape[2] - 1)
    rows = [list(data["path"]).index(kind) for kind in kinds]
    shown = data["decoded_pair"][: len(images)]
    distance = data["distance"][rows][:, shown, ::every].transpose(1, 0, 2)
    labels = [f"pair {p + 1}: {kind}" for p in range(len(images)) for kind in kinds]
    titles = _percent(data["position"][::every])
    flat = images.reshape(-1, *images.shape[2:])
    starts = [place % len(kinds) == 0 for place in range(len(flat))]
    near = (distance.reshape(len(flat), -1), data["near"], starts)
    caption = (
        "Decoded images along paths between random pairs of z-points: straight, spherical, and over"
        " the neighbor graph. The ends of a pair are the same in each row."
    )
    alt = f"Images along {len(flat)} paths between {len(images)} pairs of z-points."
    return Figure(
        "traversals-paths", caption + _frames(images[0]), _figure(labels, flat, titles, near), alt
    )


def _draw_moved(data: Result) -> Figure:
    images, to, of = data["moved_images"], data["added"], data["subtracted"]
    titles = _percent(np.linspace(0, 1, images.shape[1]))
    labels = [f"{data['label']} {of}, no. {p + 1}" for p in range(len(images))]
    near = (data["moved_distance"], data["near"], [False] * len(images))
    caption = (
        f"Label arithmetic: decoded z-points of {data['label']} {of}, moved by growing shares of"
        f" the mean of {to} less the mean of {of}."
    )
    alt = f"Images on the way from {of} to {to}; {100 * data['hits']:.0f} % arrive."
    return Figure(
        "traversals-arithmetic", caption + _frames(images), _figure(labels, images, titles, near),
        alt,
    )  # fmt: skip


def _figure(labels: list[str], images: Any, titles: list[str], near: tuple[Any, float, Any]) -> Any:
    """Return a grid of images, framed by their distance from the data; or curves."""
    distance, limit, starts = near
    if images.ndim == 3:
        return draw_curves(list(zip(labels, images, strict=True)), positions=titles)
    rows = [
        GridRow(label, row, [FAR if d > limit else None for d in far], group_start=start)
        for label, row, far, start in zip(labels, images, distance, starts, strict=True)
    ]
    return draw_grid(rows, titles=titles)


def _percent(shares: Any) -> list[str]:
    return [f"{100 * share:.3g} %" for share in shares]


def _frames(images: Any) -> str:
    if images.dtype != np.uint8:
        return " Each panel is a row, curves are decoded vectors."
    return (
        " Dashed frames: farther from the data than 95 % of the z-points, where the decoder saw"
        " little or nothing. An image without a frame may still be no image of the data's kind."
    )


def _line_alt(data: Result) -> str:
    parts = [
        f"{name} {change:.3g}"
        for name, change in zip(data["line"], data["line_change"], strict=True)
    ]
    return f"Images along lines; change of the image per line: {', '.join(parts)}."
