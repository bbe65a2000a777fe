"""One statistic held against one judge, over models, training seeds and seeds of draws."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sampling.drawn import Drawn, Opinion
from sampling.judge import Verdicts
from sampling.merit import (
    HELD_OUT,
    Figures,
    Floats,
    Scored,
    agreement,
    best_half,
    bootstrap,
    figures,
    rank,
    scored,
)
from sampling.space import Space, Z

HALVED = ("gmm50", "gmm10", "gaussian")
"""Samplers whose best half is looked at."""
SIMPLE = 1
"""The class whose share is reported: ones are the simplest digits."""

Statistic = Callable[[Space], Callable[[Z], Floats]]


def statistic_named(text: str) -> Statistic:
    """Import what `module:function` names."""
    module, _, name = text.partition(":")
    if not name:
        raise SystemExit(f"expected a statistic as module:function, found {text!r}")
    return getattr(importlib.import_module(module), name)


@dataclass(frozen=True)
class Trial:
    """One latent space, its draws, and one judge's opinion of them."""

    space: Space
    drawn: Drawn
    opinion: Opinion


Pair = tuple[Trial, dict[str, Floats]]
"""A trial, and the qualities of its sources and attacks."""
Computation = Callable[[dict[str, Scored]], Figures]


@dataclass(frozen=True)
class Outcome:
    """The figures of one statistic under one judge.

    Attributes
    ----------
    figures
        Means over the trials.
    intervals
        95 % intervals by a bootstrap over images and members of the judge.
    ceiling
        The same figures of one member of the judge under another.
    rates
        Source or attack -> (good rate of the statistic, of the judge, share of ambiguous images).
    """

    figures: Figures
    intervals: dict[str, tuple[float, float]]
    ceiling: Figures
    rates: dict[str, tuple[float, float, float]] = field(default_factory=dict)


def qualities(statistic: Statistic, space: Space, drawn: Drawn) -> dict[str, Floats]:
    """Return the quality of every z-point: its rank among the space's calibration rows."""
    score = statistic(space)
    known = np.asarray(score(space.calibration))
    return {name: rank(np.asarray(score(z)), known) for name, z in drawn.all.items()}


def compare(
    trials: Sequence[Trial], found: Sequence[dict[str, Floats]], *, resamples: int
) -> Outcome:
    """Hold qualities against the judge.

    Parameters
    ----------
    trials
        Of one model and one judge: other seeds of training and of draws.
    found
        The qualities of each trial, by source and attack.
    resamples
        Of the bootstrap.
    """
    classes = max(int(t.opinion.verdicts(HELD_OUT).label.max()) for t in trials) + 1
    compute = _computation(classes)
    pairs = list(zip(trials, found, strict=True))
    spans = [_intervals(pair, compute, resamples) for pair in pairs]
    return Outcome(
        _means([compute(_sources(pair)) for pair in pairs]),
        {n: _mean_span([s[n] for s in spans]) for n in spans[0]},
        _means([agreement(_by_member(trial), compute) for trial in trials]),
        _rates(pairs),
    )


def _sources(pair: Pair, members: Sequence[int] | None = None) -> dict[str, Scored]:
    trial, quality = pair
    return {n: scored(quality[n], trial.opinion.verdicts(n, members)) for n in trial.drawn.sources}


def _intervals(pair: Pair, compute: Computation, resamples: int) -> dict[str, tuple[float, float]]:
    members = len(pair[0].opinion.judge.members)
    return bootstrap(lambda m: _sources(pair, m), compute, members=members, resamples=resamples)


def _mean_span(spans: list[tuple[float, float]]) -> tuple[float, float]:
    low, high = np.mean(spans, axis=0)
    return float(low), float(high)


def _by_member(trial: Trial) -> dict[str, list[Verdicts]]:
    members = range(len(trial.opinion.judge.members))
    return {n: [trial.opinion.verdicts(n, [i]) for i in members] for n in trial.drawn.sources}


def _computation(classes: int) -> Computation:
    def compute(sources: dict[str, Scored]) -> Figures:
        found = figures(sources)
        for name in HALVED:
            half = best_half(sources[name], simple=SIMPLE, classes=classes)
            found |= {f"{name}, best half: {key}": value for key, value in half.items()}
        return found

    return compute


def _rates(pairs: Sequence[Pair]) -> dict[str, tuple[float, float, float]]:
    """Return the good rates of statistic and judge, and the share of ambiguous images."""
    rows = {}
    for name in pairs[0][0].drawn.all:
        values = []
        for trial, quality in pairs:
            verdicts = trial.opinion.verdicts(name)
            both = scored(quality[name], verdicts)
            values.append((both.called.mean(), both.rate, verdicts.ambiguous.mean()))
        called, judged, ambiguous = np.nanmean(values, axis=0)
        rows[name] = (float(called), float(judged), float(ambiguous))
    return rows


def _means(found: Sequence[Figures]) -> Figures:
    return {name: float(np.nanmean([one[name] for one in found])) for name in found[0]}
