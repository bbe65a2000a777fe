"""The figure: inertia, gap and silhouette over the number of clusters, beside the null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latent_analyze.plotting import (
    DATA_COLOR,
    NULL_COLOR,
    NULL_SHADES,
    finish,
    new_figure,
    overlay,
)
from latent_analyze.plugin import Figure
from latent_analyze_plugins.clustering.scores import (
    LEAST_EFFECT,
    gap_choice,
    gap_curve,
    largest_null_gap,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from latent_analyze.plugin import ResultSet

GAP_DASHES = ("-", "--")


def draw(results: ResultSet) -> Figure:
    """Return the figure; the gap is shown where there is a null."""
    columns = 3 if results.ensembles else 2
    figure, axes = new_figure(1, columns, height=2.9)
    overlay(axes[0], results, "share", over="k")
    overlay(axes[-1], results, "silhouettes", over="k")
    _mark(axes[0], results, "elbow_k", "share", marker="v", name="elbow")
    _mark(axes[-1], results, "silhouette_k", "silhouettes", marker="*", name="largest silhouette")
    axes[0].set(ylabel="inertia / variance", title="inertia")
    axes[0].set_ylim(bottom=0)
    axes[-1].set(ylabel="mean silhouette", title="silhouette")
    if results.ensembles:
        _draw_gaps(axes[1], results)
    for axis in axes:
        axis.set_xlabel("number of clusters k")
        axis.title.set_size(9)
    finish(figure)
    return Figure("clustering", _caption(results), figure, _alt(results))


def _mark(
    axis: Axes, results: ResultSet, place: str, curve: str, *, marker: str, name: str
) -> None:
    """Mark a k on the curves of the reference and of one draw of each null."""
    shown = [(results.data, DATA_COLOR)]
    shown += [
        (m[0], c) for m, (c, *_) in zip(results.ensembles.values(), NULL_SHADES, strict=False)
    ]
    for result, color in shown:
        if place in result.scalars:
            k = result[place]
            y = result[curve][result["k"] == k]
            axis.plot(
                [k], y, marker, color=color, mec="white", ms=9, ls="", zorder=4,
                label=name if result is results.data else None,
            )  # fmt: skip


def _draw_gaps(axis: Axes, results: ResultSet) -> None:
    for i, null in enumerate(results.ensembles):
        ks, gap, error = gap_curve(results, null)
        best, size = gap_choice(ks, gap, error)
        dash = GAP_DASHES[i % len(GAP_DASHES)]
        several = len(results.ensembles[null]) > 1
        if several:
            axis.fill_between(ks, gap - error, gap + error, color=DATA_COLOR, alpha=0.3, lw=0)
        label = f"gap to {null}" if len(results.ensembles) > 1 else None
        axis.plot(ks, gap, color=DATA_COLOR, ls=dash, lw=1.3, label=label)
        if size > max(LEAST_EFFECT, largest_null_gap(results, null)):
            axis.plot([best], [size], "D", color=DATA_COLOR, mec="white", ms=7, label="largest gap")
    axis.axhline(0.0, color=NULL_COLOR, lw=1.0)
    # A gap that is noise should look small.
    low, high = axis.get_ylim()
    axis.set_ylim(min(low, -LEAST_EFFECT), max(high, 2 * LEAST_EFFECT))
    axis.set(ylabel="ln(null's inertia / data's)", title="gap")


def _caption(results: ResultSet) -> str:
    size = results.data.sample_size or 0
    text = (
        f"k-means on {size:,} sampled z-points for every number of clusters k. Left: inertia, the"
        " mean squared distance from the center of the cluster, as a share of the variance; it"
        " falls in any cloud, and has an elbow (triangle) in any cloud, the null's too."
    )
    if results.ensembles:
        text += (
            " Middle: the gap, how far the logarithm of the data's share lies below that of the"
            " null; 0 is no clusters beyond the null's, a peak is a number of clusters, a curve"
            " that only rises is density that varies, but no number."
        )
        if any(len(members) == 1 for members in results.ensembles.values()):
            text += " One draw of the null is shown, so the gap has no spread."
    return text + " Right: how clearly the clusters are apart, from 1 (far) to 0 (touching)."


def _alt(results: ResultSet) -> str:
    data = results.data
    elbow: Any = data["elbow_k"] if "elbow_k" in data.scalars else "none"
    return (
        f"Inertia falls with k, elbow at {elbow}; the silhouette is largest,"
        f" {data['silhouette']:.2f}, at {data['silhouette_k']} clusters."
    )
