"""The figure of distances from the data along paths, and of their lengths in images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import (
    DATA_COLOR,
    NULL_COLOR,
    ORIGIN_COLOR,
    finish,
    new_figure,
    styles,
)
from latent_analyze.plugin import Figure
from latent_analyze_plugins.traversals.paths import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Result, ResultSet

NULL_DASHES = ("-", (0, (6, 2)), (0, (2, 2)), (0, (1, 1)))
NAMES = {
    "straight": "straight paths", "spherical": "spherical paths", "graph": "over the neighbor graph"
}  # fmt: skip


def draw_distances(results: ResultSet) -> Figure:
    """Return a panel per kind of path, and one of lengths in images."""
    figure, axes = new_figure(2, 2, height=2.9)
    top = 0.0
    for row, (kind, axis) in enumerate(zip(KINDS, axes.flat, strict=False)):
        top = max(top, _draw_kind(axis, results, row))
        axis.set_title(NAMES[kind], loc="left", fontsize=9)
        axis.set(xlabel="position on the path (share)", xlim=(0, 1))
    for axis in axes.flat[:3]:
        axis.set_ylim(0, 1.1 * top)
        axis.set_ylabel("distance from the data\n(1: a typical z-point)")
    _draw_lengths(axes[1, 1], results.data)
    finish(figure)
    options: Any = results.options
    caption = (
        "How far paths between random z-points are from the data: the distance of the"
        f" {options.k}th nearest z-point, relative to its median over the z-points"
        " themselves; median over pairs, with the middle half of the pairs as a blue band. Below"
        " the dotted line are 95 % of the z-points."
    )
    if results.ensembles:
        caption += (
            " Gray: the same in the null, medians over pairs; the band holds 90 % of its draws."
        )
    caption += (
        " Lower right: lengths of decoded paths relative to the straight one of the same pair;"
        " above 1 the straight path is the shorter one in images."
    )
    data = results.data
    alt = f"Distance in the middle of straight paths {data['straight_distance']:.2f}"
    return Figure("traversals-distance", caption, figure, f"{alt}, of a typical z-point 1.")


def _draw_kind(axis: Any, results: ResultSet, row: int) -> float:
    """Draw one kind of path; returns the highest value drawn."""
    data, look = results.data, styles(results)
    position, highest = data["position"], float(data["near"])
    for place, (null, members) in enumerate(results.ensembles.items()):
        medians = np.array([_median(member, row) for member in members])
        low, middle, high = np.quantile(medians, [0.05, 0.5, 0.95], axis=0)
        axis.fill_between(position, low, high, color=NULL_COLOR, alpha=0.4, lw=0)
        axis.plot(
            position, middle, color=NULL_COLOR, lw=2, alpha=0.8,
            ls=NULL_DASHES[place % len(NULL_DASHES)], label=f"null {null}",
        )  # fmt: skip
        highest = max(highest, float(high.max()))
    low, high = _quantiles(data, row, (0.25, 0.75))
    axis.fill_between(position, low, high, color=DATA_COLOR, alpha=0.15, lw=0)
    for label, style in look.items():
        middle = _median(results.results[label], row)
        axis.plot(position, middle, color=style.color, ls=style.dash, lw=1.6, label=label)
        highest = max(highest, float(np.nanmax(middle, initial=0.0)))
    axis.axhline(data["near"], color=ORIGIN_COLOR, lw=0.8, ls=":", label="95 % of the z-points")
    return max(highest, float(np.nanmax(high, initial=0.0)))


def _median(result: Result, row: int) -> NDArray[np.float64]:
    return _quantiles(result, row, (0.5,))[0]


def _quantiles(result: Result, row: int, shares: tuple[float, ...]) -> NDArray[np.float64]:
    """Return quantiles over pairs per step; NaN where no pair is joined."""
    distance = result["distance"][row]
    whole = distance[np.isfinite(distance).all(axis=1)]
    if not len(whole):
        return np.full((len(shares), distance.shape[1]), np.nan)
    return np.quantile(whole.astype(np.float64), shares, axis=0)


def _draw_lengths(axis: Any, data: Result) -> None:
    axis.set_title("length in images", loc="left", fontsize=9)
    axis.axhline(1, color=ORIGIN_COLOR, lw=0.8)
    lengths, kinds = data["decoded_length"], [str(kind) for kind in data["decoded_path"]]
    known = lengths[0] > 0
    spread = np.linspace(-0.15, 0.15, int(known.sum()))
    for place in range(len(kinds) - 1):
        relative = lengths[place + 1, known] / lengths[0, known]
        axis.plot(place + spread, relative, ".", color=DATA_COLOR, ms=4, alpha=0.5, mew=0)
        if len(relative):
            axis.plot([place - 0.25, place + 0.25], [np.median(relative)] * 2, "k-", lw=1.6)
    axis.set_xticks(range(len(kinds) - 1), [f"{kind} / straight" for kind in kinds[1:]])
    axis.set(ylabel="relative length (dot: a pair)", xlim=(-0.5, max(len(kinds) - 1.5, 0.5)))
