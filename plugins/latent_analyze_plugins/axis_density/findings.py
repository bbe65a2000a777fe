"""What the axes of a case say, in sentences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Finding, Result, ResultSet
from latent_analyze.statistics import rounded
from latent_analyze_plugins.axis_density.compute import FEWEST_AXES

LISTED = 8
"""Axes named in a sentence; of more, the first ones."""


def find(results: ResultSet) -> Iterable[Finding]:
    """Say where the axes of the data lie and which stand out, and what is not known of a source."""
    data = results.data
    if data["count"]:
        names = ("median_fwhm", "median_spread", "multimodal", "outstanding")
        text = f"{results.reference}: {_overview(data)} {_outstanding(data, results.options)}"
        yield Finding("note", text, {name: data[name] for name in names})
    for label, result in results.results.items():
        for text in _limits(result):
            yield Finding("note", f"{label}: {text}.", {"outside_share": result["outside_share"]})


def _overview(data: Result) -> str:
    center, scale = data["center"], data["median_spread"]
    low, high = (rounded(end.reduce(center), scale) for end in (np.fmin, np.fmax))
    return (
        f"the centers of the axes ({data['axes']}) lie between {low} and {high}. A typical axis "
        f"has a full width at half maximum of {data['median_fwhm']:.3g} and a spread of "
        f"{scale:.3g} (medians, latent units). More than one mode: {_axes(data['modes'] > 1)}."
    )


def _outstanding(data: Result, options: Any) -> str:
    chosen = ranked(data)
    if data["axes"] < FEWEST_AXES:
        return f"Fewer than {FEWEST_AXES} axes are too few to say which stand out."
    named = ", ".join(describe_axis(data, axis) for axis in chosen[:LISTED])
    more = f" and {len(chosen) - LISTED} more" if len(chosen) > LISTED else ""
    text = f"These stand out: {named}{more}" if named else "No axis stands out in center or width"
    return f"{text} (robust z beyond ±{options.outliers:g}; axes are numbered from 0)."


def ranked(data: Result) -> NDArray[np.int64]:
    """Return the axes that stand out in center or width, the most outstanding first."""
    score = np.maximum(np.abs(data["center_z"]), np.abs(data["width_z"]))
    order = np.argsort(-score, kind="stable")
    return order[data["stands_out"][order]]


def describe_axis(data: Result, axis: int) -> str:
    """Return what is special about an axis: ``"axis 3: center 2.1 (z = 6.0)"``."""
    quantities = (("center", "center", "center_z"), ("width", "fwhm", "width_z"))
    word, name, score = max(quantities, key=lambda names: abs(data[names[2]][axis]))
    value = rounded(data[name][axis], data["median_spread"])
    return f"axis {axis}: {word} {value} (z = {data[score][axis]:.3g})"


def _limits(result: Result) -> Iterable[str]:
    if not result["count"]:
        yield "no finite z-points, so nothing is known of its axes"
        return
    varying = result["min"] < result["max"]
    narrow = varying & (result["std"] < result["bin_width"])
    unknown = ~np.isfinite(result["fwhm"]) | ~np.isfinite(result["spread"])
    if result["constant"]:
        yield f"one value only on {_axes(~varying)}; width and spread are 0 there"
    if narrow.any():
        yield (
            f"the standard deviation on {_axes(narrow)} is below the interval width "
            f"{result['bin_width']:g}: the width at half maximum is an upper bound there. A "
            "smaller bin_width with a larger max_bins resolves it"
        )
    if unknown.any():
        yield (
            f"the values on {_axes(unknown)} reach too far beyond the intervals for a width at "
            f"half maximum or a spread; {100 * result['outside_share']:.1f} % of all values lie "
            "outside"
        )


def _axes(mask: NDArray[np.bool_]) -> str:
    axes = np.flatnonzero(mask)
    if len(axes) == len(mask) > 1:
        return f"all {len(axes)} axes"
    if len(axes) < 2:
        return f"axis {axes[0]}" if len(axes) else "no axis"
    more = f" and {len(axes) - LISTED} more" if len(axes) > LISTED else ""
    return f"{len(axes)} axes ({', '.join(map(str, axes[:LISTED]))}{more})"
