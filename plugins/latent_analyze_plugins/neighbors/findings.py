"""What the neighborhoods say in sentences, one per fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from latent_analyze.plugin import Finding
from latent_analyze_plugins.neighbors.measure import VOID

if TYPE_CHECKING:
    from latent_analyze.plugin import Calibration, Result, ResultSet

Severity = Literal["note", "warning"]

MANY_TIES = 0.01
MANY_ROUNDED = 0.1


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield dimension, plateau, clumps; hubs, gaps and voids where they stand out; defects."""
    yield _dimension(results)
    yield _plateau(results)
    yield _clumps(results)
    yield from _if_outstanding(results, "hubness", _hubs)
    yield from _if_outstanding(results, "tree_edge_spread", _tree)
    yield from _if_outstanding(results, "emptiness", _voids)
    for label, result in results.results.items():
        yield from _defects(results, label, result)


def _dimension(results: ResultSet) -> Finding:
    data = results.data
    text = (
        f"At the scale of nearest neighbors ({data['twonn_distance']:.3g} latent units to the"
        f" second of {data.sample_size:,} sampled) the z-points of"
        f" {results.reference} fill about {data['twonn']:.1f} dimensions"
    )
    return _compared(
        results, "twonn", text, lambda value: f"{value:.1f}",
        verdicts=("that is more than", "that is fewer than"),
    )  # fmt: skip


def _plateau(results: ResultSet) -> Finding:
    data = results.data
    if "plateau_dimension" in data.scalars:
        names = ("plateau_dimension", "plateau_low", "plateau_high")
        dimension, low, high = (data[name] for name in names)
        text = (
            f"Over distances from {low:.3g} to {high:.3g} latent units the dimension of"
            f" {results.reference} is the same, {dimension:.3g}: a plateau."
        )
        return Finding("note", text, {name: data[name] for name in names})
    distance, dimension = data["scale_distance"], data["scale_dimension"]
    text = f"The dimension of {results.reference} has no plateau"
    if len(distance) > 1:
        text += (
            f": the estimate goes from {dimension[0]:.1f} at {distance[0]:.3g} latent units to"
            f" {dimension[-1]:.1f} at {distance[-1]:.3g}, and a number holds for its scale only"
        )
    return Finding("note", text + ".", {"plateau": data["plateau"]})


def _clumps(results: ResultSet) -> Finding:
    spread, k = results.data["radius_spread"], results.frame["k"]
    text = (
        f"The distance from a z-point of {results.reference} to its neighbor {k} varies by a"
        f" factor of {np.exp(spread):.2f} (one standard deviation of its logarithm,"
        f" {spread:.2f})"
    )
    return _compared(
        results, "radius_spread", text, lambda value: f"{value:.2f}",
        verdicts=("they are clumped more than", "they lie more evenly than"),
    )  # fmt: skip


def _hubs(results: ResultSet, entry: Calibration) -> str:
    amount = "more" if entry.value > entry.null_mean else "fewer"
    return (
        f"{results.reference} has {amount} hubs, z-points that are neighbors of very many others,"
        f" than {_named(entry.null)}: skewness {_against(entry)}. The largest is among the"
        f" {results.frame['k']} nearest of {results.data['occurrence_max']:,} z-points."
    )


def _tree(results: ResultSet, entry: Calibration) -> str:
    if entry.value > entry.null_mean:
        reading = "z-points sit close together in some places, with gaps elsewhere"
    else:
        reading = "z-points are spaced more evenly"
    return (
        f"The shortest tree that joins all z-points of {results.reference} has edges of"
        f" {'more' if entry.value > entry.null_mean else 'less'} unequal length than that of"
        f" {_named(entry.null)}: {reading}; standard deviation / mean {_against(entry)}, the"
        f" longest edge is {results.data['tree_edge_longest']:.1f} times the mean."
    )


def _voids(results: ResultSet, entry: Calibration) -> str:
    by_chance = np.mean([member["void_share"] for member in results.ensembles[entry.null]])
    verdict = "more" if entry.value > entry.null_mean else "less"
    return (
        f"{100 * results.data['void_share']:.2g} % of the places drawn at random with the mean and"
        f" covariance of {results.reference} lie in voids, empty balls where a Gaussian has"
        f" {VOID:g} z-points or more ({100 * by_chance:.2g} % under the null {entry.null});"
        f" space is {verdict} empty: the largest empty balls lack on average {_against(entry)}."
    )


