"""What the rates say in sentences: never that an image is meaningful, only what passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Finding
from latent_analyze_plugins.random_decode.companions import DRAWS, shown_cubes, shown_samplers
from latent_analyze_plugins.random_decode.output import interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from latent_analyze.plugin import Result, ResultSet

ENOUGH = 0.5
"""A source works if its rate is at least this share of that of held-out data."""


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield findings about held-out data, samplers, the range of b, draws, and what was lost."""
    name = criterion(results)
    yield _control_finding(results, name)
    if labels := shown_samplers(results):
        yield _best_finding(results, name, labels)
    if cubes := shown_cubes(results):
        yield _range_finding(results, name, cubes)
    if "posterior" in results.shown:
        yield _posterior_finding(results, name)
    for label, result in results.results.items():
        if lost := result["nonfinite"]:
            text = f"The decoder gives NaN or infinity for {lost} of {result.sample_size} of"
            yield Finding("note", f"{text} {label}.", {"nonfinite": lost})


def criterion(results: ResultSet) -> str:
    """Return the rate that decides: the joint rate, or support alone where there is no cycle."""
    return "support" if results.frame["no_cycle"] else "joint"


def works(results: ResultSet, label: str, name: str) -> bool:
    """Whether the rate of a source is at least half that of held-out data."""
    control = results.frame[f"control_{name}"]
    return control > 0 and results.results[label][f"{name}_rate"] >= ENOUGH * control


def _control_finding(results: ResultSet, name: str) -> Finding:
    data = results.data
    text = (
        f"Positive control: {_rate(data, name)} of {data.sample_size:,} held-out z-points of"
        f" {results.reference}"
    )
    if name == "joint":
        text += (
            f" pass both tests (cycle {data['cycle_rate']:.3g}, support {data['support_rate']:.3g})"
        )
    else:
        text += f" are supported; no cycle and no joint rate, as {results.frame['no_cycle']}"
    text += ". The rates of all other sources are held against this."
    if data[f"{name}_rate"] < ENOUGH:
        text += " It is low: the tests turn the data themselves down, and say little about others."
    return Finding("note", text, {f"{name}_rate": data[f"{name}_rate"]})


def _best_finding(results: ResultSet, name: str, labels: Sequence[str]) -> Finding:
    ranked = sorted(labels, key=lambda label: -results.results[label][f"{name}_rate"])
    best = results.results[ranked[0]]
    text = (
        f"Of {len(labels)} sources beside {results.reference}, {ranked[0]} has the highest"
        f" {name} rate: {_rate(best, name)}{_relative(best, name)}."
    )
    good = [label for label in ranked if works(results, label, name)]
    if good:
        rates = [f"{label} ({results.results[label][f'{name}_rate']:.2g})" for label in good]
        text += f" At least half the rate of held-out data: {', '.join(rates)}."
    elif results.frame[f"control_{name}"] > 0:
        text += " None has at least half the rate of held-out data."
    else:
        text += " No held-out z-point passes: there is nothing to hold it against."
    numbers = {label: results.results[label][f"{name}_rate"] for label in ranked}
    return Finding("note", text, numbers)


def _range_finding(results: ResultSet, name: str, cubes: dict[str, float]) -> Finding:
    rates = {label: results.results[label][f"{name}_rate"] for label in cubes}
    best = max(rates, key=lambda label: rates[label])
    unit = " spreads" if getattr(results.options, "unit", "latent") == "spread" else ""
    all_bs = f"b = {', '.join(f'{b:g}' for b in cubes.values())}{unit}"
    good = [works(results, label, name) for label in cubes]
    text = "Uniform vectors in [-b, b]^N have at least half the rate of held-out data for"
    if any(good):
        text += f" b = {' and '.join(_runs(list(cubes.values()), good))}{unit}"
    elif results.frame[f"control_{name}"] > 0:
        text += f" none of {all_bs}"
    else:
        text = f"Uniform vectors in [-b, b]^N with {all_bs}: no rate of held-out data to reach"
    highest = f"{_rate(results.results[best], name)}, at b = {cubes[best]:g}{unit}"
    text += f"; the highest {name} rate is {highest if rates[best] else '0 at all of them'}."
    return Finding("note", text, rates)


def _posterior_finding(results: ResultSet, name: str) -> Finding:
    draws = results.results["posterior"]
    return Finding(
        "note",
        f"These verdicts are about {results.reference}, the means mu of a variational model. Of its"
        f" posterior draws {_rate(draws, name)} pass; held against draws instead of means the"
        f" verdicts may be others: analyze the store with {DRAWS} behind its name.",
        {f"{name}_rate": draws[f"{name}_rate"]},
    )


def _runs(bs: Sequence[float], good: Sequence[bool]) -> list[str]:
    """Return ``["0.5 to 2.5", "8"]``: neighboring values of b that work, as ranges."""
    edges = np.flatnonzero(np.diff([0, *map(int, good), 0]))
    pairs = zip(edges[::2], edges[1::2] - 1, strict=True)
    return [f"{bs[a]:g}" if a == b else f"{bs[a]:g} to {bs[b]:g}" for a, b in pairs]


def _rate(result: Result, name: str) -> str:
    low, high = interval(result, name)
    return f"{result[f'{name}_rate']:.3g} (95 % interval {low:.2g} to {high:.2g})"


def _relative(result: Result, name: str) -> str:
    if f"{name}_relative" not in result.scalars:
        return ""
    return f", {result[f'{name}_relative']:.2g} times that of held-out data"
