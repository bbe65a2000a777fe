"""May I sample here: the answer, where good outputs can be told from bad ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from latent_analyze.plotting import words_of
from latent_analyze.plugin import Finding, Result, ResultSet
from latent_analyze_plugins.random_decode.leaving import leaving
from latent_analyze_plugins.random_decode.qualities import GOOD
from latent_analyze_plugins.random_decode.rates import Rates

MOST_NAMED = 10
"""Classes that a sentence names."""


def answers(results: ResultSet, rates: Rates) -> Iterator[Finding]:
    """Yield the answer, then copies, classes that are missed, and how the test was tested."""
    yield _answer(results, rates)
    copying = [label for label in rates.samplers if rates.copies(label)]
    if copying:
        yield _copies(rates, copying)
    yield from _missed(results, rates)
    yield from leaving(rates)
    yield _tested(results)


def _answer(results: ResultSet, rates: Rates) -> Finding:
    """Recommend the source with the most good draws times coverage that does not copy."""
    data, words = results.data, words_of(results.frame["kind"])
    own = f"of held-out rows of {results.reference} {_percent(data['good_rate'])} are"
    free = [label for label in rates.samplers if not rates.copies(label)]
    working = [label for label in free if rates.works(label)]
    if not free:
        return Finding("note", f"No sampler was asked about; {own} good.", {})
    best = rates.results[free[0]]
    share = f"{_good(best, rates)} of its {words.many} are good ({own})"
    reach = (
        f"they reach {_percent(best['coverage'] if 'coverage' in best.scalars else 0)} of the data"
    )
    if working:
        text = f"Sample with {free[0]}: {share}, and {reach}."
        others = [f"{k} ({_percent(rates.of(k))} good)" for k in working[1:]]
        text += f" Next: {', '.join(others)}." if others else ""
    else:
        text = f"Do not sample here: even of {free[0]}, the best of {len(free)}, only {share}."
    text += f" Good is what is better than the worst {100 * GOOD:.0f} % of held-out data."
    return Finding("note", text, {label: rates.of(label) for label in rates.samplers})


def _copies(rates: Rates, labels: Sequence[str]) -> Finding:
    found = {label: float(rates.results[label]["copied"]) for label in labels}
    named = ", ".join(f"{label} ({_percent(share)})" for label, share in found.items())
    text = (
        f"These draws are copies of rows of the data: {named}. They are good because the data are,"
        " and show nothing new."
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
        if not len(missed) and result["coverage_interval"][1] >= 0.5:
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
    text = f"The test was tested: of junk made of the data pass for good: {named}."
    return Finding("note", text, shares)


def _good(result: Result, rates: Rates) -> str:
    share, low, high = rates.table([result], "good")[:, 0]
    return f"{_percent(share)} (95 % interval {_percent(low, '')} to {_percent(high)})"


def _percent(share: float, unit: str = " %") -> str:
    """Return a share in percent, rounded to whole ones, and no finer than to a tenth."""
    percent = 100 * float(np.clip(share, 0, 1))
    return f"{percent:.0f}{unit}" if percent >= 1 or percent == 0 else f"{percent:.1f}{unit}"
