"""Figures: log_var per axis, KL per axis, and the aggregate posterior beside the prior."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import DATA_COLOR, NULL_COLOR, ORIGIN_COLOR, finish, new_figure
from latent_analyze.plugin import Figure, Result, ResultSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOISE_COLOR, COLLAPSED_COLOR = "#E69F00", "#D55E00"
Drawn = tuple[str, str, Any, str]
"""Name, caption, figure and alternative text."""
TICKS, FEW = 32, 64
"""Up to so many axes are named one by one, and drawn as single bars."""
TALL = 10.0
"""With an aggregate variance beyond this the prior's 1 would be lost among stacked bars."""
ROWS = 400
"""Most rows of a picture, and most bars; more axes are averaged in groups."""


def draw(results: ResultSet) -> Iterable[Figure]:
    """Yield the three figures of the reference; sources beside it stand in the table."""
    data, options = results.data, results.options
    order = np.argsort(-data["axis_kl"], kind="stable")
    how = "The axes stand in the order of their KL divergence from the prior, the largest first"
    if len(order) > ROWS:
        how += f"; groups of {-(-len(order) // ROWS)} axes are averaged"
    for make in (_draw_log_var, _draw_kl, _draw_aggregate):
        name, caption, figure, alt = make(data, order, options)
        yield Figure(f"posterior-{name}", f"{caption} {how}.", finish(figure), alt)


def _draw_log_var(data: Result, order: NDArray[Any], options: Any) -> Drawn:
    figure, (pooled, picture) = new_figure(2, 1, height=2.6, sharex=True, height_ratios=(0.8, 1.2))
    counts, edges, threshold = data["counts"], data["edges"], options.threshold
    width = edges[1] - edges[0]
    share = counts.sum(axis=0) / max(counts.sum() * width, 1e-300)
    pooled.stairs(share, edges, fill=True, color=DATA_COLOR, alpha=0.8, label="all components")
    pooled.set_ylabel("share of components\nper unit of log_var")
    _draw_picture(picture, counts, edges, order)
    for axis in (pooled, picture):
        axis.axvline(threshold, color=COLLAPSED_COLOR, ls="--", lw=1.2,
                     label=f"log_var = {threshold:g}")  # fmt: skip
        axis.axvline(0.0, color=ORIGIN_COLOR, ls=":", lw=1.2, label="prior: log_var = 0")
    seen = np.flatnonzero(share)
    low, high = edges[[seen.min(), seen.max() + 1]] if len(seen) else edges[[0, -1]]
    margin = 0.04 * (high - low)
    limits = min(low - margin, threshold - width), max(high + margin, 2 * width)
    picture.set(xlim=limits, xlabel="log_var")
    above = f"{100 * data['log_var_above']:.3g} %"
    caption = (
        "How large the noise of the encoder is: log_var = 2 ln(sigma). Above, all components of all"
        f" rows; {above} lie right of the dashed line at {threshold:g} (sigma ="
        f" {np.exp(threshold / 2):.2g}). Below, axis by axis, each row relative to its fullest"
        " interval. At log_var = 0 (dotted) the noise is that of the prior."
    )
    alt = f"log_var from {data['log_var_min']:.3g} to {data['log_var_max']:.3g}; {above} above"
    return "log_var", caption, figure, f"{alt} {threshold:g}"


