"""The figures of `neighbors`, drawn from results alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import NULL_COLOR, finish, new_figure, styles
from latent_analyze.plugin import Figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Result, ResultSet

BINS = 30
MOST_BINS = 400
HATCHES = ("", "//", "..", "xx")

FEWEST_TICKS = 3
STEPS = (
    (1.0,),
    (1.0, 3.0),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 4.0, 6.0),
    np.arange(10, 100) / 10,
)
"""Ticks per decade of a logarithmic axis, the first that give enough."""

Curve = Callable[["Result"], "NDArray[np.float64]"]


def draw(results: ResultSet) -> Iterator[Figure]:
    """Draw dimension and radius, then local dimension, hubs and tree."""
    yield _draw_scales(results)
    yield _draw_crowding(results)


def _draw_scales(results: ResultSet) -> Figure:
    figure, (scales, radii) = new_figure(1, 2, height=3.3, width_ratios=(1.15, 1.0))
    _draw_dimension(scales, results)
    k = results.frame["k"]
    _draw_histogram(radii, results, "radius")
    radii.set(xlabel=f"distance of neighbor {k} (latent units)", ylabel="share of z-points")
    radii.set_title("how evenly they lie", fontsize=10)
    finish(figure)
    return Figure("neighbors", _scale_caption(results), figure, _scale_alt(results))


def _draw_dimension(axis: Any, results: ResultSet) -> None:
    look = styles(results)
    for label, result in results.results.items():
        axis.plot(
            result["scale_distance"], result["scale_dimension"], color=look[label].color,
            ls=look[label].dash, marker=look[label].marker, ms=4, lw=1.5, label=label, zorder=3,
        )  # fmt: skip
    data = results.data
    axis.plot(
        data["decimation_distance"], data["decimation_dimension"], ls="", marker="o", ms=6,
        mfc="none", color=look[results.reference].color, label="TwoNN, decimated", zorder=3,
    )  # fmt: skip
    if "plateau_dimension" in data.scalars:
        ends = [data["plateau_low"], data["plateau_high"]]
        axis.plot(
            ends, [data["plateau_dimension"]] * 2, color="#E69F00", lw=7, alpha=0.6,
            solid_capstyle="butt", label=f"plateau: {data['plateau_dimension']:.3g}", zorder=2,
        )  # fmt: skip
    for place, null in enumerate(results.ensembles):
        _draw_null_scales(axis, results, (null, HATCHES[place % len(HATCHES)]))
    axis.set(xscale="log", ylim=(0, None))
    axis.set(xlabel="distance of the outer neighbor (latent units)", ylabel="dimension")
    axis.set_title("how many dimensions they fill", fontsize=10)
    _few_ticks(axis)


def _draw_null_scales(axis: Any, results: ResultSet, drawn_as: tuple[str, str]) -> None:
    null, hatch = drawn_as
    members = results.ensembles[null]
    count = min(len(member["scale_distance"]) for member in members)
    distance = np.median([member["scale_distance"][:count] for member in members], axis=0)
    dimensions = np.array([member["scale_dimension"][:count] for member in members])
    _draw_band(axis, distance, dimensions, (f"null {null}", hatch))


def _draw_crowding(results: ResultSet) -> Figure:
    figure, axes = new_figure(2, 2, height=2.5)
    (local, hubs), (tree, voids) = axes
    _draw_histogram(local, results, "local_dimension_of")
    local.set(xlabel="local dimension", ylabel="share of z-points")
    _draw_hubs(hubs, results)
    _draw_histogram(tree, results, "tree_edges")
    tree.set(xlabel="edge of the spanning tree (latent units)", ylabel="share of edges")
    _draw_histogram(voids, results, "missing")
    voids.set(xlabel="z-points missing around a place", ylabel="share of random places")
    titles = ("dimension around each", "hubs", "gaps between clumps", "voids")
    for axis, title in zip(axes.flat, titles, strict=True):
        axis.set_title(title, fontsize=10)
    finish(figure)
    alt = "Distributions of local dimension, neighbor counts, tree edges and empty balls."
    return Figure("neighbors-crowding", _crowding_caption(results), figure, alt)


def _draw_hubs(axis: Any, results: ResultSet) -> None:
    top = max(int(r["occurrences"].max()) for r in _all(results))
    counts = np.arange(top + 2)

    def share(result: Result) -> NDArray[np.float64]:
        tally = np.bincount(result["occurrences"], minlength=top + 2)
        return np.asarray(tally[::-1].cumsum()[::-1] / tally.sum())

    _draw_curves(axis, results, (counts, share))
    least = min(0.5 / r.sample_size for r in _all(results) if r.sample_size)
    axis.set(yscale="log", xlim=(0, top + 1), ylim=(least, 1.5))
    axis.set(xlabel="neighbor of at least (z-points)", ylabel="share of z-points")


def _draw_histogram(axis: Any, results: ResultSet, array: str) -> None:
    """Draw shares per interval of a logarithmic axis that all sources have in common."""
    edges = _common_edges([r[array] for r in _all(results)])

    def share(result: Result) -> NDArray[np.float64]:
        values = result[array]
        return np.asarray(np.histogram(values, edges)[0] / len(values))

    _draw_curves(axis, results, (np.sqrt(edges[1:] * edges[:-1]), share))
    axis.set(xscale="log", xlim=(edges[0], edges[-1]), ylim=(0, None))
    _few_ticks(axis)


def _common_edges(values: list[NDArray[Any]]) -> NDArray[np.float64]:
    """Return edges over all values; the first ones, the reference's, set how fine they are."""
    ends = np.log([np.quantile(_positive(v), [0.001, 0.999]) for v in values])
    low, high = ends[:, 0].min() - 0.02, ends[:, 1].max() + 0.02
    width = max(np.ptp(ends[0]) / BINS, (high - low) / MOST_BINS)
    return np.asarray(np.exp(np.linspace(low, high, int((high - low) / width) + 2)))


