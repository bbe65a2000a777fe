"""May I sample here: the answer, where good outputs can be told from bad ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from latent_analyze.plotting import words_of
from latent_analyze.plugin import Finding, Result, ResultSet
from latent_analyze_plugins.random_decode.departing import departures_of
from latent_analyze_plugins.random_decode.qualities import GOOD
from latent_analyze_plugins.random_decode.rates import Rates

MOST_NAMED = 10
"""Classes that a sentence names."""

ENCODED = "posterior"
"""No sampler to recommend: every draw is a row of the data that was encoded, with noise."""

MOST_NEXT = 4
"""Samplers named after the best one."""

NARROW = 0.5
"""A source whose interval of coverage ends below this reaches only a part of the data."""


def answers(results: ResultSet, rates: Rates) -> Iterator[Finding]:
    """Yield the answer, then copies, classes that are missed, and how the test was tested."""
    yield _answer(results, rates)
    if rates.cubes:
        yield _cubes(rates)
    copying = [label for label in rates.samplers if rates.copies(label)]
    if copying:
        yield _copies(rates, copying)
    yield from _missed(results, rates)
    yield from departures_of(rates)
    yield _tested(results)


def _answer(results: ResultSet, rates: Rates) -> Finding:
    """Recommend the source with the most good draws times coverage that does not copy."""
    asked = sorted([*rates.samplers, *rates.cubes], key=lambda label: -rates.worth(label))
    free = [label for label in asked if not rates.copies(label) and label != ENCODED]
    control = f"{_percent(results.data['good_rate'])} of held-out rows of {results.reference}"
    if not free:
        why = "All samplers repeat rows of the data" if asked else "No sampler was asked about"
        return Finding("note", f"{why}; {control} are good.", {})
    free.sort(key=lambda label: not rates.works(label) or _is_narrow(rates.results[label]))
    best, words = rates.results[free[0]], words_of(results.frame["kind"])
    share = f"{_good(best, rates)} of its {words.many} are good ({control} are)"
    if rates.works(free[0]) and _is_narrow(best):
        text = f"Do not sample with {free[0]} alone: {share}, {_reach(best)}."
    elif rates.works(free[0]):
        text = f"Sample with {free[0]}: {share}, {_reach(best)}.{_next(rates, free[1:])}"
    else:
        text = f"Do not sample here: even of {free[0]}, the best of {len(free)}, only {share}."
    text += f" Good is what is better than the worst {100 * GOOD:.0f} % of held-out data."
    return Finding("note", text, {label: rates.of(label) for label in rates.samplers})


def _reach(result: Result) -> str:
    """Return how much of the data draws reach, in words."""
    if "coverage" not in result.scalars:
        return "but they reach nothing of the data"
    words = "but they reach only" if _is_narrow(result) else "and they reach"
    return f"{words} {_percent(result['coverage'])} of the data"


def _is_narrow(result: Result) -> bool:
    """Whether draws reach a part of the data only."""
    return "coverage" not in result.scalars or result["coverage_interval"][1] < NARROW


def _next(rates: Rates, labels: Sequence[str]) -> str:
    """Return the next sources that work, best first, with both shares."""
    working = [label for label in labels if rates.works(label)][:MOST_NEXT]
    named = []
    for label in working:
        reached = rates.table([rates.results[label]], "coverage")[0, 0]
        named.append(f"{label} ({_percent(rates.of(label))} good, {_percent(reached)} reached)")
    return f" Next: {', '.join(named)}." if named else ""


def _cubes(rates: Rates) -> Finding:
    """Say at which b the most uniform vectors are good."""
    found = {label: rates.of(label) for label in rates.cubes}
    best = max(found, key=lambda label: (rates.worth(label), found[label]))
    at = f"{rates.cubes[best]:g}{' spreads' if rates.unit == 'spread' else ''}"
    reach = _reach(rates.results[best])
    text = f"Uniform vectors in [-b, b]^N are best at b = {at}: {_percent(found[best])} are good,"
    text = f"{text} {reach}."
    if not any(found.values()):
        text = "Of uniform vectors in [-b, b]^N none are good, at any b that was tried."
    return Finding("note", text, found)


def _copies(rates: Rates, labels: Sequence[str]) -> Finding:
    found = {label: float(rates.results[label]["copied"]) for label in labels}
    named = ", ".join(f"{label} ({_percent(share)})" for label, share in found.items())
    text = (
        f"These draws are copies of rows of the data: {named}. Copies are good because the data"
        " are, but show nothing new: samplers that copy are not recommended."
    )
    return Finding("note", text, found)


def _missed(results: ResultSet, rates: Rates) -> Iterator[Finding]:
    """Name what is missed by sources that work, and by those that reach hardly anything."""
    names = results.frame["class_names"]
    for label in rates.samplers:
        result = rates.results[label]
        if "coverage" not in result.scalars or not rates.works(label):
            continue
        missed = (
            names[result["class_missed"].astype(bool)] if "class_missed" in result.arrays else ()
        )
        if not len(missed) and result["coverage_interval"][1] >= NARROW:
            continue
        low, high = result["coverage_interval"]
        text = (
            f"{label} reaches only {_percent(result['coverage'])} of the data (95 % interval"
            f" {_percent(low, '')} to {_percent(high)})"
        )
        if len(missed):
            more = f" and {len(missed) - MOST_NAMED} more" if len(missed) > MOST_NAMED else ""
            text += (
                f": it misses {results.frame['class_label']} {', '.join(missed[:MOST_NAMED])}{more}"
            )
        yield Finding("note", f"{text}.", {"coverage": float(result["coverage"])})


def _tested(results: ResultSet) -> Finding:
    frame = results.frame
    shares = dict(zip(frame["junk_kinds"].tolist(), frame["junk_passed"].tolist(), strict=True))
    named = ", ".join(f"{kind} {_percent(share)}" for kind, share in shares.items())
    text = f"The test was tested on junk made of the data. Passed for good: {named}."
    return Finding("note", text, shares)


def _good(result: Result, rates: Rates) -> str:
    share, low, high = rates.table([result], "good")[:, 0]
    return f"{_percent(share)} (95 % interval {_percent(low, '')} to {_percent(high)})"


def _percent(share: float, unit: str = " %") -> str:
    """Return a share in percent, rounded to whole ones, and no finer than to a tenth."""
    percent = 100 * float(np.clip(share, 0, 1))
    return f"{percent:.0f}{unit}" if percent >= 1 or percent == 0 else f"{percent:.1f}{unit}"
