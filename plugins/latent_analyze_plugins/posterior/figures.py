"""Figures: log_var per axis, KL per axis, and the aggregate posterior beside the prior."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import DATA_COLOR, NULL_COLOR, ORIGIN_COLOR, finish, new_figure
from latent_analyze.plugin import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from latent_analyze.plugin import Result, ResultSet

NOISE_COLOR, COLLAPSED_COLOR = "#E69F00", "#D55E00"
TICKS = 32
"""Up to so many axes are named one by one."""
FEW = 64
"""Up to so many axes are drawn as single bars."""
TALL = 10.0
"""With an aggregate variance beyond this the prior's 1 would be lost among stacked bars."""
ROWS = 400
"""Most rows of a picture, and most bars; more axes are averaged in groups."""


def _order(dim: int) -> str:
    """Return the sentence that says in which order axes stand."""
    text = "The axes stand in the order of their KL divergence from the prior, the largest first"
    return f"{text}; groups of {-(-dim // ROWS)} axes are averaged." if dim > ROWS else f"{text}."


def draw(results: ResultSet) -> Iterable[Figure]:
    """Yield the three figures of the reference; sources beside it stand in the table."""
    data = results.data
    options: Any = results.options
    order = np.argsort(-data["axis_kl"], kind="stable")
    yield _draw_log_var(data, order, options.threshold)
    yield _draw_kl(data, order, options)
    yield _draw_aggregate(data, order)


def _draw_log_var(data: Result, order: NDArray[Any], threshold: float) -> Figure:
    figure, (pooled, picture) = new_figure(2, 1, height=2.6, sharex=True, height_ratios=(0.8, 1.2))
    counts, edges = data["counts"], data["edges"]
    width = edges[1] - edges[0]
    share = counts.sum(axis=0) / max(counts.sum() * width, 1e-300)
    pooled.stairs(share, edges, fill=True, color=DATA_COLOR, alpha=0.8, label="all components")
    for axis in (pooled, picture):
        axis.axvline(
            threshold, color=COLLAPSED_COLOR, ls="--", lw=1.2, label=f"log_var = {threshold:g}"
        )
        axis.axvline(0.0, color=ORIGIN_COLOR, ls=":", lw=1.2, label="prior: log_var = 0")
    pooled.set_ylabel("share of components\nper unit of log_var")
    _draw_picture(picture, data, order)
    seen = np.flatnonzero(counts.any(axis=0))
    low, high = _with_margin(edges[seen[0]], edges[seen[-1] + 1]) if len(seen) else edges[[0, -1]]
    picture.set(xlim=(min(low, threshold - width), max(high, 2 * width)), xlabel="log_var")
    finish(figure)
    above = f"{100 * data['log_var_above']:.3g} %"
    caption = (
        "How large the noise of the encoder is: log_var = 2 ln(sigma). Above, all components of all"
        f" rows; {above} lie right of the dashed line at {threshold:g} (sigma ="
        f" {np.exp(threshold / 2):.2g}). Below, axis by axis, each row relative to its fullest"
        f" interval. At log_var = 0 (dotted) the noise is that of the prior. {_order(len(order))}"
    )
    alt = f"log_var from {data['log_var_min']:.3g} to {data['log_var_max']:.3g}; {above} above"
    return Figure("posterior-log_var", caption, figure, f"{alt} {threshold:g}")


