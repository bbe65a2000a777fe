"""What the rates say in sentences: the answer first, then what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from latent_analyze.plugin import Finding, ResultSet
from latent_analyze_plugins.random_decode.answers import answers
from latent_analyze_plugins.random_decode.rates import DRAWS, ENOUGH, Rates


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield findings about held-out data, samplers, the range of b, and posterior draws."""
    rates = Rates(results)
    if rates.judged:
        yield from answers(results, rates)
        return
    yield _cannot_say(results)
    yield _control(results, rates)
    if rates.samplers:
        yield _best(results, rates)
    if rates.cubes:
        yield _range(results, rates)
    if "posterior" in results.shown:
        yield _posterior(results, rates)


def _cannot_say(results: ResultSet) -> Finding:
    why = results.frame["cannot_say"]
    text = (
        f"Whether single outputs are good cannot be said: {why}. What follows is about z-points:"
        " one that passes may be decoded into anything."
    )
    return Finding("note", text)


def _control(results: ResultSet, rates: Rates) -> Finding:
    data, name = results.data, rates.name
    passed = f"are supported; no cycle and no joint rate, as {results.frame['no_cycle']}"
    if name == "joint":
        cycle, support = data["cycle_rate"], data["support_rate"]
        passed = (
            f"pass both tests: the encoder finds the z-point again (cycle, {cycle:.3g}), and it"
            f" lies near the data (support, {support:.3g})"
        )
    text = (
        f"Positive control: {rates.text(data)} of {data.sample_size:,} held-out z-points of"
        f" {results.reference} {passed}. The rates of all other sources are held against this."
    )
    if data[f"{name}_rate"] < ENOUGH:
        text += " It is low: the tests turn the data themselves down, and say little about others."
    return Finding("note", text, {f"{name}_rate": data[f"{name}_rate"]})


def _best(results: ResultSet, rates: Rates) -> Finding:
    name, ranked = rates.name, rates.samplers
    best = results.results[ranked[0]]
    relative, count = "", f"{len(ranked)} source{'s' * (len(ranked) > 1)}"
    if f"{name}_relative" in best.scalars:
        relative = f", {best[f'{name}_relative']:.2g} times that of held-out data"
    count = f"{count} next to {results.reference}"
    text = f"{ranked[0]} has the highest {name} rate of {count}: {rates.text(best)}{relative}."
    if not rates.of(ranked[0]):
        text = f"No z-point of {count} passes."
    good = [f"{label} ({rates.of(label):.2g})" for label in ranked if rates.works(label)]
    if good:
        text += f" At least half the rate of held-out data: {', '.join(good)}."
    elif rates.control > 0:
        text += " None has at least half the rate of held-out data."
    else:
        text += " No held-out z-point passes: there is nothing to hold it against."
    return Finding("note", text, {label: rates.of(label) for label in ranked})


def _range(results: ResultSet, rates: Rates) -> Finding:
    cubes, found = rates.cubes, {label: rates.of(label) for label in rates.cubes}
    best = max(found, key=found.__getitem__)
    unit = " spreads" if rates.unit == "spread" else ""
    every = f"b = {', '.join(f'{b:g}' for b in cubes.values())}{unit}"
    good = [rates.works(label) for label in cubes]
    text = "Uniform vectors in [-b, b]^N have at least half the rate of held-out data for"
    if any(good):
        text += f" b = {' and '.join(_runs(list(cubes.values()), good))}{unit}"
    elif rates.control > 0:
        text += f" none of {every}"
    else:
        text = f"Uniform vectors in [-b, b]^N with {every}: no rate of held-out data to reach"
    highest = f"{rates.text(results.results[best])}, at b = {cubes[best]:g}{unit}"
    text += f"; the highest {rates.name} rate is {highest if found[best] else '0 at all of them'}."
    return Finding("note", text, found)


def _posterior(results: ResultSet, rates: Rates) -> Finding:
    draws = rates.text(results.results["posterior"])
    return Finding(
        "note",
        f"These verdicts are about {results.reference}, the means mu of a variational model. Of its"
        f" posterior draws {draws} pass; held against draws instead of means the"
        f" verdicts may be others: analyze the store with {DRAWS} after its name.",
        {f"{rates.name}_rate": rates.of("posterior")},
    )


def _runs(bs: Sequence[float], good: Sequence[bool]) -> list[str]:
    """Return ``["0.5 to 2.5", "8"]``: neighboring values of b that work, as ranges."""
    edges = np.flatnonzero(np.diff([0, *map(int, good), 0]))
    pairs = zip(edges[::2], edges[1::2] - 1, strict=True)
    return [f"{bs[a]:g}" if a == b else f"{bs[a]:g} to {bs[b]:g}" for a, b in pairs]
