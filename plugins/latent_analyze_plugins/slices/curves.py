"""The figure of survivors over the half-width b."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import NULL_COLOR, finish, new_figure, styles
from latent_analyze.plugin import Figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Result, ResultSet

COLUMNS = 3
HATCHES = ("", "//", "..", "xx")


def draw_survivors(results: ResultSet) -> Figure:
    """Draw the share of survivors over b, per pair, with the band of each null."""
    pairs = results.frame["pairs"]
    columns = min(len(pairs), COLUMNS)
    rows = -(-len(pairs) // columns)
    figure, axes = new_figure(rows, columns, height=3.2, squeeze=False, sharey=True)
    for index, axis in enumerate(axes.flat):
        if index < len(pairs):
            _draw_pair(axis, results, index)
        else:
            axis.set_visible(False)
    for line in axes:
        line[0].set_ylabel("share of the z-points that survives")
    finish(figure)
    caption = (
        "Share of the z-points that survives in the slice of a pair of axes, over the slice's"
        " half-width b. Both scales are logarithmic; a curve begins where the first z-point"
        " survives. The vertical line marks the b of the drawn slices."
    )
    if results.ensembles:
        caption += " Band: 5 to 95 % of the null's draws."
    return Figure(
        "slices-survivors", caption, figure, "Curves of the surviving share over the half-width b."
    )


def _draw_pair(axis: Any, results: ResultSet, index: int) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    b, pair = results.frame["b"], results.frame["pairs"][index]
    for place, null in enumerate(results.ensembles):
        _draw_null(axis, results, null, (index, HATCHES[place % len(HATCHES)]))
    for label, style in styles(results).items():
        result = results.results[label]
        axis.plot(
            result["half_width"], _share(result, index), color=style.color, ls=style.dash,
            lw=1.6, label=label,
        )  # fmt: skip
    axis.axvline(b, color="black", lw=0.8, ls=":", label=f"b = {b:.3g}")
    axis.set(xscale="log", yscale="log", xlim=_b_limits(results), ylim=(_floor(results), 1.4))
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_title(f"axes {pair[0]} and {pair[1]}", fontsize=10)
    axis.set_xlabel("half-width b (latent units)")


def _draw_null(axis: Any, results: ResultSet, null: str, place: tuple[int, str]) -> None:
    (index, hatch), members = place, results.ensembles[null]
    shares = np.array([_share(member, index) for member in members])
    bs = members[0]["half_width"]
    if len(members) == 1:
        axis.plot(bs, shares[0], color=NULL_COLOR, lw=3, alpha=0.6, label=f"null {null}")
        return
    low, high = np.quantile(np.nan_to_num(shares), [0.05, 0.95], axis=0)
    # A line around the band keeps it visible where the draws agree to less than a line's width.
    axis.fill_between(
        bs, np.maximum(low, _floor(results)), high, where=high > 0, facecolor="#CFCFCF",
        edgecolor=NULL_COLOR, lw=1.2, hatch=hatch, label=f"null {null}, 5-95 %",
    )  # fmt: skip


def _share(result: Result, index: int) -> NDArray[np.float64]:
    """Return the surviving share over b, NaN where nothing survives."""
    survivors = result["survivors"][index]
    return np.where(survivors > 0, survivors / result["n"], np.nan)


def _floor(results: ResultSet) -> float:
    """Return half of one survivor of the largest source: the lower end of the share's axis."""
    return 0.5 / max(result["n"] for result in results.results.values())


def _b_limits(results: ResultSet) -> tuple[float, float]:
    """Return the range of b from just below the first survivor of any source to the last."""
    shown = [result["survivors"].max(axis=0) > 0 for result in results.results.values()]
    bs = results.frame["bs"]
    first = int(np.argmax(np.any(shown, axis=0)))
    low = min(float(bs[max(first - 1, 0)]), results.frame["b"])
    return 0.9 * low, float(bs[-1])
