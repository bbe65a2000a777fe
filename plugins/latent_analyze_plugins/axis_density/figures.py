"""The figures of `axis_density`: all axes, and those that stand out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import DATA_COLOR, NULL_COLOR, finish, new_figure, styles
from latent_analyze.plugin import Figure, ResultSet
from latent_analyze_plugins.axis_density.findings import center_range, describe_axis, ranked
from latent_analyze_plugins.axis_density.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = 32
"""Up to so many axes are drawn one by one; of more, the range that holds 90 % of them."""
ROWS, COLUMNS = 400, 500
"""Most rows and columns of the picture of all axes."""
PANELS = 8
"""Most axes in the figure of outstanding ones."""
NULL_COLORS = (NULL_COLOR, "#333333")


def draw_all(results: ResultSet) -> Figure:
    """Return the figure of all axes: a picture of each, and the density of all together."""
    view = View.of(results.frame)
    dim = results.data["axes"]
    figure, (picture, curves) = new_figure(2, 1, height=2.9, sharex=True, height_ratios=(1.1, 1.0))
    limits = view.limits(results.data["counts"])
    densities = _on_common_axis(view, results, limits)
    _draw_picture(picture, densities, limits)
    _draw_pooled(curves, view, results)
    _draw_axes(curves, densities, limits)
    curves.set(xlim=limits, xlabel=view.label, ylabel="share of values per latent unit")
    curves.set_ylim(0, 1.1 * _top(densities, view, results))
    finish(figure)
    low, high = center_range(results.data)
    alt = f"Density along each axis, of {dim}; centers from {low} to {high}"
    return Figure("axis_density", _caption(results, view), figure, alt)


def draw_outstanding(results: ResultSet) -> Iterable[Figure]:
    """Yield the figure of the axes that stand out, or have several modes, if there are any."""
    data = results.data
    several = np.flatnonzero(data["modes"] > 1)
    chosen = ranked(data)
    chosen = np.concatenate([chosen, several[~np.isin(several, chosen)]])[:PANELS]
    if not len(chosen):
        return
    figure, panels = _panels(len(chosen))
    view, bands = View.of(results.frame), _outstanding_bands(results, chosen)
    for number, (panel, axis) in enumerate(zip(panels, chosen, strict=True)):
        _draw_panel(panel, results, int(axis))
        for color, (null, band) in zip(NULL_COLORS * len(bands), bands.items(), strict=False):
            _draw_band(
                panel, view.values(axis), band[:, number], color=color, label=f"{null} (null)"
            )
    finish(figure)
    named = [_title(results, int(axis)).replace("\n", ": ") for axis in chosen]
    caption = _outstanding_caption(bands=bool(bands))
    yield Figure("axis_density_outstanding", caption, figure, "; ".join(named))


def _panels(count: int) -> tuple[Any, list[Axes]]:
    """Return a figure and `count` panels, up to four in a row."""
    columns = min(count, 4)
    rows = -(-count // columns)
    figure, grid = new_figure(rows, columns, height=2.2 + 0.6 / rows, squeeze=False)
    for unused in grid.flat[count:]:
        unused.set_visible(False)
    for panel in grid[:, 0]:
        panel.set_ylabel("share per latent unit")
    for panel in grid.flat[count - columns : count]:
        panel.set_xlabel("value along the axis,\nlatent units")
    return figure, list(grid.flat[:count])


def _outstanding_caption(*, bands: bool) -> str:
    text = (
        "The axes of the data that stand out among the others in center or width, the most "
        "outstanding first, then those with several modes. Axes are numbered from 0; the curves "
        "are smoothed, and cut where another source is far denser."
    )
    if bands:
        text += (
            " The gray line and band show where the same axis lies in artificial draws of the null "
            "model."
        )
    return text


def _draw_panel(panel: Axes, results: ResultSet, axis: int) -> None:
    view, look = View.of(results.frame), styles(results)
    x = view.values(axis)
    for label, result in results.results.items():
        y = view.curves(result, np.array([axis]))[0]
        style = look[label]
        panel.plot(x, y, color=style.color, ls=style.dash, lw=1.2, label=label, zorder=3)
        if label == results.reference:
            seen = np.flatnonzero(y > 1e-3 * y.max())
            panel.set_xlim(x[seen[0]], x[seen[-1]])
            panel.set_ylim(0, 1.6 * y.max())
    panel.set_title(_title(results, axis), fontsize=8)


def _title(results: ResultSet, axis: int) -> str:
    data = results.data
    if data["stands_out"][axis]:
        return describe_axis(data, axis).replace(": ", "\n", 1)
    return f"axis {axis}\n{data['modes'][axis]} modes"


def _outstanding_bands(results: ResultSet, chosen: NDArray[Any]) -> dict[str, NDArray[Any]]:
    view = View.of(results.frame)
    return {
        null: np.stack(results.band("counts", null, lambda c: view.densities(c, chosen)))
        for null in results.ensembles
    }


def _draw_band(panel: Axes, x: NDArray[Any], band: NDArray[Any], **look: Any) -> None:
    low, middle, high = band
    panel.fill_between(x, low, high, color=look["color"], alpha=0.4, lw=0)
    panel.plot(x, middle, color=look["color"], lw=2.0, alpha=0.7, label=look["label"], zorder=2)


def _on_common_axis(
    view: View, results: ResultSet, limits: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the smoothed densities of the reference's axes at `COLUMNS` points."""
    data, points = results.data, np.linspace(*limits, COLUMNS)
    curves = view.curves(data, np.arange(data["axes"]))
    return np.stack(
        [np.interp(points, view.centers(i), c, left=0, right=0) for i, c in enumerate(curves)]
    )


