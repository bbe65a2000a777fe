"""Curves of all sources over each other, with the band that the members of each null fill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.host.results import stack_padded
from latent_analyze.plotting.style import NULL_COLOR, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from latent_analyze.host.results import Result, ResultSet

Curve = str | Callable[["Result"], Any]
"""Name of an array, or a function of a result: what is drawn of each source."""

NULL_SHADES = (
    (NULL_COLOR, "#CFCFCF", ""),
    ("#333333", "#9F9F9F", "//"),
    ("#555555", "#E5E5E5", ".."),
)
"""Line, fill and hatch of the first null, the second, and so on."""

MARKED = 64
"""Curves of at most so many points get a marker at each."""


def overlay(
    axis: Axes,
    results: ResultSet,
    curve: Curve,
    *,
    over: Any = None,
    steps: bool = False,
    markers: bool = False,
    sources: Sequence[str] | None = None,
) -> None:
    """Draw a curve of every source, and behind them the band of each null.

    Parameters
    ----------
    curve
        What is drawn: an array by its name, or a function of a result.
    over
        Where: positions, edges (one more than values; for `steps`), the name of an array, a
        function of a result, or a number, the width of bins from 0; 0, 1, 2, ... if not given.
    steps
        Whether it is a histogram, drawn as steps.
    markers
        Whether every value gets the marker of its source.
    sources
        Labels of those to draw; all of them if not given.
    """
    null_bands(axis, results, curve, over=over, steps=steps)
    for label, style in styles(results).items():
        result = results.results[label]
        if (sources is not None and label not in sources) or not _has(result, curve):
            continue
        x, y = _points(result, curve, over, steps=steps)
        look: dict[str, Any] = {"color": style.color, "ls": style.dash, "label": label, "zorder": 3}
        if steps:
            axis.stairs(y, x, lw=1.3, **look)
        else:
            marker = style.marker if markers and len(y) <= MARKED else ""
            axis.plot(x, y, lw=1.4, marker=marker, ms=4, **look)


def null_bands(
    axis: Axes, results: ResultSet, curve: Curve, *, over: Any = None, steps: bool = False
) -> None:
    """Draw per null the median of its members, and the band that holds 90 % of them.

    A null of one member is a line. Members of unequal length are filled up with zeros where the
    curve is a histogram, and cut to the shortest otherwise.
    """
    for place, (null, ensemble) in enumerate(results.ensembles.items()):
        members = [member for member in ensemble if _has(member, curve)]
        if not members:
            continue
        line, fill, hatch = NULL_SHADES[place % len(NULL_SHADES)]
        points = [_points(member, curve, over, steps=steps) for member in members]
        x, y = _common(points, steps=steps)
        low, middle, high = band(y)
        several, label = len(members) > 1, null_label(null, len(members))
        look: dict[str, Any] = {"facecolor": fill, "edgecolor": line, "lw": 0.6, "hatch": hatch}
        if several and steps:
            axis.stairs(high, x, baseline=low, fill=True, label=label, **look)
        elif several:
            axis.fill_between(x, low, high, label=label, **look)
        # The line keeps a band visible that is thinner than a line.
        line_look: dict[str, Any] = {"color": line, "alpha": 0.7, "zorder": 2}
        line_look["label"] = None if several else label
        if steps:
            axis.stairs(middle, x, lw=2.0, **line_look)
        else:
            axis.plot(x, middle, lw=2.2, **line_look)


def null_label(null: str, members: int) -> str:
    """Return what the legend says of a null."""
    return f"null {null}" + (", 5-95 % of draws" if members > 1 else ", one draw")


def gray_caption(results: ResultSet) -> str:
    """Return the sentence of a caption about the gray bands and lines; empty without a null."""
    if not results.ensembles:
        return ""
    if all(len(members) == 1 for members in results.ensembles.values()):
        return " Gray: one draw of each null model."
    return (
        " Gray: the null models, the median of their draws and the band of 90 % of them: where the"
        " data leave it, the null does not explain them."
    )


def one_draw(results: ResultSet) -> dict[str, Result]:
    """Return a draw of each null under a name for a panel: what is shown beside the data."""
    return {
        f"null {null}" + (f", 1 of {len(members)} draws" if len(members) > 1 else ""): members[0]
        for null, members in results.ensembles.items()
    }


def band(curves: Sequence[NDArray[Any]] | NDArray[Any]) -> tuple[NDArray[np.float64], ...]:
    """Return the 5 %, 50 % and 95 % quantile over curves; NaN where all of them are NaN."""
    values = np.asarray(curves, float)
    gaps = np.isnan(values).all(axis=0)
    known = np.where(gaps, 0.0, values)
    low, middle, high = np.nanquantile(known, [0.05, 0.5, 0.95], axis=0)
    return tuple(np.where(gaps, np.nan, quantile) for quantile in (low, middle, high))


def density(counts: NDArray[Any], width: Any) -> NDArray[np.float64]:
    """Return the share per unit of a histogram; `width` is that of its bins."""
    return np.asarray(counts / (max(counts.sum(), 1) * width), np.float64)


def common_edges(
    values: Sequence[NDArray[Any]], *, bins: int = 30, most: int = 400, log: bool = False
) -> NDArray[np.float64]:
    """Return edges over the values of all sources; the first one's range sets how fine they are.

    Parameters
    ----------
    values
        Those of the reference first.
    bins, most
        Bins over the reference's values, and in all.
    log
        Whether the edges are evenly apart on a logarithmic axis; values up to 0 do not count.
    """
    kept = [_usable(v, log=log) for v in values]
    ends = np.array([np.quantile(v, [0.001, 0.999]) for v in kept])
    low, high = ends[:, 0].min(), ends[:, 1].max()
    width = max(np.ptp(ends[0]) / bins, (high - low) / most) or 1.0
    edges = np.linspace(low - 0.5 * width, high + 0.5 * width, int((high - low) / width) + 2)
    return np.exp(edges) if log else edges


def plain_log_ticks(axis: Axes, which: str = "x") -> None:
    """Label a logarithmic axis with plain numbers, a few of them whatever its range."""
    from matplotlib.ticker import FixedLocator, NullFormatter

    side = axis.xaxis if which == "x" else axis.yaxis
    low, high = side.get_view_interval()
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 6.0), TENTHS):
        ticks = np.outer(decades, steps).ravel()
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) >= FEWEST_TICKS:
            break
    side.set_major_locator(FixedLocator(ticks[:: -(-len(ticks) // MOST_TICKS) or 1].tolist()))
    side.set_major_formatter("{x:.6g}")
    side.set_minor_formatter(NullFormatter())


FEWEST_TICKS, MOST_TICKS = 3, 6
TENTHS = tuple(np.arange(10, 100) / 10)


def all_results(results: ResultSet) -> list[Result]:
    """Return the results of all sources and all members of the nulls, the reference's first."""
    members = [member for ensemble in results.ensembles.values() for member in ensemble]
    return [*results.results.values(), *members]


def _usable(values: NDArray[Any], *, log: bool) -> NDArray[np.float64]:
    finite = np.asarray(values, float).ravel()
    finite = finite[np.isfinite(finite) & ((finite > 0) | (not log))]
    if not len(finite):
        finite = np.ones(1)
    return np.log(finite) if log else finite


def _has(result: Result, curve: Curve) -> bool:
    return not isinstance(curve, str) or curve in result.arrays


def _points(
    result: Result, curve: Curve, over: Any, *, steps: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    y = np.asarray(result[curve] if isinstance(curve, str) else curve(result))
    if isinstance(over, str):
        over = result[over]
    elif callable(over):
        over = over(result)
    if over is None:
        over = 1.0
    if np.ndim(over) == 0:
        over = np.arange(len(y) + steps) * float(over)
    return np.asarray(over), y


def _common(
    points: Sequence[tuple[NDArray[Any], NDArray[Any]]], *, steps: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    if steps:
        longest = max((x for x, _ in points), key=len)
        return longest, stack_padded([y for _, y in points])
    shortest = min(len(y) for _, y in points)
    x = np.median([x[:shortest] for x, _ in points], axis=0)
    return x, np.array([y[:shortest] for _, y in points])
