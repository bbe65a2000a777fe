"""Finds the signature of a model for the data at hand: graph before trial, trial before name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from latent_analyze.plugin import Choice, ModelError, Signature
from latent_analyze_adapters.models.configs import FolderConfig
from latent_analyze_adapters.models.signatures import choosing, describing
from latent_analyze_adapters.models.signatures.code_choices import how_codes
from latent_analyze_adapters.models.signatures.codes import codes_in
from latent_analyze_adapters.models.signatures.doubts import RUNS, doubt
from latent_analyze_adapters.models.signatures.encoders import (
    OpenEncoder,
    open_encoders,
    rows_for,
    scalings_for,
)
from latent_analyze_adapters.models.signatures.outputs import Mean, mean_alone, stated_mean
from latent_analyze_adapters.models.signatures.pools import Makings, Pool, measured
from latent_analyze_adapters.models.signatures.prior import by_prior
from latent_analyze_adapters.models.signatures.race import BUDGET, MORE, ROUNDS, SURE, Race, Raced
from latent_analyze_adapters.models.signatures.spread import Found, spread_of
from latent_analyze_adapters.models.signatures.trial import Tried, Way, best_shuffled, refitted
from latent_analyze_adapters.models.signatures.values import exact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, Known, Sample
    from latent_analyze_adapters.models.session import Facts
    from latent_analyze_adapters.models.session_cache import SessionCache
    from latent_analyze_adapters.models.signatures.outputs import Outputs

SHUFFLES, SHUFFLE_SECONDS = 8, 1.5
"""How often the axes of z-points are shuffled, to see what is explained all the same, and how long
that may take."""

DOUBT_ROWS, DOUBT_SECONDS = 64, 1.5
"""Rows that show whether the model wants other data, and how long that may take at most."""

LEAST_ROWS = 32
"""Rows of the encoder that show what the spread is."""


@dataclass
class Search:
    """The search for a signature, step by step.

    Attributes
    ----------
    cache
        Opens the files.
    bundle
        What is stated, and what the graph shows.
    facts
        What the graph shows besides.
    sample
        Rows of the data.
    config
        What JSON files next to the model state.
    budget
        Seconds that the trial may take.
    strict
        Whether it is an error that two signatures are equally good.
    seconds
        Those that the trial took.
    """

    cache: SessionCache
    bundle: Bundle
    facts: Facts
    sample: Sample
    config: FolderConfig = field(default_factory=FolderConfig)
    budget: float = BUDGET
    strict: bool = True
    seconds: float = field(default=0.0, init=False)

    @property
    def stated(self) -> EncoderSpec:
        """What is known about the encoder before the search."""
        assert self.bundle.encoder is not None
        return self.bundle.encoder

    def signature(self) -> Signature:
        """Return the signature.

        Raises
        ------
        ModelError
            If the data do not fit the files, or two signatures are equally good.
        """
        self.sample = rows_for(self.cache, self.stated, self.sample)
        shape = self.bundle.image_shape
        encoders = open_encoders(self.cache, self.stated, self.sample, shape)
        if self.bundle.decoder is None:
            return self._alone(encoders[0])
        return self._with_decoder(encoders, self.bundle.decoder)

    def _alone(self, encoder: OpenEncoder) -> Signature:
        """Without a decoder nothing can be tried: graph, names and the data's own range decide."""
        every = scalings_for(
            encoder, self.stated, self.sample, facts=self.facts, config=self.config
        )
        scaling, choice = describing.values_alone(every, self.stated, self.sample, self.facts)
        way = Way(encoder, scaling)
        drawn = measured(way, self.sample)[0] | self.facts.drawn
        way.run(self.sample, min(ROUNDS[-1], len(self.sample.x)))
        halves = Mean("", self.stated.halves_axis, self.stated.mean_half)
        known = stated_mean(self.stated, way.outputs)
        mean, why = (known, "stated") if known else mean_alone(
            way.outputs, drawn, self._channels, stated=None if halves.axis is None else halves,
            codes=codes_in(way.outputs, self.stated),
        )  # fmt: skip
        choices = [*encoder.choices, *choice, *self._mean_choice(mean, why, way.outputs)]
        return describing.assemble(
            self.bundle, encoder, way, mean, drawn=drawn,
            spread=spread_of(mean, way.outputs, drawn, stated=self.stated, facts=self.facts),
            choices=choices, facts=self.facts,
        )  # fmt: skip

    def _with_decoder(self, encoders: list[OpenEncoder], spec: DecoderSpec) -> Signature:
        makings = Makings(self.cache, self.bundle, self.facts, self.sample, self.config)
        pools, errors = list[Pool](), list[ModelError]()
        for encoder in encoders:
            try:
                pool = makings.pool(encoder, spec, pools)
            except ModelError as error:
                errors.append(error)
                continue
            pools += [pool] if pool else []
        if not pools:
            raise errors[0]
        found = Race(
            pools, self.sample, budget=self.budget, more=MORE if self.strict else 0.0
        ).run()
        problem = self._problem(found)
        self.seconds = found.seconds
        owners = {pool.encoder: pool for pool in pools}
        chosen = found.simplest if problem else self._chosen(found.tried, owners)
        own = owners[chosen.way.encoder]
        signature = self._decided(self._exact(chosen), found, own, problem)
        doubts = " ".join(filter(None, (problem, self._doubt(chosen, found, own))))
        return signature.model_copy(update={"problem": doubts})

    def _chosen(self, tried: list[Tried], pools: Mapping[OpenEncoder, Pool]) -> Tried:
        """Return the simplest of the best; that another may be right is an error, if strict."""
        if not self.strict:
            return choosing.simplest(tried)
        chosen = choosing.choose(tried)
        others = choosing.near(chosen, tried)
        spread = partial(self._spread_of, chosen.mean, pools[chosen.way.encoder].drawn)
        likely = by_prior(chosen, choosing.not_worse(chosen, others), spread)
        if choosing.is_better(likely, chosen):
            chosen, others = likely, choosing.near(likely, tried)
        least = refitted(chosen, self.sample) if others and self.sample.kind == "images" else 0.0
        rivals = choosing.rivals(chosen, others, least)
        rivals += [likely] if likely is not chosen else []
        if rivals:
            raise choosing.undecided_values(self._exact(chosen), self._exact(rivals[0]))
        return chosen

    def _spread_of(self, mean: Mean, drawn: set[str], way: Way) -> Found | None:
        """Return the spread, after the encoder ran on enough rows to show it."""
        way.run(self.sample, min(LEAST_ROWS, len(self.sample.x)))
        return spread_of(mean, way.outputs, drawn, stated=self.stated, facts=self.facts)

    def _problem(self, found: Raced) -> str:
        """Return why nothing explains the data, or an empty text."""
        problem, best = describing.too_alike(self.sample.x), found.tried[0]
        if problem or best.explained >= SURE:
            return problem
        rows = min(best.route.rows, found.rows_within(SHUFFLE_SECONDS / SHUFFLES))
        given, shuffled = best_shuffled(best, self.sample, rows=rows, times=SHUFFLES)
        return describing.nothing_explains(best, given, shuffled)

    def _doubt(self, chosen: Tried, found: Raced, pool: Pool) -> str:
        """Return what other data the model may want, or an empty text."""
        if not self.strict or describing.too_alike(self.sample.x):
            return ""
        most = min(DOUBT_ROWS, len(self.sample.x))
        seconds = RUNS * (pool.speed.seconds(most) + found.speed.seconds(most))
        units = len(pool.ways) > 1 and chosen.way.scaling.file == ""
        return doubt(chosen, self.sample, most, units=units) if seconds <= DOUBT_SECONDS else ""

    def _decided(self, chosen: Tried, found: Raced, pool: Pool, problem: str) -> Signature:
        spread = self._spread_of(chosen.mean, pool.drawn, chosen.way)
        choices = describing.choices_of(chosen, found.tried, self.bundle, problem=problem)
        return describing.assemble(
            self.bundle, pool.encoder, chosen.way, chosen.mean, spread=spread, chosen=chosen,
            tried=found.tried, problem=problem, rows=found.rows, drawn=pool.drawn,
            facts=self.facts, choices=[*choices, *pool.encoder.choices, *pool.choices],
        )  # fmt: skip

    def _exact(self, chosen: Tried) -> Tried:
        """Return the signature with moments of all rows, if it normalizes by those of the data."""
        entry, end = (exact(s, self.sample) for s in (chosen.way.scaling, chosen.output))
        route = replace(chosen.route, way=replace(chosen.way, scaling=entry))
        return replace(chosen, route=route, output=end)

    def _mean_choice(self, mean: Mean, why: str, outputs: Outputs) -> list[Choice]:
        shown, what = how_codes(mean, outputs, self.stated, self.facts)
        if self.stated.mu is not None:
            return []
        if mean.codes and why != "the first output":
            return [Choice(key="encoder.mu", value=mean.text, known=shown, why=what)]
        known: Known = "name" if why == "name" else "assumed"
        if why == "config.json":
            known = "data"
        return [
            Choice(key="encoder.mu", value=mean.text, known=known, why="" if why == "name" else why)
        ]

    @property
    def _channels(self) -> int | None:
        channels = self.config.numbers.get("latent_channels")
        return int(channels) if channels else None
