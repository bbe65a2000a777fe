"""Figures: matrices of data and null on one scale, and all pairs in order of dependence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import NULL_COLOR, finish, new_figure, styles
from latent_analyze.plugin import Figure
from latent_analyze_plugins.correlations.output import upper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from latent_analyze.plugin import Result, ResultSet

MAX_DRAWN = 64
KINDS = {
    "pearson": "correlation",
    "rank": "rank correlation",
    "magnitude": "rank correlation of |z − mean|",
}
CURVES = {
    "pearson": "|correlation|, all z-points",
    "magnitude": "rank correlation of |z − mean|",
}
NULL_SHADES = ((NULL_COLOR, "#CFCFCF"), ("#333333", "#9F9F9F"))


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield the heat maps and the ordered pairs."""
    yield _draw_maps(results)
    yield _draw_pairs(results)


def _draw_maps(results: ResultSet) -> Figure:
    drawn = _drawn_axes(results)
    rows = _rows(results)
    limit = max(
        float(np.abs(_off_diagonal(result, kind, drawn)).max(initial=0.0))
        for result in rows.values()
        for kind in KINDS
    )
    limit = max(limit, 0.01)
    figure, axes = new_figure(len(rows), len(KINDS), height=2.35, squeeze=False)
    for axis, title in zip(axes[0], KINDS.values(), strict=True):
        axis.set_title(title, fontsize=9)
    for line, (label, result) in zip(axes, rows.items(), strict=True):
        for axis, kind in zip(line, KINDS, strict=True):
            image = _draw_map(axis, _off_diagonal(result, kind, drawn), limit)
            _tick_axes(axis, results.frame["axes"][drawn])
        line[0].set_ylabel(f"{label}\naxis", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("axis")
    figure.colorbar(image, ax=axes, label="correlation", shrink=0.7, aspect=30, pad=0.02)
    return Figure("correlations", _caption(results, len(drawn)), figure, _alt(results))


def _draw_map(axis: Any, matrix: NDArray[Any], limit: float) -> Any:
    shown = np.array(matrix)
    np.fill_diagonal(shown, np.nan)
    axis.set_facecolor("#BBBBBB")
    return axis.imshow(shown, cmap="PuOr_r", vmin=-limit, vmax=limit, interpolation="none")


def _tick_axes(axis: Any, numbers: NDArray[np.int64]) -> None:
    step = max(1, -(-len(numbers) // 8))
    ticks = range(0, len(numbers), step)
    axis.set_xticks(ticks, [str(n) for n in numbers[::step]], fontsize=7)
    axis.set_yticks(ticks, [str(n) for n in numbers[::step]], fontsize=7)


def _rows(results: ResultSet) -> dict[str, Result]:
    rows = {results.reference: results.data}
    for null, members in results.ensembles.items():
        draws = f", 1 of {len(members)}" if len(members) > 1 else ""
        rows[f"null {null}{draws}"] = members[0]
    return rows


def _drawn_axes(results: ResultSet) -> NDArray[np.int64]:
    """Return the places of the axes with the strongest dependence of any kind, in order."""
    strength = np.max([_off_diagonal(results.data, kind) ** 2 for kind in KINDS], axis=0)
    order = np.argsort(-strength.max(axis=0), kind="stable")
    return np.sort(order[:MAX_DRAWN])


def _off_diagonal(
    result: Result, kind: str, chosen: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    matrix = np.array(result[kind])
    np.fill_diagonal(matrix, 0.0)
    return matrix if chosen is None else matrix[np.ix_(chosen, chosen)]


def _caption(results: ResultSet, drawn: int) -> str:
    axes = len(results.frame["axes"])
    which = "" if drawn == axes else f" Drawn are the {drawn} of {axes} axes with the largest ones."
    text = (
        "Correlation of every pair of axes (orange: they rise together, violet: one falls where"
        " the other rises), the same by ranks, and the rank correlation of the magnitudes"
        f" |z − mean|, on one scale.{which}"
    )
    if results.ensembles:
        text += (
            " Below, one draw of each null: a covariance-matched Gaussian has the left map by"
            " construction; the right one shows dependence that no correlation explains."
        )
    return text


def _alt(results: ResultSet) -> str:
    data = results.data
    return (
        f"Heat maps of correlations; the strongest is {data['strongest_correlation']:.2g}, of"
        f" magnitudes {data['strongest_magnitude_dependence']:.2g}."
    )


def _draw_pairs(results: ResultSet) -> Figure:
    figure, axes = new_figure(1, len(CURVES), height=3.0)
    for axis, (kind, title) in zip(axes, CURVES.items(), strict=True):
        _draw_null_bands(axis, results, kind)
        for label, style in styles(results).items():
            values = _ordered(results.results[label][kind], kind)
            axis.plot(
                _shares(values), values, color=style.color, ls=style.dash, lw=1.5, label=label
            )
        axis.axhline(0, color="black", lw=0.6)
        axis.set(xlabel="pairs of axes, in order (%)", ylabel=title)
    finish(figure)
    caption = (
        "All pairs of axes in descending order. Left: the size of Pearson's correlation. Right: the"
        " rank correlation of the magnitudes; above zero the two axes are far out together, below"
        " zero one is near its middle where the other is far out."
    )
    if results.ensembles:
        caption += (
            " Gray: 5 to 95 % of the null's draws; where the data leave it on the right, axes"
        )
        caption += " depend on each other in a way that the null does not have."
    return Figure("correlations-pairs", caption, figure, "Ordered correlations of all pairs.")


def _draw_null_bands(axis: Any, results: ResultSet, kind: str) -> None:
    for place, null in enumerate(results.ensembles):
        line, fill = NULL_SHADES[place % len(NULL_SHADES)]
        low, middle, high = results.band(kind, null, transform=lambda m: _ordered(m, kind))
        x = _shares(middle)
        axis.fill_between(x, low, high, facecolor=fill, edgecolor=line, lw=0.6, alpha=0.8)
        axis.plot(x, middle, color=line, lw=3, alpha=0.6, label=f"null {null}")


def _ordered(matrix: NDArray[Any], kind: str) -> NDArray[np.float64]:
    values = upper(np.asarray(matrix, np.float64))
    return np.sort(np.abs(values) if kind == "pearson" else values)[::-1]


def _shares(values: NDArray[Any]) -> NDArray[np.float64]:
    return 100 * (np.arange(len(values)) + 0.5) / len(values)
