"""What the counts say in words: never more than the comparison with nulls and sources shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Finding
from latent_analyze_plugins.slices.output import pair_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from latent_analyze.plugin import Result, ResultSet


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield a finding per pair, one over all pairs, and two about the origin."""
    for index in range(len(results.frame["pairs"])):
        yield _pair_finding(results, index)
    everywhere = 100 * results.data["survivor_share_all_pairs"]
    yield _finding(
        results,
        "survivor_share_all_pairs",
        f"Averaged over all pairs of axes, {everywhere:.3g} % of the z-points survive in a slice"
        f" (b = {results.frame['b']:.3g})",
        lambda result: f"{100 * result['survivor_share_all_pairs']:.3g} %",
    )
    yield from _origin_findings(results)


def _pair_finding(results: ResultSet, index: int) -> Finding:
    pair, b = results.frame["pairs"][index], results.frame["b"]
    name, total = pair_name(pair), results.data["n"]
    survivors = results.data[f"survivors_{name}"]
    amount = f"{survivors:,}" if survivors else "none"
    text = (
        f"Of {total:,} z-points {amount} survive{'s' if survivors == 1 else ''} in the slice of"
        f" axes {pair[0]} and {pair[1]} (b = {b:.3g})"
    )
    if not survivors:
        text += f", the first does at b = {float(results.data['smallest_b'][index]):.3g}"
    return _finding(results, f"survivor_share_{name}", text, _counter(name, total))


def _counter(name: str, total: int) -> Callable[[Result], str]:
    """Return how survivors are written: as counts, and as shares where counts do not compare."""

    def count(result: Result) -> str:
        if result["n"] == total:
            return f"{result[f'survivors_{name}']:,}"
        return f"{100 * result[f'survivor_share_{name}']:.3g} % of {result['n']:,}"

    return count


def _origin_findings(results: ResultSet) -> Iterator[Finding]:
    farther = results.data["origin_mahalanobis_percentile"]
    yield _finding(
        results,
        "origin_mahalanobis_percentile",
        f"The origin lies farther from the mean than {farther:.1f} % of the z-points (Mahalanobis)",
        lambda result: f"{result['origin_mahalanobis_percentile']:.1f} %",
    )
    if "origin_density_percentile" in results.data.scalars:
        denser = results.data["origin_density_percentile"]
        yield _finding(
            results,
            "origin_density_percentile",
            f"Around the origin it is denser than around {denser:.1f} % of"
            f" {results.data.sample_size:,} sampled z-points",
            _density_text,
        )


def _density_text(result: Result) -> str:
    if "origin_density_percentile" not in result.scalars:
        return "too few z-points"
    return f"{result['origin_density_percentile']:.1f} %"


def _finding(results: ResultSet, scalar: str, text: str, show: Callable[[Result], str]) -> Finding:
    """Return `text` with what nulls and shown sources have instead, and what stands out."""
    parts = [text]
    parts += [_null_text(results, null, scalar, show) for null in results.ensembles]
    parts += [f"{label}: {show(result)}" for label, result in results.shown.items()]
    outstanding = [entry for entry in results.standouts() if entry.scalar == scalar]
    for entry in outstanding:
        side = "higher" if entry.value > entry.null_mean else "lower"
        p = f"p = {entry.p_adjusted:.2g} after correction"
        parts.append(f"that is {side} than under the null {entry.null} ({p})")
    numbers: dict[str, float | int | str] = {scalar: results.data[scalar]}
    for entry in results.calibrations:
        if entry.scalar == scalar:
            numbers[f"{entry.null} 5 %"] = entry.null_low
            numbers[f"{entry.null} 95 %"] = entry.null_high
            numbers[f"{entry.null} p adjusted"] = entry.p_adjusted
    return Finding("warning" if outstanding else "note", "; ".join(parts) + ".", numbers)


def _null_text(results: ResultSet, null: str, scalar: str, show: Callable[[Result], str]) -> str:
    """Return the 5 % to 95 % range over the members, each end shown by the nearest member."""
    members = [m for m in results.ensembles[null] if scalar in m.scalars]
    if not members:
        return f"null {null}: too few z-points"
    if len(members) == 1:
        return f"null {null}: {show(members[0])} (one draw)"
    ordered = sorted(members, key=lambda member: float(member[scalar]))
    ends = np.rint(np.array([0.05, 0.95]) * (len(ordered) - 1)).astype(int)
    low, high = (show(ordered[end]) for end in ends)
    text = low if low == high else f"{low} to {high}"
    return f"null {null}: {text} (5-95 % of {len(members)} draws)"
