"""The figures of `neighbors`, drawn from results alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from latent_analyze.plotting import (
    DATA_COLOR,
    all_results,
    common_edges,
    finish,
    gray_caption,
    new_figure,
    overlay,
    plain_log_ticks,
)
from latent_analyze.plugin import Figure, Result, ResultSet

SCALES = (
    "Left: the number of dimensions that the z-points fill, over the distance at which one looks:"
    " the first mark is TwoNN at the nearest neighbors, each further one doubles the points per"
    " neighborhood. Circles are TwoNN on a half, a quarter, ... of the z-points. Where the curve is"
    " level, the number is a dimension; where it falls, it holds for its scale only. Right:"
    " distances to neighbor {k}, on a logarithmic axis; the wider, the clumpier."
)
CROWDING = (
    "Above: the dimension around each z-point, where estimates scatter by about a quarter by"
    " themselves; and how many z-points have a given one among their {k} nearest, as the share with"
    " at least that many: a curve that reaches far to the right means hubs. Below: edges of the"
    " minimum spanning tree of a part of the z-points, where a tail to the left means clumps and"
    " one to the right gaps between them; and, for places drawn at random with the mean and"
    " covariance of the data, how many z-points a Gaussian has in the ball around it that is empty"
    " here; places on the right lie in voids."
)
Z_POINTS = "share of z-points"


def draw(results: ResultSet) -> Iterator[Figure]:
    """Draw dimension and radius, then local dimension, hubs, tree and voids."""
    k, gray = results.frame["k"], gray_caption(results)
    figure, (scales, radii) = new_figure(1, 2, height=3.3, width_ratios=(1.15, 1.0))
    _draw_dimension(scales, results)
    x = "distance of the outer neighbor (latent units)"
    _name(scales, "how many dimensions they fill", x, "dimension")
    _draw_histogram(radii, results, "radius")
    _name(radii, "how evenly they lie", f"distance of neighbor {k} (latent units)", Z_POINTS)
    alt = "; ".join(_range(label, result) for label, result in results.results.items())
    caption = SCALES.format(k=k) + gray
    yield Figure("neighbors", caption, finish(figure), f"Dimension over distance: {alt}")

    figure, ((local, hubs), (tree, voids)) = new_figure(2, 2, height=2.5)
    _draw_histogram(local, results, "local_dimension_of")
    _name(local, "dimension around each", "local dimension", Z_POINTS)
    _draw_hubs(hubs, results)
    _name(hubs, "hubs", "neighbor of at least (z-points)", Z_POINTS)
    _draw_histogram(tree, results, "tree_edges")
    _name(tree, "gaps between clumps", "edge of the spanning tree (latent units)", "share of edges")
    _draw_histogram(voids, results, "missing")
    _name(voids, "voids", "z-points missing around a place", "share of random places")
    alt = "Distributions of local dimension, neighbor counts, tree edges and empty balls."
    yield Figure("neighbors-crowding", CROWDING.format(k=k) + gray, finish(figure), alt)


def _name(axis: Any, title: str, x: str, y: str) -> None:
    axis.set_title(title, fontsize=10)
    axis.set(xlabel=x, ylabel=y)


def _range(label: str, result: Result) -> str:
    distance, dimension = result["scale_distance"], result["scale_dimension"]
    ends = [f"{dimension[i]:.3g} at {distance[i]:.3g}" for i in (0, -1)]
    return f"{label} {', '.join(ends)} latent units"


def _draw_dimension(axis: Any, results: ResultSet) -> None:
    data = results.data
    overlay(axis, results, "scale_dimension", over="scale_distance", markers=True)
    decimated = data["decimation_distance"], data["decimation_dimension"]
    axis.plot(*decimated, "o", mfc="none", color=DATA_COLOR, label="TwoNN, decimated", zorder=3)
    if "plateau_dimension" in data.scalars:
        level, ends = data["plateau_dimension"], (data["plateau_low"], data["plateau_high"])
        label = f"plateau: {level:.3g}"
        axis.hlines(level, *ends, color="#E69F00", lw=7, alpha=0.6, label=label, zorder=2)
    axis.set(xscale="log", ylim=(0, None))
    plain_log_ticks(axis)


def _draw_hubs(axis: Any, results: ResultSet) -> None:
    top = max(int(r["occurrences"].max()) for r in all_results(results))

    def at_least(result: Result) -> Any:
        tally = np.bincount(result["occurrences"], minlength=top + 2)
        return tally[::-1].cumsum()[::-1] / tally.sum()

    overlay(axis, results, at_least)
    least = min(0.5 / len(r["occurrences"]) for r in all_results(results))
    axis.set(yscale="log", xlim=(0, top + 1), ylim=(least, 1.5))


def _draw_histogram(axis: Any, results: ResultSet, array: str) -> None:
    """Draw shares per interval of a logarithmic axis that all sources have in common."""
    edges = common_edges([r[array] for r in all_results(results)], log=True)

    def share(result: Result) -> Any:
        return np.histogram(result[array], edges)[0] / len(result[array])

    overlay(axis, results, share, over=edges, steps=True)
    axis.set(xscale="log", xlim=(edges[0], edges[-1]), ylim=(0, None))
    plain_log_ticks(axis)