def _draw_picture(
    picture: Axes, densities: NDArray[np.float64], limits: tuple[float, float]
) -> None:
    from matplotlib.ticker import MaxNLocator

    dim = len(densities)
    relative = densities / np.maximum(densities.max(axis=1, keepdims=True), 1e-300)
    groups = np.array_split(relative, min(dim, ROWS))
    image = picture.imshow(
        np.stack([g.mean(axis=0) for g in groups]), aspect="auto", cmap="Blues", vmin=0, vmax=1,
        extent=(*limits, dim - 0.5, -0.5), interpolation="nearest",
    )  # fmt: skip
    picture.set_ylabel("axis (numbered from 0)")
    picture.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    bar = picture.figure.colorbar(image, ax=picture, pad=0.01)
    bar.set_label("density / highest\nof the axis", fontsize=8)
    bar.ax.tick_params(labelsize=8)


def _draw_axes(curves: Axes, densities: NDArray[np.float64], limits: tuple[float, float]) -> None:
    points = np.linspace(*limits, COLUMNS)
    if len(densities) <= LINES:
        for i, y in enumerate(densities):
            label = "single axes of the data" if i == 0 else None
            curves.plot(points, y, color=DATA_COLOR, lw=0.6, alpha=0.45, label=label)
        return
    low, high = np.quantile(densities, [0.05, 0.95], axis=0)
    curves.fill_between(
        points, low, high, color=DATA_COLOR, alpha=0.15, lw=0, label="90 % of the data's axes"
    )


def _draw_pooled(curves: Axes, view: View, results: ResultSet) -> None:
    look, x = styles(results), view.edges[:-1] + 0.5 * results.frame["bin_width"]
    for label, result in results.results.items():
        values = max(result["count"], 1) * result["axes"]
        y = view.pooled(result["counts"], values)
        style = look[label]
        curves.plot(
            x, y, color=style.color, ls=style.dash, lw=1.4, label=label, zorder=3,
            drawstyle="steps-mid",
        )  # fmt: skip
    for i, null in enumerate(results.ensembles):
        band = np.stack(results.band("counts", null, view.pooled))
        color = NULL_COLORS[i % len(NULL_COLORS)]
        _draw_band(curves, x, band, color=color, label=f"{null} (null)")


def _top(densities: NDArray[np.float64], view: View, results: ResultSet) -> float:
    peaks = densities.max(axis=1)
    single = peaks.max() if len(peaks) <= LINES else np.quantile(densities, 0.95, axis=0).max()
    pooled = view.pooled(results.data["counts"]).max()
    return float(max(pooled, min(single, 4 * pooled)))


def _caption(results: ResultSet, view: View) -> str:
    dim = results.data["axes"]
    text = (
        f"All axes of {results.reference} ({dim}). Above, one row per axis: the darker, the more "
        "z-points have this value, relative to the axis' highest density"
    )
    text += f" (each row is the mean of {-(-dim // ROWS)} axes)." if dim > ROWS else "."
    text += (
        " Below, the values of all axes together for each source, over "
        + ("the single axes" if dim <= LINES else "the range that holds 90 % of the axes")
        + f" of the data; intervals of {results.frame['bin_width']:g}."
    )
    if results.ensembles:
        text += (
            " The gray line and band show where artificial draws of the null model lie: where the "
            "data leave them, the null model does not explain them."
        )
    if view.centered:
        text += " The axes lie far apart, so each is shown about the middle of its own range."
    return text