def _if_outstanding(
    results: ResultSet, scalar: str, sentence: Callable[[ResultSet, Calibration], str]
) -> Iterator[Finding]:
    outstanding = [entry for entry in results.standouts() if entry.scalar == scalar]
    if outstanding:
        more = outstanding[0].value > outstanding[0].null_mean
        # Fewer hubs or smaller gaps than the null are news, but nothing to beware of.
        severity: Severity = "warning" if more else "note"
        yield Finding(severity, sentence(results, outstanding[0]), _numbers(results, scalar))


def _compared(
    results: ResultSet,
    scalar: str,
    text: str,
    show: Callable[[float], str],
    *,
    verdicts: tuple[str, str],
) -> Finding:
    """Return `text` with what nulls and shown sources have instead, and what stands out."""
    parts = [text]
    parts += [_of_null(results, null, scalar, show) for null in results.ensembles]
    parts += [f"{label}: {show(result[scalar])}" for label, result in results.shown.items()]
    outstanding = [entry for entry in results.standouts() if entry.scalar == scalar]
    for entry in outstanding:
        verdict = verdicts[entry.value < entry.null_mean]
        parts.append(
            f"{verdict} under the null {entry.null} (p = {entry.p_adjusted:.2g} after correction)"
        )
    severity: Severity = "warning" if outstanding else "note"
    return Finding(severity, "; ".join(parts) + ".", _numbers(results, scalar))


def _of_null(results: ResultSet, null: str, scalar: str, show: Callable[[float], str]) -> str:
    values = [float(member[scalar]) for member in results.ensembles[null]]
    text = f"{_named(null)}: {show(float(np.mean(values)))}"
    if len(values) == 1:
        return f"{text} (one draw)"
    low, high = np.quantile(values, [0.05, 0.95])
    return f"{text} ({show(low)} to {show(high)} in 90 % of {len(values)} draws)"


def _named(null: str) -> str:
    return "a Gaussian with the same mean and covariance" if null == "gaussian" else f"null {null}"


def _against(entry: Calibration) -> str:
    return (
        f"{entry.value:.2f} against {entry.null_mean:.2f} ({entry.null_low:.2f} to"
        f" {entry.null_high:.2f} in 90 % of {entry.repeats} draws; p = {entry.p_adjusted:.2g} after"
        " correction)"
    )


def _numbers(results: ResultSet, scalar: str) -> dict[str, float | int | str]:
    numbers: dict[str, float | int | str] = {scalar: results.data[scalar]}
    for entry in results.calibrations:
        if entry.scalar == scalar:
            numbers[f"{entry.null} mean"] = entry.null_mean
            numbers[f"{entry.null} p adjusted"] = entry.p_adjusted
    return numbers


def _defects(results: ResultSet, label: str, result: Result) -> Iterator[Finding]:
    points = results.frame["points"]
    if result.sample_size != points:
        yield Finding(
            "note",
            f"{label} was measured on {result.sample_size:,} z-points, {results.reference} on"
            f" {points:,}: their numbers do not compare, as fewer points see a larger scale.",
        )
    for name, what in (("duplicates", "repeat another one"), ("nonfinite", "hold NaN or infinity")):
        if result[name]:
            yield Finding(
                "note",
                f"{label}: {result[name]:,} of the sampled z-points {what} and were left out.",
                {name: result[name]},
            )
    for name, what in _blurred(result):
        numbers = {name: result[name]} if np.isfinite(result[name]) else {}
        yield Finding("note", f"{label}: {what}", numbers)


def _blurred(result: Result) -> Iterator[tuple[str, str]]:
    """Yield what makes ratios of distances say little: the scalar that tells it, and a sentence."""
    ties, rounded = 100 * result["ties"], 100 * result["rounded"]
    if not np.isfinite(result["twonn"]):
        yield (
            "twonn",
            "neighbors are equally far nearly everywhere, as on a lattice: ratios of their"
            " distances give no dimension.",
        )
    elif ties > 100 * MANY_TIES:
        yield (
            "ties",
            f"{ties:.2g} % of the z-points have two nearest neighbors at the same distance; values"
            " that were rounded or quantized make the dimension look larger than it is.",
        )
    if rounded > 100 * MANY_ROUNDED:
        yield (
            "rounded",
            f"{rounded:.2g} % of the z-points have a neighbor as near as the rounding of float32 at"
            " their distance from the origin; what is seen at that scale is rounding. Subtract the"
            " mean before values are stored.",
        )
