"""Chooses among signatures that were tried: the best, or the simplest of those as good as it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.signatures.outputs import undecided
from latent_analyze_adapters.models.signatures.trial import same_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from latent_analyze_adapters.models.signatures.trial import Tried

LEAST_EXPLAINED = 0.05
"""A signature that explains less of the variance explains nothing."""

TIE, TIE_SHARE = 0.03, 0.1
"""Signatures are as good as the best if they explain less by at most this, and at most this share
of what the best leaves unexplained."""

NEAR, NEAR_SHARE = 0.05, 0.25
"""The same for a best one that normalizes by moments of the data, which are never quite those of
the training data."""

SURELY = 3.0
"""Standard errors by which a difference must exceed a margin, to be more than chance. ImageNet's
moments, far more common than all others, need no margin against other published ones."""


NEGLIGIBLE = 0.001
"""By so little a less simple signature is better by chance of rounding, as where a linear model
explains everything in any units."""


def choose(tried: Sequence[Tried]) -> Tried:
    """Return the simplest signature that is as good as the best one.

    Raises
    ------
    ModelError
        If two of them are equally good and equally simple, but have different means.
    """
    equal, found = as_good(tried), simplest(tried)
    rivals = [t for t in equal if t.cost == found.cost and t.mean != found.mean]
    different = [t for t in rivals if not same_mean(t.mu, found.mu)]
    if different:
        shares = f"both explain {found.explained:.0%} of the variance"
        raise undecided([found.mean, different[0].mean], shares)
    return found


def simplest(tried: Sequence[Tried]) -> Tried:
    """Return the simplest signature that is as good as the best one, which comes first."""
    return min(as_good(tried), key=lambda t: (t.cost, -t.explained))


def near(chosen: Tried, tried: Sequence[Tried]) -> list[Tried]:
    """Return those as good as the best that put other values in, or in another layout.

    Their z-points are others, and values go in and out in one format if those of the choice do.
    What a file states needs no comparison.
    """
    if chosen.way.scaling.file:
        return []
    others = (t for t in as_good(tried) if t.mean == chosen.mean and _other_way(t, chosen))
    found = (t for t in others if not t.is_mixed or chosen.is_mixed)
    return [t for t in found if not same_mean(t.mu, chosen.mu)]


def rivals(chosen: Tried, others: Iterable[Tried], least: float = 0.0) -> list[Tried]:
    """Return those of others that may be right as well.

    One that is as simple may, unless it surely explains less, and less by `least`; of published
    normalizations, the usual one need not lead that surely. One that is less simple may if it
    surely explains more, and not only by rounding.
    """
    return [t for t in others if _contests(t, chosen, least)]


def not_worse(chosen: Tried, others: Iterable[Tried]) -> list[Tried]:
    """Return those of others that do not surely explain less."""
    return [t for t in others if _surely(chosen, t) <= 0]


def is_better(tried: Tried, other: Tried) -> bool:
    """Whether one surely explains more than the other."""
    return _surely(tried, other) > 0


def undecided_values(chosen: Tried, rival: Tried) -> ModelError:
    """Return the error for two signatures of which either may be right."""
    layouts = chosen.way.layout != rival.way.layout
    first, second = (
        f"{t.way.scaling.text}{f' as {t.way.layout}' * layouts} in, {t.explained:.1%} of the "
        "variance explained" for t in (chosen, rival)
    )  # fmt: skip
    return ModelError(
        "one signature that explains the data better than all others",
        found=f"two that are too near to tell: {first}, and {second}",
        next_step=f"say which: {_flags(chosen, rival)} or {_flags(rival, chosen)}",
    )


def _flags(one: Tried, other: Tried) -> str:
    """Return the options that state how values go in, as far as two signatures differ."""
    found = []
    if not one.way.scaling.is_same(other.way.scaling):
        found.append(one.way.scaling.flags("encoder" if one.is_mixed else ""))
    if one.way.layout != other.way.layout:
        found.append(f"--signature encoder.layout={one.way.layout}")
    return " ".join(found)


def _other_way(tried: Tried, chosen: Tried) -> bool:
    a, b = tried.way, chosen.way
    return not a.scaling.is_same(b.scaling) or a.layout != b.layout


def _contests(rival: Tried, chosen: Tried, least: float) -> bool:
    if rival.cost > chosen.cost:
        return _surely(rival, chosen) > NEGLIGIBLE
    lead, error = chosen.score.lead(rival.score)
    if chosen.way.scaling.usual and rival.way.scaling.moments is None:
        return lead <= SURELY * error
    return lead <= max(SURELY * error, least)


def as_good(tried: Sequence[Tried]) -> list[Tried]:
    """Return the signatures that are as good as the best one, which comes first."""
    best = tried[0]
    return [t for t in tried if t is best or best.explained - t.explained <= _margin(best)]


def survivors(tried: Sequence[Tried]) -> list[Tried]:
    """Return the signatures that may still be chosen if more rows are tried, the best one first.

    One is out if it is surely worse than the best, or if a simpler one, in which values are nearly
    the same, is surely as good.
    """
    best, chosen = tried[0], simplest(tried)
    groups: dict[tuple[object, ...], list[Tried]] = {}
    for one in tried:
        if _surely(best, one) <= NEAR:
            groups.setdefault((one.mean, one.way.family), []).append(one)
    kept = {t for group in groups.values() for t in _undecided(group)}
    return [t for t in tried if t in kept or t is chosen]


def _undecided(group: Sequence[Tried]) -> list[Tried]:
    """Return those of a group that may still be its choice."""
    chosen = simplest(group)
    if any(_perhaps(t, chosen) > _margin(t) for t in group):
        return list(group)
    return [t for t in group if t.cost <= chosen.cost]


def _surely(better: Tried, worse: Tried) -> float:
    """Return by how much one explains more than the other, at least."""
    lead, error = better.score.lead(worse.score)
    return lead - SURELY * error


def _perhaps(better: Tried, worse: Tried) -> float:
    """Return by how much one explains more than the other, at most."""
    lead, error = better.score.lead(worse.score)
    return lead + SURELY * error


def runner_up(chosen: Tried, tried: Sequence[Tried]) -> Tried | None:
    """Return the best signature that gives other means or other reconstructions."""
    others = (t for t in tried if t is not chosen and t.explained < chosen.explained - 1e-4)
    return next((t for t in others if not same_mean(t.mu, chosen.mu)), None)


def _margin(best: Tried) -> float:
    rest = 1 - best.explained
    if best.way.scaling.moments is not None:
        return min(NEAR, NEAR_SHARE * rest + 0.004)
    return min(TIE, TIE_SHARE * rest + 0.002)
