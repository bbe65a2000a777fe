"""The figure: inertia, gap and silhouette over the number of clusters, next to the null."""

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
from latent_analyze.plugin import Figure, ResultSet
from latent_analyze_plugins.clustering.scores import LEAST_EFFECT, Gap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP_DASHES = ("-", "--")


def draw(results: ResultSet) -> Figure:
    """Return the figure; the gap is shown where there is a null."""
    data = results.data
    figure, axes = new_figure(1, 3 if results.ensembles else 2, height=2.9)
    _draw_curve(axes[0], results, "share", ("elbow_k", "v", "elbow"))
    _draw_curve(axes[-1], results, "silhouettes", ("silhouette_k", "*", "largest silhouette"))
    axes[0].set(ylabel="inertia / variance", title="inertia")
    axes[0].set_ylim(bottom=0)
    axes[-1].set(ylabel="mean silhouette", title="silhouette")
    if results.ensembles:
        _draw_gaps(axes[1], results)
    for axis in axes:
        axis.set_xlabel("number of clusters k")
        axis.title.set_size(9)
    elbow = data["elbow_k"] if "elbow_k" in data.scalars else "none"
    alt = (
        f"Inertia falls with k, elbow at {elbow}; the silhouette is largest,"
        f" {data['silhouette']:.2f}, at {data['silhouette_k']} clusters."
    )
    return Figure("clustering", _caption(results), finish(figure), alt)


def _draw_curve(axis: Axes, results: ResultSet, curve: str, mark: tuple[str, str, str]) -> None:
    """Draw a curve of all sources; mark a k on that of the data and of one draw of each null."""
    overlay(axis, results, curve, over="k")
    scalar, marker, name = mark
    draws = [members[0] for members in results.ensembles.values()]
    colors = [DATA_COLOR, *(color for color, *_ in NULL_SHADES)]
    for result, color in zip([results.data, *draws], colors, strict=False):
        if scalar in result.scalars:
            k, label = result[scalar], name if result is results.data else None
            look: dict[str, Any] = {"color": color, "mec": "white", "ms": 9, "ls": "", "zorder": 4}
            axis.plot([k], result[curve][result["k"] == k], marker, label=label, **look)


def _draw_gaps(axis: Axes, results: ResultSet) -> None:
    for i, null in enumerate(results.ensembles):
        found = Gap.to(null, results)
        best, size = found.choice
        band = found.gap - found.error, found.gap + found.error
        label = f"gap to {null}" if len(results.ensembles) > 1 else None
        dash = GAP_DASHES[i % len(GAP_DASHES)]
        axis.fill_between(found.ks, *band, color=DATA_COLOR, alpha=0.3, lw=0)
        axis.plot(found.ks, found.gap, color=DATA_COLOR, ls=dash, lw=1.3, label=label)
        if size > max(LEAST_EFFECT, found.noise):
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
            " Middle: the gap, how far the logarithm of the data's share is below that of the"
            " null; 0 is no clusters beyond the null's, a peak is a number of clusters, a curve"
            " that only rises is density that varies, but no number."
        )
        if any(len(members) == 1 for members in results.ensembles.values()):
            text += " One draw of the null is shown, so the gap has no spread."
    return text + " Right: how clearly the clusters are apart, from 1 (far) to 0 (touching)."
