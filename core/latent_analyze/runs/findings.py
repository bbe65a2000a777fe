"""The sentences that the host says for every analysis, from the declaration of its measures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, get_args

from latent_analyze.errors import AnalysisError
from latent_analyze.host.measures import Measure, fill, find_measure
from latent_analyze.host.numbers import show
from latent_analyze.host.results import Finding, Severity

if TYPE_CHECKING:
    from latent_analyze.host.contracts import Analysis
    from latent_analyze.host.results import Calibration, ResultSet

MOST_TOLD = 3
"""Scalars told one by one; the others are counted, and are in the table."""


def all_findings(analysis: Analysis, results: ResultSet) -> list[Finding]:
    """Return the findings of an analysis, and the standard ones that it does not say itself.

    Raises
    ------
    AnalysisError
        If `interpret` gives something that is no finding.
    """
    own = [_checked(finding) for finding in analysis.interpret(results) or ()]
    named = {name for f in own if f.severity == "finding" for name in f.numbers}
    standard = standard_findings(results, analysis.measures, without=named)
    return [*own, *standard, *said_findings(results, analysis.measures)]


def standard_findings(
    results: ResultSet, measures: Sequence[Measure], *, without: Iterable[str] = ()
) -> list[Finding]:
    """Return one finding per null: which scalars stand out of it, and what that means."""
    left_out = set(without)
    by_null: dict[str, list[Calibration]] = {}
    for entry in results.standouts():
        if entry.scalar not in left_out:
            by_null.setdefault(entry.null, []).append(entry)
    return [_standout(results, measures, null, entries) for null, entries in by_null.items()]


def said_findings(results: ResultSet, measures: Sequence[Measure]) -> list[Finding]:
    """Return a note per source and measure with `said` whose value is not zero."""
    found = []
    for label, result in results.results.items():
        for name, scalar in result.scalars.items():
            measure, words = find_measure(measures, name, 0)
            # A value that is not known (NaN) is not equal to itself, and nothing to speak of.
            if measure and measure.said and scalar.value and scalar.value == scalar.value:
                value = {"value": scalar.value}
                text = fill(measure.said, value, words, _options(results), results.frame.values)
                found.append(Finding("note", f"{label}: {text}.", {name: scalar.value}))
    return found


def _standout(
    results: ResultSet, measures: Sequence[Measure], null: str, entries: list[Calibration]
) -> Finding:
    p = max(entry.p_adjusted for entry in entries)
    told = [_told(results, measures, entry) for entry in entries[:MOST_TOLD]]
    more = len(entries) - len(told)
    text = (
        f"{results.reference} differs from the null model {null}: {'; '.join(told)}"
        + (f"; and {more} more, see the table" if more else "")
        + f" (5-95 % of {entries[0].repeats} draws; p = {p:.2g}, corrected)."
    )
    return Finding("finding", text, {**{e.scalar: e.value for e in entries}, "p_adjusted": p})


def _told(results: ResultSet, measures: Sequence[Measure], entry: Calibration) -> str:
    scalar = results.data.scalars[entry.scalar]
    measure, words = find_measure(measures, entry.scalar, 0)
    higher = entry.value > entry.null_mean
    meaning = "" if measure is None else measure.higher if higher else measure.lower
    name = re.split(r": | \(|; ", scalar.description)[0] or entry.scalar
    unit = f" {scalar.unit}" if scalar.unit not in ("", "share") else ""
    value, low, high = (show(v, 3) for v in (entry.value, entry.null_low, entry.null_high))
    numbers = f"{value}{unit}, null {low} to {high}"
    if meaning:
        told = fill(meaning, words, _options(results), results.frame.values)
        return f"{told} ({name}: {numbers})"
    return f"{name} is {'higher' if higher else 'lower'} ({numbers})"


def _options(results: ResultSet) -> Mapping[str, object]:
    fields = type(results.options).model_fields
    return {name: getattr(results.options, name) for name in fields}


def _checked(finding: object) -> Finding:
    if not isinstance(finding, Finding) or finding.severity not in get_args(Severity):
        raise AnalysisError(
            f"findings of severity {', '.join(get_args(Severity))}", found=repr(finding)[:80]
        )
    return finding
