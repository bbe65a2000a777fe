"""What the axes of a case say, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Calibration, Finding, Result, ResultSet
from latent_analyze_plugins.axis_density.curves import FEWEST_AXES
from latent_analyze_plugins.shared.histograms import rounded

LISTED = 8
"""Axes named in a sentence; of more, the first ones."""


def find(results: ResultSet) -> Iterable[Finding]:
    """Say which axes stand out, what the null model does not explain, and what is not known."""
    if results.data["count"]:
        yield _overview(results.reference, results.data)
        yield _outstanding(results)
    for entry in results.standouts():
        yield _standout_finding(entry, results.data)
    for label, result in results.results.items():
        yield from _limits(label, result)


def _overview(label: str, data: Result) -> Finding:
    low, high = center_range(data)
    return Finding(
        "note",
        f"{label}: the centers of the axes ({data['axes']}) lie between {low} and {high}; a "
        f"typical axis has a full width at half maximum of {data['median_fwhm']:.3g} and a spread "
        f"of {data['median_spread']:.3g} (medians, latent units). Axes with more than one mode: "
        f"{data['multimodal']}.",
        {name: data[name] for name in ("median_fwhm", "median_spread", "multimodal")},
    )


def center_range(data: Result) -> tuple[str, str]:
    """Return the lowest and highest center as text."""
    center = data["center"][np.isfinite(data["center"])]
    scale = data["median_spread"]
    return (
        (rounded(center.min(), scale), rounded(center.max(), scale)) if len(center) else ("?", "?")
    )


def _outstanding(results: ResultSet) -> Finding:
    data, threshold = results.data, results.frame["outliers"]
    chosen = ranked(data)
    if data["axes"] < FEWEST_AXES:
        text = f"Fewer than {FEWEST_AXES} axes are too few to say which stand out."
    elif not len(chosen):
        text = f"No axis stands out in center or width (robust z beyond ±{threshold:g})."
    else:
        named = [describe_axis(data, axis) for axis in chosen[:LISTED]]
        stand = "stands" if len(chosen) == 1 else "stand"
        text = (
            f"{len(chosen)} of {data['axes']} axes {stand} out (robust z beyond ±{threshold:g}; "
            f"numbered from 0): {_list(named, len(chosen))}."
        )
    return Finding("note", text, {"outstanding": data["outstanding"]})


def ranked(data: Result) -> NDArray[np.int64]:
    """Return the axes that stand out in center or width, the most outstanding first."""
    score = np.maximum(np.abs(data["center_z"]), np.abs(data["width_z"]))
    order = np.argsort(-score, kind="stable")
    return order[data["stands_out"][order]]


def describe_axis(data: Result, axis: int) -> str:
    """Return what is special about an axis: ``"axis 3: center 2.1 (z = 6.0)"``."""
    quantities = (("center", "center_z"), ("fwhm", "width_z"))
    name, score = max(quantities, key=lambda pair: abs(data[pair[1]][axis]))
    value = rounded(data[name][axis], data["median_spread"])
    word = "center" if name == "center" else "width"
    return f"axis {axis}: {word} {value} (z = {data[score][axis]:.3g})"


def _standout_finding(entry: Calibration, data: Result) -> Finding:
    band = f"5-95 % of {entry.repeats} draws: {entry.null_low:.4g} to {entry.null_high:.4g}"
    if entry.scalar == "multimodal":
        text = (
            f"More than one mode on {_axes(data['modes'] > 1)}; of {entry.null}, "
            f"{entry.null_mean:.3g} axes have more than one ({band})"
        )
    else:
        shape = "flatter" if entry.value > entry.null_mean else "more peaked"
        text = (
            f"The axes are {shape} than those of {entry.null}: median full width at half maximum "
            f"{entry.value:.4g} against {entry.null_mean:.4g} ({band})"
        )
    return Finding(
        "warning",
        f"{text}; adjusted p = {entry.p_adjusted:.2g}.",
        {"value": entry.value, "null_mean": entry.null_mean, "p_adjusted": entry.p_adjusted},
    )


def _limits(label: str, result: Result) -> Iterable[Finding]:
    if not result["count"]:
        yield Finding("note", f"{label} has no finite z-points: nothing is known of its axes.")
        return
    varying = result["min"] < result["max"]
    unknown = ~np.isfinite(result["fwhm"]) | ~np.isfinite(result["spread"])
    narrow = varying & (result["std"] < result["bin_width"])
    if result["constant"]:
        axes = _axes(~varying)
        yield Finding("note", f"{label}: one value only on {axes}; width and spread are 0 there.")
    if narrow.any():
        yield Finding(
            "note",
            f"{label}: the standard deviation on {_axes(narrow)} is below the interval width "
            f"{result['bin_width']:g}: the width at half maximum is an upper bound there. A "
            "smaller bin_width with a larger max_bins resolves it.",
        )
    if unknown.any():
        share = result["outside_share"]
        yield Finding(
            "note",
            f"{label}: the values on {_axes(unknown)} reach too far beyond the intervals for a "
            f"width at half maximum or a spread; {100 * share:.1f} % of all values lie outside.",
            {"outside_share": share},
        )
    if result["nonfinite"]:
        yield Finding(
            "note",
            f"{label}: {result['nonfinite']} z-points hold NaN or infinity and were left out.",
            {"nonfinite": result["nonfinite"]},
        )


def _axes(mask: NDArray[np.bool_]) -> str:
    axes = np.flatnonzero(mask)
    if len(axes) == 1:
        return f"axis {axes[0]}"
    if len(axes) == len(mask):
        return f"all {len(axes)} axes"
    return f"{len(axes)} axes ({_list([str(a) for a in axes[:LISTED]], len(axes))})"


def _list(named: Sequence[str], total: int) -> str:
    more = total - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
