"""Chooses among signatures that were tried: the best, or the simplest of those as good as it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze_adapters.models.signatures.outputs import undecided
from latent_analyze_adapters.models.signatures.trial import same_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latent_analyze_adapters.models.signatures.trial import Tried

LEAST_EXPLAINED = 0.05
"""A signature that explains less of the variance explains nothing."""

TIE, TIE_SHARE = 0.03, 0.1
"""Signatures are as good as the best if they explain less by at most this, and at most this share
of what the best leaves unexplained."""

NEAR, NEAR_SHARE = 0.05, 0.25
"""The same for a best one that normalizes by moments of the data, which are never quite those of
the training data."""

MOMENTS_COST = 5.0


def choose(tried: Sequence[Tried]) -> Tried:
    """Return the simplest signature that is as good as the best one.

    Raises
    ------
    ModelError
        If two of them are equally good and equally simple, but have different means.
    """
    best = tried[0]
    equal = [t for t in tried if best.explained - t.explained <= _margin(best)]
    simplest = min(equal, key=lambda t: (t.cost, -t.explained))
    rivals = [t for t in equal if t.cost == simplest.cost and t.mean != simplest.mean]
    different = [t for t in rivals if not same_mean(t.mu, simplest.mu)]
    if different:
        shares = f"both explain {simplest.explained:.0%} of the variance"
        raise undecided([simplest.mean, different[0].mean], shares)
    return simplest


def runner_up(chosen: Tried, tried: Sequence[Tried]) -> Tried | None:
    """Return the best signature that gives other means or other reconstructions."""
    others = (t for t in tried if t is not chosen and t.explained < chosen.explained - 1e-4)
    return next((t for t in others if not same_mean(t.mu, chosen.mu)), None)


def _margin(best: Tried) -> float:
    rest = 1 - best.explained
    if best.way.scaling.cost >= MOMENTS_COST:
        return min(NEAR, NEAR_SHARE * rest + 0.004)
    return min(TIE, TIE_SHARE * rest + 0.002)
