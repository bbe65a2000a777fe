"""Finds the signature of a model for the data at hand: graph before trial, trial before name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Choice, ModelError, Signature
from latent_analyze_adapters.models.signatures import choosing, describing
from latent_analyze_adapters.models.signatures.code_choices import how_codes
from latent_analyze_adapters.models.signatures.codes import codes_in, takes_whole
from latent_analyze_adapters.models.signatures.decoders import (
    filled_spec,
    latent_input,
    open_decoders,
    scales_for,
)
from latent_analyze_adapters.models.signatures.encoders import (
    OpenEncoder,
    drawn_outputs,
    open_encoders,
    rows_for,
    scalings_for,
    ways_in,
)
from latent_analyze_adapters.models.signatures.outputs import Mean, mean_alone, means_for
from latent_analyze_adapters.models.signatures.runs import MOST, rows_to_try
from latent_analyze_adapters.models.signatures.spread import spread_of
from latent_analyze_adapters.models.signatures.trial import (
    Half,
    Pool,
    Scale,
    Tried,
    Way,
    best_shuffled,
)
from latent_analyze_adapters.models.signatures.values import (
    Scaling,
    activations,
    distinct,
    exact,
    scalings,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, Known, Sample
    from latent_analyze_adapters.models.session import Facts
    from latent_analyze_adapters.models.session_cache import SessionCache
    from latent_analyze_adapters.models.signatures.outputs import Outputs

FAR_BEHIND = 0.2
"""What explains less than the best on the first rows, by this much, is given up."""

SURE = 0.3
"""A signature that explains at least this needs no comparison with shuffled axes."""


@dataclass(frozen=True)
class Round:
    """What was tried with an encoder: random outputs, rows, scores, and further inputs."""

    encoder: OpenEncoder
    drawn: set[str]
    x: NDArray[np.float32]
    tried: list[Tried]
    simplest: Tried
    choices: list[Choice]


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
        Numbers of a config.json beside the files.
    """

    cache: SessionCache
    bundle: Bundle
    facts: Facts
    sample: Sample
    config: Mapping[str, float] = field(default_factory=dict)

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
        every = scalings_for(encoder, self.stated, self.sample, self.facts)
        scaling, choice = describing.values_alone(every, self.stated, self.sample, self.facts)
        x = self.sample.x[:MOST]
        way = ways_in(encoder, [scaling], x, self.sample)[0]
        drawn = drawn_outputs(encoder, way, x, self.sample)
        drawn |= self.facts.drawn
        halves = Mean("", self.stated.halves_axis, self.stated.mean_half)
        mean, why = self._stated_mean(way.outputs) or mean_alone(
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
        rounds, errors = [], []
        for encoder in encoders:
            try:
                rounds.append(self._round(encoder, spec))
            except ModelError as error:
                errors.append(error)
        if not rounds:
            raise errors[0]
        best = max(rounds, key=lambda one: one.tried[0].explained)
        # Where nothing explains the data, noise must not choose the layout.
        usual = best.tried[0].explained < choosing.LEAST_EXPLAINED
        return self._decided(rounds[0] if usual else best)

    def _round(self, encoder: OpenEncoder, spec: DecoderSpec) -> Round:
        """Try everything on a few rows, and what is not far behind the best on all."""
        sample, half = self.sample, encoder.half
        first, last = rows_to_try(half.session, half.network.plan, sample)
        x, few = sample.x[:last], sample.x[:first]
        every = scalings_for(encoder, self.stated, sample, self.facts)
        ways = ways_in(encoder, every, few, sample)
        drawn = drawn_outputs(encoder, ways[0], few, sample)
        pool, choices = self._pool(encoder, ways, drawn, spec)
        tried = pool.try_on(ways, few, sample.columns)
        simplest = min(tried, key=lambda t: t.cost)
        if len(x) > len(few):
            kept = [t for t in tried if t.explained >= tried[0].explained - FAR_BEHIND]
            scalings = list(dict.fromkeys(t.way.scaling for t in kept))
            ways = ways_in(encoder, scalings, x, sample)
            tried = pool.among(kept).try_on(ways, x, sample.columns)
        return Round(encoder, drawn, x, tried, simplest, choices)

    def _pool(
        self, encoder: OpenEncoder, ways: list[Way], drawn: set[str], spec: DecoderSpec
    ) -> tuple[Pool, list[Choice]]:
        """Return what is tried besides the ways in, and what further inputs of the decoder get."""
        means, decoders, choices = self._halves(encoder, ways[0], drawn, spec)
        latent = means[0].take(ways[0].outputs).shape[1:]
        if spec.model_fields_set & {"range", "mean", "std", "activation"}:
            stated = Scaling(
                spec.range, spec.mean, spec.std, spec.activation, text="values as stated"
            )
            ends = [stated]
        else:
            names = {name for half in decoders for name in half.network.plan.outputs}
            outputs = decoders[0].session.graph.outputs
            dtypes = sorted(t.dtype for t in outputs if t.name in names)
            dtype = next((d for d in dtypes if d.startswith("float")), dtypes[0])
            x = self.sample.x
            bounded = bool(x.min(initial=0) >= 0 and x.max(initial=0) <= 1)
            # The encoder may be known to take one format; the decoder may give another.
            every = [*(way.scaling for way in ways), *scalings(self.sample, "float32")]
            ends = activations(distinct(every), dtype, bounded=bounded)
        scales = [Scale()] if means[0].codes else scales_for(spec, self.config, latent)
        return Pool(means, decoders, scales, ends), choices

    def _halves(
        self, encoder: OpenEncoder, way: Way, drawn: set[str], spec: DecoderSpec
    ) -> tuple[list[Mean], list[Half], list[Choice]]:
        """Return what may be the mean, and the decoder opened for it."""
        cache, sample = self.cache, self.sample
        known = self._stated_mean(way.outputs)
        guess = known[0] if known else None
        kinds = "f" if any(v.dtype.kind == "f" for v in way.outputs.values()) else "fiu"
        shapes = {n: v.shape[1:] for n, v in way.outputs.items() if v.dtype.kind in kinds}
        row = guess.take(way.outputs).shape[1:] if guess else next(iter(shapes.values()), None)
        graph = cache.session(cache.file(spec), spec, row).graph
        main = latent_input(graph, spec, sample)
        changed, choices = filled_spec(graph, main, spec, sample)
        axes = main.shape[1:] if len(main.shape) > 1 else main.shape
        latent = tuple(n for n in axes if n is not None)
        if guess:
            means = [guess]
        elif len(latent) == len(axes) and latent:
            means = means_for(
                way.outputs, drawn | self.facts.drawn, latent,
                codes=codes_in(way.outputs, self.stated), whole_input=takes_whole(main.dtype),
            )  # fmt: skip
        else:
            means = [Mean(n) for n in shapes if n not in drawn | self.facts.drawn]
        whole = takes_whole(main.dtype)
        how_codes(means[0], way.outputs, self.stated, self.facts, whole_input=whole)
        first = means[0].take(way.outputs).shape[1:]
        same = [m for m in means if m.take(way.outputs).shape[1:] == first]
        if "mean_half" in self.stated.model_fields_set:
            same = [m for m in same if m.axis is None or m.half == self.stated.mean_half] or same
        shape = self.bundle.latent_shape or first
        return (
            same,
            open_decoders(cache, changed, sample, latent=shape, prefer=encoder.layout),
            choices,
        )

    def _decided(self, found: Round) -> Signature:
        tried, x, encoder = found.tried, found.x, found.encoder
        best = tried[0]
        problem = describing.too_alike(x)
        if not problem and best.explained < SURE:
            shuffled = best_shuffled(best, x, self.sample.columns)
            problem = describing.nothing_explains(best, shuffled)
        chosen = found.simplest if problem else choosing.choose(tried)
        chosen = self._exact(encoder, chosen, x)
        choices = describing.choices_of(chosen, tried, self.bundle, problem=problem)
        return describing.assemble(
            self.bundle, encoder, chosen.way, chosen.mean, chosen=chosen, tried=tried,
            spread=spread_of(
                chosen.mean, chosen.way.outputs, found.drawn, stated=self.stated, facts=self.facts
            ),
            facts=self.facts, problem=problem, rows=len(x), drawn=found.drawn,
            choices=[*choices, *encoder.choices, *found.choices],
        )  # fmt: skip

    def _exact(self, encoder: OpenEncoder, chosen: Tried, x: NDArray[np.float32]) -> Tried:
        """Return the signature with moments of all rows, if it normalizes by those of the data."""
        entry, end = (exact(s, self.sample) for s in (chosen.way.scaling, chosen.output))
        if (entry, end) == (chosen.way.scaling, chosen.output):
            return chosen
        ways = ways_in(encoder, [entry], x, self.sample)
        pool = Pool([chosen.mean], [chosen.decoder], [chosen.scale], [end])
        return pool.try_on(ways, x, self.sample.columns)[0]

    def _stated_mean(self, outputs: Outputs) -> tuple[Mean, str] | None:
        stated = self.stated
        if stated.mu is None:
            return None
        codes = stated.mu in codes_in(outputs, stated)
        return Mean(stated.mu, stated.halves_axis, stated.mean_half, codes), "stated"

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
        channels = self.config.get("latent_channels")
        return int(channels) if channels else None