def _draw_picture(picture: Axes, counts: Any, edges: Any, order: NDArray[Any]) -> None:
    relative = counts[order] / np.maximum(counts[order].max(axis=1, keepdims=True), 1)
    image = picture.imshow(
        [relative[group].mean(axis=0) for group in _groups(len(order))], aspect="auto", vmin=0,
        cmap="Blues", extent=(edges[0], edges[-1], len(order) - 0.5, -0.5), interpolation="nearest",
    )  # fmt: skip
    bar = picture.figure.colorbar(image, ax=picture, pad=0.01)
    bar.set_label("rows / most\nin an interval", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    picture.set_ylabel("place of the axis by KL")
    if len(order) <= TICKS:
        picture.set_yticks(range(len(order)), [str(axis) for axis in order], fontsize=6)
        picture.set_ylabel("axis, by KL")


def _draw_kl(data: Result, order: NDArray[Any], options: Any) -> Drawn:
    figure, axis = new_figure(height=3.0)
    kl, active, collapsed = (data[name][order] for name in ("axis_kl", "active", "collapsed"))
    for mask, color, hatch, label in (
        (active, DATA_COLOR, "", "active"),
        (~active & ~collapsed, NULL_COLOR, "///", "inactive, off the prior"),
        (collapsed, COLLAPSED_COLOR, "xxx", "collapsed"),
    ):
        if mask.any():
            _bars(axis, kl * mask, color=color, hatch=hatch, label=f"{label} ({mask.sum()})")
    if collapsed.any():
        # Their bars are too low to be seen.
        place = np.flatnonzero(collapsed)
        axis.plot(place, 0 * place, "x", color=COLLAPSED_COLOR, ms=5, clip_on=False, zorder=4)
    _name_axes(axis, order)
    axis.set(ylabel="KL from the prior, nats", ylim=(0, None))
    caption = (
        f"How far the posteriors are from the prior along each axis, on average: {data['kl']:.3g}"
        " nats in all. An axis is active if the variance of mu along it is above"
        f" {options.active_variance:g}, and collapsed if it is not and its KL is at most"
        f" {options.collapsed_kl:g} nats: such an axis is noise that the decoder has learned to"
        " ignore."
    )
    alt = f"{active.sum()} of {len(order)} axes active, {collapsed.sum()} collapsed"
    return "kl", caption, figure, alt


def _draw_aggregate(data: Result, order: NDArray[Any], options: Any) -> Drawn:
    del options
    figure, (variance, mean) = new_figure(2, 1, height=2.3, sharex=True, height_ratios=(1.3, 1.0))
    centers, bars = data["mean"][order], data["aggregate"].max() <= TALL
    _draw_variances(variance, data, order, bars=bars)
    for axis, prior in ((variance, 1.0), (mean, 0.0)):
        axis.axhline(prior, color=ORIGIN_COLOR, ls="--", lw=1.2, label="prior N(0, I)")
    size = 4 if len(order) <= FEW else 1.5
    mean.plot(centers, "o", color=DATA_COLOR, ms=size, label="mean of mu")
    # Half a standard deviation of the prior: smaller offsets should look small.
    reach = max(0.5, 1.1 * float(np.abs(centers).max()))
    mean.set(ylim=(-reach, reach), ylabel="mean,\nlatent units")
    variance.set_ylabel("variance of the aggregate,\nlatent units squared")
    _name_axes(mean, order)
    caption = (
        "The aggregate posterior, all posteriors of all rows together, against the prior. Above,"
        " its variance along each axis: what mu contributes (blue) and what the noise adds (orange)"
        f"{'' if bars else ', on a logarithmic axis'}; the prior has 1. Below, its mean; the prior"
        " has 0. With these means and variances a Gaussian is"
        f" {data['prior_gap']:.2g} nats per axis from the prior."
    )
    alt = f"aggregate variance {data['aggregate_variance']:.3g} on average, prior 1"
    return "aggregate", caption, figure, alt


def _draw_variances(axis: Axes, data: Result, order: NDArray[Any], *, bars: bool) -> None:
    """Draw the variance of mu and the mean of sigma squared, stacked or on a logarithmic axis."""
    spread2, noise2 = data["spread"][order] ** 2, data["sigma"][order] ** 2
    of_mu: dict[str, Any] = {"color": DATA_COLOR, "label": "variance of mu"}
    of_noise: dict[str, Any] = {"color": NOISE_COLOR, "label": "mean of sigma squared"}
    if bars:
        _bars(axis, spread2, **of_mu)
        _bars(axis, noise2, base=spread2, hatch="///", **of_noise)
        return
    size = 5 if len(order) <= FEW else 1.5
    axis.plot(spread2, "o", ms=size, **of_mu)
    axis.plot(noise2, "s", ms=size, **of_noise)
    axis.set_yscale("log")


def _groups(count: int) -> list[NDArray[np.int64]]:
    return np.array_split(np.arange(count), min(count, ROWS))


def _bars(axis: Axes, heights: Any, base: Any = 0.0, hatch: str = "", **look: Any) -> None:
    few, groups = len(heights) <= FEW, _groups(len(heights))
    places, tops, bottoms = (
        [values[group].mean() for group in groups]
        for values in (np.arange(len(heights)), heights, np.broadcast_to(base, heights.shape))
    )
    # Hatches and edges of hundreds of bars would only blacken or bleach the picture.
    shape = {"ec": "white", "hatch": hatch} if few else {"aa": False}
    widths = [0.8 if few else len(group) for group in groups]
    axis.bar(places, tops, widths, bottoms, lw=0, **shape, **look)


def _name_axes(axis: Axes, order: NDArray[Any]) -> None:
    axis.set(xlim=(-0.7, len(order) - 0.3), xlabel="place of the axis by KL")
    if len(order) <= TICKS:
        axis.set_xticks(range(len(order)), [str(number) for number in order])
        axis.set_xlabel("axis (numbered from 0), by KL")
