"""The trial: round trips with more and more rows, from which what is surely worse drops out.

Which signatures drop out, and when, depends on their results alone. How long a model takes only
decides with how many rows the trial ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.signatures.choosing import near, rivals, simplest, survivors
from latent_analyze_adapters.models.signatures.decoders import PUBLISHED_COST
from latent_analyze_adapters.models.signatures.runs import FEW, Speed, some_rows, speed_of
from latent_analyze_adapters.models.signatures.scores import Score, distances
from latent_analyze_adapters.models.signatures.trial import Last, Route, Tried

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from latent_analyze.plugin import Sample
    from latent_analyze_adapters.models.signatures.pools import Pool
    from latent_analyze_adapters.models.signatures.values import Scaling

BUDGET, MORE = 6.0, 6.0
"""Seconds that a trial may take, counted from the measured time per row; and how many more if it
would end with two signatures that are too near to tell."""

ROUNDS = (FEW, 16, 32, 64, 128, 300)
"""Rows of each round: the first is run whatever it costs, the others if the budget allows."""

TURNS = 4
"""How often the best signatures of the first round are changed in one choice."""

LEADERS = 3
"""How many of them are changed."""

SURE = 0.3
"""A signature that explains at least this is no coincidence."""

MOST_ROUTES = 12
"""Round trips that go on after a round, at most."""


@dataclass(frozen=True)
class Raced:
    """The outcome of a trial.

    Attributes
    ----------
    tried
        All signatures that were tried, best first.
    simplest
        The one with the fewest unusual choices.
    rows
        Rows on which the best were tried.
    seconds
        Time that was counted.
    speed
        That of the decoder of the best one.
    """

    tried: list[Tried]
    simplest: Tried
    rows: int
    seconds: float
    speed: Speed

    def rows_within(self, seconds: float) -> int:
        """Return how many rows, of those of a round, the decoder takes in some time."""
        return max((n for n in ROUNDS if self.speed.seconds(n) <= seconds), default=ROUNDS[0])


class Race:
    """Tries the signatures of some pools on the data.

    The first round changes one choice at a time: it begins with what is likely, and goes on from
    the best so far until nothing near it is left. The later rounds take more rows and fewer
    signatures (successive halving: Karnin, Koren & Somekh 2013; dropping what is surely worse:
    Maron & Moore 1994).
    """

    def __init__(
        self,
        pools: Sequence[Pool],
        sample: Sample,
        *,
        budget: float = BUDGET,
        more: float = MORE,
    ) -> None:
        self._pools, self._sample = {pool.encoder: pool for pool in pools}, sample
        self._budget, self._more = budget, more
        self._decoders: dict[object, Speed] = {}
        self._seen: set[tuple[object, ...]] = set()
        self._spent = sum(pool.speed.seconds(FEW) for pool in pools) + pools[0].speed.seconds(FEW)

    def run(self) -> Raced:
        """Return what was tried.

        Raises
        ------
        ModelError
            If the decoder does not return one row for each z-point.
        """
        tried = self._first_round()
        plain, out = min(tried, key=lambda t: t.cost), list[Tried]()
        for rows in ROUNDS[1:]:
            kept, rows = self._within(tried, rows), min(rows, len(self._sample.x))
            if not kept or rows <= tried[0].route.rows:
                break
            chosen, again = simplest(tried), self._try(_ends_of(kept), rows)
            change = _change(chosen, again)
            # What drops out explains as much less than the choice as it did on fewer rows.
            out = [_moved(t, change) for t in [*out, *(t for t in tried if t not in kept)]]
            tried = again
        speed = self._decoder(tried[0].route)
        return Raced(_sorted([*tried, *out]), plain, tried[0].route.rows, self._spent, speed)

    def _first_round(self) -> list[Tried]:
        """Try what is likely on a few rows, and then what is near the best."""
        pools, rows = self._pools.values(), min(FEW, len(self._sample.x))
        tried = self._try(self._unseen(r for pool in pools for r in pool.first()), rows)
        for _ in range(TURNS):
            more = self._unseen(self._next(tried))
            if tried and not more:
                break
            tried = _sorted([*tried, *self._try(more, rows)])
        if not tried:
            raise ModelError(
                "a decoder that returns one row for each z-point", found="outputs of another size",
                next_step="export it with a free batch axis",
            )  # fmt: skip
        return tried

    def _next(self, tried: Sequence[Tried]) -> Iterator[Route]:
        """Yield what is near the best signatures, and near the one that follows the data best."""
        is_sure = tried and tried[0].explained >= SURE and tried[0].scale.cost < PUBLISHED_COST
        if not is_sure:
            for pool in self._pools.values():
                yield from pool.all_pairs()
        best = dict.fromkeys(t.route for t in survivors(tried)) if tried else {}
        following = [max((t.route for t in tried), key=_follows)] if tried else []
        for route in dict.fromkeys([*list(best)[:LEADERS], *following]):
            yield from self._pools[route.way.encoder].near(route)

    def _unseen(self, routes: Iterable[Route]) -> dict[Route, Sequence[Scaling]]:
        """Return the routes that were not tried yet, with all that the output may go through."""
        found: dict[Route, Sequence[Scaling]] = {}
        for route in routes:
            key = (route.way, route.mean, route.decoder, route.scale)
            if key not in self._seen:
                self._seen.add(key)
                found[route] = self._pools[route.way.encoder].ends
        return found

    def _try(self, routes: Mapping[Route, Sequence[Scaling]], rows: int) -> list[Tried]:
        """Return the signatures of some routes on the first rows, best first."""
        far, found, last = distances(self._sample.x[:rows]), list[Tried](), Last()
        for route, ends in routes.items():
            encoded, decoded, runs = route.way.rows, route.rows, last.runs
            route.run(self._sample, rows, ends, last)
            self._spent += self._pools[route.way.encoder].speed.seconds(max(rows - encoded, 0))
            # The first call measures the decoder, which takes time as well.
            decoder = self._decoder(route)
            self._spent += decoder.seconds(rows - decoded) if last.runs > runs else 0.0
            scores = ((end, Score(errors, far)) for end, errors in route.errors.items())
            found += [Tried(route, end, score, score.explained) for end, score in scores]
        return _sorted(found)

    def _within(self, tried: Sequence[Tried], rows: int) -> list[Tried]:
        """Return what goes into a round, as far as the budget allows."""
        rows, kept = min(rows, len(self._sample.x)), self._kept(tried)
        if self._spent + self._seconds(kept, rows) <= self._budget:
            return kept
        chosen = simplest(tried)
        found = rivals(chosen, near(chosen, tried))
        kept = [chosen, *found] if found else []
        within = self._spent + self._seconds(kept, rows) <= self._budget + self._more
        return [t for t in tried if t in kept] if within else []

    def _kept(self, tried: Sequence[Tried]) -> list[Tried]:
        """Return what goes into the next round."""
        kept = survivors(tried)
        routes = [simplest(tried).route, *(t.route for t in kept)]
        going_on = list(dict.fromkeys(routes))[:MOST_ROUTES]
        return [t for t in kept if t.route in going_on]

    def _seconds(self, kept: Sequence[Tried], rows: int) -> float:
        """Return how long it takes to try signatures on more rows."""
        routes = {t.route: t.route.rows for t in kept}
        ways = {t.way: t.way.rows for t in kept}
        found = sum(self._decoder(r).seconds(rows - before) for r, before in routes.items())
        encoders = (self._pools[w.encoder].speed for w in ways)
        return found + sum(
            speed.seconds(rows - before)
            for speed, before in zip(encoders, ways.values(), strict=True)
        )

    def _decoder(self, route: Route) -> Speed:
        """Return how long the decoder of a route takes, which is measured once."""
        session = route.decoder.session
        if session not in self._decoders:
            columns = self._sample.columns

            def run(rows: int) -> None:
                route.decode(route.mu[:rows], some_rows(columns, slice(rows)))

            speed = speed_of(run, route.decoder.network.plan)
            self._decoders[session] = speed
            self._spent += speed.seconds(FEW)
        return self._decoders[session]


def _ends_of(tried: Sequence[Tried]) -> dict[Route, list[Scaling]]:
    found: dict[Route, list[Scaling]] = {}
    for one in tried:
        found.setdefault(one.route, []).append(one.output)
    return found


def _follows(route: Route) -> float:
    return route.follows


def _change(chosen: Tried, again: Sequence[Tried]) -> float:
    """Return how much more a signature explains on more rows."""
    same = (t for t in again if t.route is chosen.route and t.output == chosen.output)
    found = next((t.explained - chosen.explained for t in same), 0.0)
    return found if np.isfinite(found) else 0.0


def _moved(tried: Tried, change: float) -> Tried:
    return replace(tried, explained=tried.explained + change)


def _sorted(tried: Iterable[Tried]) -> list[Tried]:
    return sorted(tried, key=lambda t: -t.explained)
