"""Figures: decoded rows along lines, paths and differences; how far paths are from the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import (
    DATA_COLOR,
    ORIGIN_COLOR,
    FrameStyle,
    GridRow,
    Kind,
    Words,
    draw_rows,
    finish,
    new_figure,
    overlay,
    words_of,
)
from latent_analyze.plugin import Figure, Result, ResultSet
from latent_analyze_plugins.traversals.findings import NAMES, OUTSIDE

FAR = FrameStyle(OUTSIDE, "#E69F00", (0, (4, 1.5)), 1.4)
"""Frame of what is away from the data; others have none, for being near proves nothing."""


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield the lines, the paths, their distances, and the differences of classes."""
    data, words = results.data, words_of(results.frame["kind"])
    if "line" in data.arrays:
        yield _draw_lines(results, words)
    yield _draw_paths(results, words)
    yield _draw_distances(results, words)
    if "moved_images" in data.arrays:
        yield _draw_moved(results, words)


def _draw_lines(results: ResultSet, words: Words) -> Figure:
    data, options = results.data, cast("Any", results.options)
    images, far, names = data["line_images"], data["line_distance"] > data["near"], data["line"]
    labels = [f"{n}\nσ = {s:.3g}" for n, s in zip(names, data["line_spread"], strict=True)]
    changes = [f"{n} {c:.3g}" for n, c in zip(names, data["line_change"], strict=True)]
    rows = list(map(_row, labels, images, far, names == "component 1"))
    columns = np.linspace(-options.extent, options.extent, images.shape[1])
    titles = [f"{c:+.3g} σ" if abs(c) > 1e-9 else "mean" for c in columns]
    caption = (
        f"Decoded {words.many} along axes (from 0; the ones that change the {words.one} most first)"
        " and along principal components (from 1), through the mean, in standard deviations σ"
        f" (latent units).{_labeled(results, 'the z-point nearest to the mean')}"
    )
    what = words.many.capitalize()
    alt = f"{what} along lines; change of the {words.one} per line: {', '.join(changes)}."
    return _figure(results, "lines", caption, alt, rows=rows, titles=titles)


def _draw_paths(results: ResultSet, words: Words) -> Figure:
    data = results.data
    images, position = data["path_images"], data["position"]
    every = (position.size - 1) // (images.shape[2] - 1)
    far = data["distance"][:, data["decoded_pair"], ::every] > data["near"]
    rows = [
        _row(f"pair {pair + 1}: {kind}", images[pair, row], far[row, pair], start=row == 0)
        for pair in range(len(images))
        for row, kind in enumerate(data["decoded_path"])
    ]
    caption = (
        f"Decoded {words.many} along paths between random pairs of z-points: straight, spherical,"
        " and over the neighbor graph. The ends of a pair are the same in each row."
        f"{_labeled(results, 'its start all along a path')}"
    )
    what = words.many.capitalize()
    alt = f"{what} along {len(rows)} paths between {len(images)} pairs of z-points."
    titles = [f"{100 * share:.3g} %" for share in position[::every]]
    return _figure(results, "paths", caption, alt, rows=rows, titles=titles)


def _draw_moved(results: ResultSet, words: Words) -> Figure:
    data = results.data
    images, to, of = data["moved_images"], data["added"], data["subtracted"]
    start, far = f"{data['label']} {of}", data["moved_distance"] > data["near"]
    labels = [f"{start}, no. {p + 1}" for p in range(len(images))]
    rows = list(map(_row, labels, images, far))
    caption = (
        f"Label arithmetic: decoded z-points of {start}, moved by growing shares of the mean of"
        f" {to} less the mean of {of}.{_labeled(results, 'the z-point before it is moved')}"
    )
    what = words.many.capitalize()
    alt = f"{what} on the way from {of} to {to}; {100 * data['hits']:.0f} % arrive."
    titles = [f"{100 * share:.3g} %" for share in np.linspace(0, 1, images.shape[1])]
    return _figure(results, "arithmetic", caption, alt, rows=rows, titles=titles)


def _labeled(results: ResultSet, whose: str) -> str:
    """Return what a caption says about a decoder that takes labels."""
    names = results.frame["conditions"]
    return f" The decoder gets {names} of {whose}." if names else ""


def _row(label: str, images: NDArray[Any], far: NDArray[Any], start: bool = False) -> GridRow:
    return GridRow(label, images, [FAR if f else None for f in far], group_start=start)