def _draw_curves(axis: Any, results: ResultSet, curve: tuple[NDArray[Any], Curve]) -> None:
    x, values = curve
    for label, style in styles(results).items():
        axis.plot(
            x, values(results.results[label]), color=style.color, ls=style.dash, lw=1.5,
            label=label, zorder=3,
        )  # fmt: skip
    for place, (null, members) in enumerate(results.ensembles.items()):
        drawn_as = (f"null {null}", HATCHES[place % len(HATCHES)])
        _draw_band(axis, x, np.array([values(member) for member in members]), drawn_as)


def _draw_band(axis: Any, x: Any, curves: NDArray[np.float64], drawn_as: tuple[str, str]) -> None:
    label, hatch = drawn_as
    low, middle, high = np.quantile(curves, [0.05, 0.5, 0.95], axis=0)
    if len(curves) > 1:
        axis.fill_between(
            x, low, high, facecolor="#CFCFCF", edgecolor=NULL_COLOR, lw=0, hatch=hatch
        )
    axis.plot(x, middle, color=NULL_COLOR, lw=2.2, alpha=0.8, label=label, zorder=2)


def _all(results: ResultSet) -> list[Result]:
    members = [member for ensemble in results.ensembles.values() for member in ensemble]
    return [*results.results.values(), *members]


def _positive(values: NDArray[Any]) -> NDArray[Any]:
    finite = values[np.isfinite(values) & (values > 0)]
    return finite if len(finite) else np.ones(1)


def _few_ticks(axis: Any) -> None:
    """Label a logarithmic axis with plain numbers, a few of them whatever its range."""
    from matplotlib.ticker import FixedLocator, NullFormatter

    low, high = axis.get_xlim()
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in STEPS:
        ticks = np.outer(decades, steps).ravel()
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) >= FEWEST_TICKS:
            break
    axis.xaxis.set_major_locator(FixedLocator(ticks.tolist()))
    axis.xaxis.set_major_formatter("{x:.3g}")
    axis.xaxis.set_minor_formatter(NullFormatter())


def _scale_caption(results: ResultSet) -> str:
    text = (
        "Left: the number of dimensions that the z-points fill, over the distance at which one"
        " looks: the first mark is TwoNN at the nearest neighbors, each further one doubles the"
        " points per neighborhood. Circles are TwoNN on a half, a quarter, ... of the z-points."
        " Where the curve is level, the number is a dimension; where it falls, it holds for its"
        f" scale only. Right: distances to neighbor {results.frame['k']}, on a logarithmic"
        " axis; the wider, the clumpier."
    )
    return text + _band_text(results)


def _crowding_caption(results: ResultSet) -> str:
    return (
        "Above: the dimension around each z-point, where estimates scatter by about a quarter by"
        f" themselves; and how many z-points have a given one among their {results.frame['k']}"
        " nearest, as the share with at least that many: a curve that reaches far to the right"
        " means hubs. Below: edges of the minimum spanning tree of a part of the z-points, where a"
        " tail to the left means clumps and one to the right gaps between them; and, for"
        " places drawn at random with the mean and covariance of the data, how many z-points a"
        " Gaussian has in the ball around it that is empty here; places on the right lie in"
        " voids." + _band_text(results)
    )


def _band_text(results: ResultSet) -> str:
    if not results.ensembles:
        return ""
    single = all(len(members) == 1 for members in results.ensembles.values())
    if single:
        return " Gray: one draw of the null."
    return " Gray: median of the null's draws, and the band that holds 90 % of them."


def _scale_alt(results: ResultSet) -> str:
    parts = [
        f"{label} {r['scale_dimension'][0]:.3g} at {r['scale_distance'][0]:.3g}, "
        f"{r['scale_dimension'][-1]:.3g} at {r['scale_distance'][-1]:.3g} latent units"
        for label, r in results.results.items()
    ]
    return "Dimension over distance: " + "; ".join(parts)