def _draw_picture(picture: Axes, data: Result, order: NDArray[Any]) -> None:
    counts, edges, dim = data["counts"][order], data["edges"], len(order)
    relative = counts / np.maximum(counts.max(axis=1, keepdims=True), 1)
    groups = np.array_split(relative, min(dim, ROWS))
    image = picture.imshow(
        np.stack([group.mean(axis=0) for group in groups]), aspect="auto", cmap="Blues", vmin=0,
        extent=(edges[0], edges[-1], dim - 0.5, -0.5), interpolation="nearest",
    )  # fmt: skip
    bar = picture.figure.colorbar(image, ax=picture, pad=0.01)
    bar.set_label("rows / most\nin an interval", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    if dim <= TICKS:
        picture.set_yticks(range(dim), [str(axis) for axis in order], fontsize=6)
        picture.set_ylabel("axis, by KL")
    else:
        picture.set_ylabel("place of the axis by KL")


def _draw_kl(data: Result, order: NDArray[Any], options: Any) -> Figure:
    figure, axis = new_figure(height=3.0)
    kl, active, collapsed = (data[name][order] for name in ("axis_kl", "active", "collapsed"))
    groups = (
        (active, DATA_COLOR, "", "active"),
        (~active & ~collapsed, NULL_COLOR, "///", "inactive, off the prior"),
        (collapsed, COLLAPSED_COLOR, "xxx", "collapsed"),
    )
    for mask, color, hatch, label in groups:
        if mask.any():
            label = f"{label} ({mask.sum()})"
            _bars(axis, np.where(mask, kl, 0.0), color=color, hatch=hatch, label=label)
    if collapsed.any():
        # Their bars are too low to be seen.
        place = np.flatnonzero(collapsed)
        axis.plot(place, 0 * place, "x", color=COLLAPSED_COLOR, ms=5, clip_on=False, zorder=4)
    _name_axes(axis, order)
    axis.set_ylabel("KL from the prior, nats")
    axis.set_ylim(bottom=0)
    finish(figure)
    caption = (
        f"How far the posteriors are from the prior along each axis, on average: {data['kl']:.3g}"
        f" nats in all. An axis is active if the variance of mu along it is above"
        f" {options.active_variance:g}, and collapsed if it is not and its KL is at most"
        f" {options.collapsed_kl:g} nats: such an axis is noise that the decoder has learned to"
        f" ignore. {_order(len(order))}"
    )
    alt = f"{active.sum()} of {len(order)} axes active, {collapsed.sum()} collapsed"
    return Figure("posterior-kl", caption, figure, alt)


def _draw_aggregate(data: Result, order: NDArray[Any]) -> Figure:
    figure, (variance, mean) = new_figure(2, 1, height=2.3, sharex=True, height_ratios=(1.3, 1.0))
    bars = data["aggregate"].max() <= TALL
    _draw_variances(variance, data, order, bars=bars)
    variance.axhline(1.0, color=ORIGIN_COLOR, ls="--", lw=1.2, label="prior N(0, I)")
    mean.axhline(0.0, color=ORIGIN_COLOR, ls="--", lw=1.2, label="prior N(0, I)")
    centers = data["mean"][order]
    size = 4 if len(order) <= FEW else 1.5
    mean.plot(centers, "o", color=DATA_COLOR, ms=size, label="mean of mu")
    # Half a standard deviation of the prior: smaller offsets should look small.
    reach = max(0.5, 1.1 * float(np.abs(centers).max()))
    mean.set_ylim(-reach, reach)
    variance.set_ylabel("variance of the aggregate,\nlatent units squared")
    mean.set_ylabel("mean,\nlatent units")
    _name_axes(mean, order)
    finish(figure)
    scale = "" if bars else ", on a logarithmic axis"
    caption = (
        "The aggregate posterior, all posteriors of all rows together, against the prior. Above,"
        " its variance along each axis: what mu contributes (blue) and what the noise adds"
        f" (orange){scale}; the prior has 1. Below, its mean; the prior has 0. With these means"
        f" and variances a Gaussian is {data['prior_gap']:.2g} nats per axis from the prior."
        f" {_order(len(order))}"
    )
    alt = f"aggregate variance {data['aggregate_variance']:.3g} on average, prior 1"
    return Figure("posterior-aggregate", caption, figure, alt)


def _draw_variances(axis: Axes, data: Result, order: NDArray[Any], *, bars: bool) -> None:
    """Draw the variance of mu and the mean of sigma squared, stacked or on a logarithmic axis."""
    spread2, total = data["spread"][order] ** 2, data["aggregate"][order]
    of_mu: dict[str, Any] = {"color": DATA_COLOR, "label": "variance of mu"}
    of_noise: dict[str, Any] = {"color": NOISE_COLOR, "label": "mean of sigma squared"}
    if bars:
        _bars(axis, spread2, **of_mu)
        _bars(axis, total, base=spread2, hatch="///", **of_noise)
        return
    size = 5 if len(order) <= FEW else 1.5
    axis.plot(spread2, "o", ms=size, **of_mu)
    axis.plot(data["sigma"][order] ** 2, "s", ms=size, **of_noise)
    axis.set_yscale("log")


def _bars(axis: Axes, tops: NDArray[Any], base: Any = 0.0, **look: Any) -> None:
    if len(tops) <= FEW:
        axis.bar(range(len(tops)), tops - base, bottom=base, ec="white", lw=0, **look)
        return
    # Hatches of hundreds of bars would only blacken the picture.
    look.pop("hatch", None)
    parts = np.array_split(np.arange(len(tops)), min(len(tops), ROWS))
    edges = np.array([part[0] for part in parts] + [len(tops)]) - 0.5
    top, bottom = (
        np.array([values[part].mean() for part in parts])
        for values in (tops, np.broadcast_to(base, tops.shape))
    )
    axis.stairs(top, edges, baseline=bottom, fill=True, lw=0, **look)


def _name_axes(axis: Axes, order: NDArray[Any]) -> None:
    axis.set_xlim(-0.7, len(order) - 0.3)
    if len(order) <= TICKS:
        axis.set_xticks(range(len(order)), [str(number) for number in order])
        axis.set_xlabel("axis (numbered from 0), by KL")
    else:
        axis.set_xlabel("place of the axis by KL")


def _with_margin(low: float, high: float) -> tuple[float, float]:
    margin = 0.04 * (high - low)
    return low - margin, high + margin