def _figure(
    results: ResultSet, name: str, caption: str, alt: str, *, rows: Sequence[GridRow],
    titles: Sequence[str],
) -> Figure:  # fmt: skip
    """Return decoded rows as suits their kind, marked where they are far from the data."""
    words, names = words_of(results.frame["kind"]), results.frame["names"].tolist()
    kind: Kind = "window" if words.kind == "volume" else words.kind
    drawn = draw_rows(rows, kind, titles=titles, names=names)
    if words.kind == "volume":
        caption += " Of each volume, the slice through the middle of its first long axis."
    if kind in ("image", "window"):
        caption += (
            f" Dashed frames: {OUTSIDE}, where the decoder saw little or nothing."
            f" {words.a.capitalize()} without a frame may still be no {words.one} of the data's"
            " kind."
        )
    else:
        curves = "vectors" if kind == "row" else words.many
        caption += (
            f" Each panel is a row, curves are decoded {curves}. Dashed: {OUTSIDE}, where the"
            " decoder saw little or nothing."
        )
    return Figure(f"traversals-{name}", caption, drawn, alt)


def _draw_distances(results: ResultSet, words: Words) -> Figure:
    """Return a panel per kind of path, and one of lengths in images."""
    data, options = results.data, cast("Any", results.options)
    figure, axes = new_figure(2, 2, height=2.9)
    paths = axes.flat[:3]
    for row, (name, axis) in enumerate(zip(NAMES.values(), paths, strict=True)):
        overlay(axis, results, partial(_quantile, row=row), over="position")
        ends = [_quantile(data, row=row, share=share) for share in (0.25, 0.75)]
        axis.fill_between(data["position"], *ends, color=DATA_COLOR, alpha=0.15, lw=0)
        axis.axhline(data["near"], color=ORIGIN_COLOR, lw=0.8, ls=":", label="95 % of the z-points")
        axis.set_title(name, loc="left", fontsize=9)
        axis.set(xlabel="position on the path (share)", xlim=(0, 1),
                 ylabel="distance from the data\n(1: a typical z-point)")  # fmt: skip
    top = max(axis.get_ylim()[1] for axis in paths)
    for axis in paths:
        axis.set_ylim(0, top)
    _draw_lengths(axes[1, 1], data, words)
    gray = " Gray: the same in the null, medians over pairs; the band holds 90 % of its draws."
    caption = (
        "How far paths between random z-points are from the data: the distance of the"
        f" {options.k}th nearest z-point, relative to its median over the z-points themselves;"
        " median over pairs, with the middle half of the pairs as a blue band. Below the dotted"
        f" line are 95 % of the z-points.{gray if results.ensembles else ''} Lower right: lengths"
        " of decoded paths relative to the straight one of the same pair; above 1 the straight path"
        f" is the shorter one in {words.many}."
    )
    distance = f"{data['straight_distance']:.2f}"
    alt = f"Distance in the middle of straight paths {distance}, of a typical z-point 1."
    return Figure("traversals-distance", caption, finish(figure), alt)


def _quantile(result: Result, row: int, share: float = 0.5) -> NDArray[np.float64]:
    """Return a quantile over pairs per step; NaN where no pair is joined."""
    distance = result["distance"][row].astype(np.float64)
    whole = distance[np.isfinite(distance).all(axis=1)]
    return np.quantile(whole, share, axis=0) if len(whole) else np.full(distance.shape[1], np.nan)


def _draw_lengths(axis: Any, data: Result, words: Words) -> None:
    axis.set_title(f"length in {words.many}", loc="left", fontsize=9)
    axis.axhline(1, color=ORIGIN_COLOR, lw=0.8)
    straight, *others = data["decoded_length"]
    known = straight > 0
    spread = np.linspace(-0.15, 0.15, int(known.sum()))
    for place, lengths in enumerate(others):
        relative = lengths[known] / straight[known]
        axis.plot(place + spread, relative, ".", color=DATA_COLOR, ms=4, alpha=0.5, mew=0)
        if len(relative):
            axis.plot([place - 0.25, place + 0.25], [np.median(relative)] * 2, "k-", lw=1.6)
    names = [f"{kind} / straight" for kind in data["decoded_path"][1:]]
    axis.set_xticks(range(len(names)), names)
    axis.set(ylabel="relative length (dot: a pair)", xlim=(-0.5, max(len(names) - 0.5, 0.5)))
