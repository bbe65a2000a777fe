"""The figure of `kurtosis`; matplotlib is imported by `new_figure`, when it is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import NULL_COLOR, finish, new_figure, styles
from latent_analyze.plugin import Figure, ResultSet


def draw(results: ResultSet, threshold: float) -> Figure:
    """Draw the axes of all sources, each in order of its excess kurtosis."""
    figure, axis = new_figure()
    rank = np.arange(1, len(results.data["excess"]) + 1)
    for null in results.ensembles:
        low, _, high = results.band("excess", null, in_order)
        axis.fill_between(rank, low, high, color=NULL_COLOR, alpha=0.3, label=f"{null}, 5-95 %")
    for label, style in styles(results).items():
        excess = in_order(results.results[label]["excess"])
        axis.plot(
            rank, excess, style.marker, color=style.color, linestyle=style.dash, markersize=4,
            label=label,
        )  # fmt: skip
    axis.axhline(threshold, color="black", linewidth=0.8, linestyle=":", label="threshold")
    axis.set_xlabel("axis, from the lightest tails to the heaviest")
    axis.set_ylabel("excess kurtosis (Gaussian: 0)")
    axis.xaxis.get_major_locator().set_params(integer=True)
    return Figure(
        name="kurtosis",
        caption=(
            "Excess kurtosis of every axis, in order. Where the data lie above the band, their "
            "tails are heavier than those of the null model."
        ),
        figure=finish(figure),
        alt="Excess kurtosis per axis in ascending order, with the band of the null models",
    )


def in_order(excess: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values in ascending order; those of flat axes, which are NaN, come last."""
    return np.sort(excess)
