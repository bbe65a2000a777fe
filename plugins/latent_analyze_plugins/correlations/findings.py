"""What the matrices say: correlation as a fact, dependence beyond it against the null."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Finding
from latent_analyze_plugins.correlations.output import ROUNDING, upper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latent_analyze.plugin import Calibration, ResultSet

CALIBRATED = ("magnitude_dependence", "strongest_magnitude_dependence", "rank_departure")
FAR_OFF = 3.0
"""A center nearer than this many sampling errors has no place of its own."""

ONE_SIDED = 0.5


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield the strongest pair, dependence beyond correlation, the center, and defects."""
    yield _strongest(results)
    for null in results.ensembles:
        yield from _beyond(results, null)
    yield _center(results)
    yield from _defects(results)


def _strongest(results: ResultSet) -> Finding:
    data = results.data
    (first, second), (r, rank, _) = data["strongest_pairs"][0], data["strongest_values"][0]
    pairs = len(upper(data["pearson"]))
    noise = float(np.sqrt(2 * np.log(2 * pairs + 1) / data["n"]))
    text = (
        f"The strongest correlation is that of axes {first} and {second}: {r:.2g}"
        f" (rank correlation {rank:.2g}); the mean over {pairs:,} pairs is"
        f" {data['mean_correlation']:.2g} (absolute values)."
    )
    if abs(r) < noise:
        text += f" Independent axes would reach {noise:.2g} with as many z-points."
    return Finding("note", text, {"r": float(r), "mean": data["mean_correlation"]})


def _beyond(results: ResultSet, null: str) -> Iterator[Finding]:
    entries = {e.scalar: e for e in results.calibrations if e.null == null}
    outstanding = [n for n in CALIBRATED if n in entries and entries[n].stands_out]
    if not entries:
        return
    if outstanding:
        told = "; ".join(_tell(entries[name], results) for name in outstanding)
        yield Finding(
            "warning",
            f"Axes depend on each other beyond what the null {null} has: {told}"
            f" (5-95 % of {entries[outstanding[0]].repeats} draws; adjusted p ="
            f" {max(entries[n].p_adjusted for n in outstanding):.2g}).",
            {name: entries[name].value for name in outstanding},
        )
    else:
        yield Finding(
            "note",
            f"No dependence between axes stands out against the null {null}: mean |rank"
            f" correlation| of magnitudes {_against(entries['magnitude_dependence'])}.",
            {"magnitude_dependence": results.data["magnitude_dependence"]},
        )


def _tell(entry: Calibration, results: ResultSet) -> str:
    if entry.scalar == "magnitude_dependence":
        text = f"mean |rank correlation| of magnitudes {_against(entry)}"
        balance = results.data["magnitude_balance"]
        if abs(balance) > ONE_SIDED * entry.value:
            side = "far out on others too" if balance > 0 else "near the middle of others"
            text += f" (z-points far out on one axis are {side})"
        return text
    if entry.scalar == "strongest_magnitude_dependence":
        first, second = _strongest_magnitude(results)
        return f"most of all axes {first} and {second}, rank correlation {_against(entry)}"
    return (
        "rank correlations depart from those of a Gaussian of the same correlations by"
        f" {_against(entry)} on average"
    )


def _against(entry: Calibration) -> str:
    return f"{entry.value:.2g} against {entry.null_low:.2g} to {entry.null_high:.2g}"


def _strongest_magnitude(results: ResultSet) -> tuple[int, int]:
    matrix = np.triu(np.abs(results.data["magnitude"]), 1)
    i, j = np.unravel_index(int(matrix.argmax()), matrix.shape)
    axes = results.frame["axes"]
    return int(axes[i]), int(axes[j])


def _center(results: ResultSet) -> Finding:
    data, dim = results.data, results.frame["dim"]
    distance, error = data["center_distance"], data["center_error"]
    text = (
        f"The cloud's center lies {data['center_spreads']:.2g} spreads ({distance:.3g} latent"
        " units) from the origin"
    )
    if distance < FAR_OFF * error:
        text += f", which sampling error ({error:.2g}) may explain."
    else:
        few = data["center_axes"]
        text += f"; {few} of {dim} axes hold 90 % of the squared distance."
    names = ("center_distance", "center_spreads", "center_axes")
    return Finding("note", text, {name: data[name] for name in names})


def _defects(results: ResultSet) -> Iterator[Finding]:
    frame = results.frame
    if frame["constant_axes"]:
        yield Finding(
            "note",
            f"{frame['constant_axes']} of {frame['dim']:,} axes vary by no more than rounding may"
            f" ({ROUNDING:g} of the widest axis, or of their own mean); they are compared with"
            " none.",
        )
    if frame["left_out"]:
        yield Finding(
            "note",
            f"Only the {len(frame['axes'])} widest of {frame['dim']:,} axes are compared;"
            " max_axes takes more.",
        )
    for label, result in results.results.items():
        for note in result.notes:
            yield Finding("note", f"{label}: {note}.")
