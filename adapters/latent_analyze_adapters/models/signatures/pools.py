"""What is tried with an encoder: ways in, means, ways to open the decoder, and ends."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.signatures.code_choices import how_codes
from latent_analyze_adapters.models.signatures.codes import codes_in, takes_whole
from latent_analyze_adapters.models.signatures.decoders import (
    Found,
    Scale,
    find_decoder,
    open_decoders,
    scales_for,
)
from latent_analyze_adapters.models.signatures.encoders import drawn_outputs, scalings_for
from latent_analyze_adapters.models.signatures.outputs import Mean, means_for, stated_mean
from latent_analyze_adapters.models.signatures.runs import FEW, Half, Speed, speed_of
from latent_analyze_adapters.models.signatures.trial import Route, Way
from latent_analyze_adapters.models.signatures.values import (
    Scaling,
    activations,
    distinct,
    extent_of,
    families,
    scalings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from latent_analyze.plugin import Bundle, Choice, DecoderSpec, Sample
    from latent_analyze_adapters.models.configs import FolderConfig
    from latent_analyze_adapters.models.graph import Shape
    from latent_analyze_adapters.models.session import Facts
    from latent_analyze_adapters.models.session_cache import SessionCache
    from latent_analyze_adapters.models.signatures.encoders import OpenEncoder
    from latent_analyze_adapters.models.signatures.outputs import Outputs

UNLIKELY = 3.0
"""A mean that costs that much is named as something else."""


class Pair(NamedTuple):
    """What may be the mean, and the decoder opened for it."""

    mean: Mean
    decoder: Half

    @property
    def likely(self) -> bool:
        """Whether it is tried at once."""
        return self.decoder.likely and self.mean.cost < UNLIKELY


@dataclass(frozen=True, eq=False)
class Pool:
    """What is tried with an encoder in one layout.

    Attributes
    ----------
    encoder, drawn, speed
        The encoder, its random outputs, and how long it takes.
    ways, pairs, scales, ends
        How the data go in, what is the mean and how the decoder takes it, what is done to it
        before, and what the decoder's output goes through.
    choices
        What further inputs of the decoder get.
    """

    encoder: OpenEncoder
    drawn: set[str]
    speed: Speed
    ways: Sequence[Way]
    pairs: Sequence[Pair]
    scales: Sequence[Scale]
    ends: Sequence[Scaling]
    choices: Sequence[Choice]

    def first(self) -> Iterator[Route]:
        """Yield what is tried first: one of the ways in that are alike, and likely pairs."""
        for way in self._first_ways():
            for pair in self._likely():
                yield Route(way, *pair, self.scales[0])

    def all_pairs(self) -> Iterator[Route]:
        """Yield all pairs, with the way in that is most harmless if it is wrong."""
        # Values that are too small leave a network where it is nearly linear.
        way = min(self.ways, key=lambda way: abs(way.scaling.ends(0.0, 1.0)).max())
        return (Route(way, *pair, self.scales[0]) for pair in self.pairs)

    def near(self, route: Route) -> Iterator[Route]:
        """Yield the routes that differ from one in the mean, or else in the units of its values.

        Ways in and scales go together: what one does wrong, another one may undo in part.
        """
        first, pair, scale = self._first_ways(), Pair(route.mean, route.decoder), route.scale
        for way in self.ways:
            scales = _unlike(self.scales) if way in first else []
            more = [scale] if way.family == route.way.family else []
            for other in dict.fromkeys([*scales, *more]):
                yield Route(way, *pair, other)
        for other in self.scales:
            if other.is_like(scale):
                yield Route(route.way, *pair, other)
        for likely in self._likely():
            yield Route(route.way, *likely, scale)

    def _first_ways(self) -> list[Way]:
        return list({way.family: way for way in reversed(self.ways)}.values())[::-1]

    def _likely(self) -> list[Pair]:
        return [pair for pair in self.pairs if pair.likely] or list(self.pairs)


@dataclass(frozen=True)
class Makings:
    """What pools are made of.

    Attributes
    ----------
    cache
        Opens the files.
    bundle, facts, config
        What is stated, what the graph shows, and what other files state.
    sample
        Rows of the data.
    """

    cache: SessionCache
    bundle: Bundle
    facts: Facts
    sample: Sample
    config: FolderConfig

    def pool(
        self, encoder: OpenEncoder, spec: DecoderSpec, others: Sequence[Pool] = ()
    ) -> Pool | None:
        """Return what is tried with an encoder and a decoder.

        It is None if the encoder gives the same in one of the other layouts, as one that flattens
        gray images does. In any layout it is as fast, and the same outputs are random.

        Raises
        ------
        ModelError
            If they do not run, or do not fit each other.
        """
        assert self.bundle.encoder is not None
        sample = self.sample
        every = scalings_for(
            encoder, self.bundle.encoder, sample, facts=self.facts, config=self.config
        )
        numbers = families(every, extent_of(sample.x))
        ways = [Way(encoder, *one) for one in zip(every, numbers, strict=True)]
        ways[0].run(sample, min(FEW, len(sample.x)))
        if any(same_outputs(ways[0], pool.ways[0], pool.drawn) for pool in others):
            return None
        other = next(iter(others), None)
        drawn, speed = (other.drawn, other.speed) if other else measured(ways[0], sample)
        drawn = drawn | self.facts.drawn
        pairs, choices = self._pairs(ways[0], drawn, spec)
        latent = pairs[0].mean.take(ways[0].outputs).shape[1:]
        scales = scales_for(spec, self.config.numbers, latent)
        if pairs[0].mean.codes:
            scales = scales[:1]
        return Pool(
            encoder, drawn, speed, ways, pairs, scales,
            self._ends(every, pairs, spec), choices,
        )  # fmt: skip

    def _ends(
        self, every: Sequence[Scaling], pairs: Sequence[Pair], spec: DecoderSpec
    ) -> list[Scaling]:
        """Return what the decoder's output may go through."""
        if spec.model_fields_set & {"range", "mean", "std", "activation"}:
            text = "values as stated"
            return [Scaling(spec.range, spec.mean, spec.std, spec.activation, text=text)]
        names = {name for _, half in pairs for name in half.network.plan.outputs}
        outputs = pairs[0].decoder.session.graph.outputs
        dtypes = sorted(t.dtype for t in outputs if t.name in names)
        dtype = next((d for d in dtypes if d.startswith("float")), dtypes[0])
        low, high = extent_of(self.sample.x)
        # The encoder may be known to take one format; the decoder may give another.
        found = distinct([*every, *scalings(self.sample, "float32", self.config.values)])
        return activations(found, dtype, bounded=low >= 0 and high <= 1)

    def _pairs(
        self, way: Way, drawn: set[str], spec: DecoderSpec
    ) -> tuple[list[Pair], list[Choice]]:
        """Return what may be the mean, each with the decoder opened for it."""
        outputs, stated = way.outputs, self.bundle.encoder
        assert stated is not None
        known = stated_mean(stated, outputs)
        decoder = find_decoder(self.cache, spec, self.sample, self._first_shape(outputs, known))
        means = [known] if known else self._means(outputs, drawn, decoder)
        how_codes(means[0], outputs, stated, self.facts, whole_input=takes_whole(decoder.dtype))
        pairs: list[Pair] = []
        errors: list[ModelError] = []

        def shape_of(mean: Mean) -> Shape:
            return self._shape_of(mean, outputs)

        for latent, group in groupby(sorted(means, key=shape_of), key=shape_of):
            try:
                halves = open_decoders(
                    self.cache, decoder, self.sample, latent=latent, prefer=way.layout
                )
            except ModelError as error:
                errors.append(error)
                continue
            pairs += [Pair(mean, half) for mean in group for half in halves]
        if not pairs:
            raise errors[0]
        return sorted(pairs, key=lambda pair: means.index(pair.mean)), decoder.choices

    def _means(self, outputs: Outputs, drawn: set[str], decoder: Found) -> list[Mean]:
        """Return what may be the mean, by the shape of z-points that the decoder takes."""
        stated = self.bundle.encoder
        assert stated is not None
        latent = tuple(n for n in decoder.taken if n is not None)
        if not latent or len(latent) < len(decoder.taken):
            return [Mean(name) for name in _candidates(outputs) if name not in drawn]
        means = means_for(
            outputs, drawn, latent, codes=codes_in(outputs, stated),
            whole_input=takes_whole(decoder.dtype),
        )  # fmt: skip
        if "mean_half" not in stated.model_fields_set:
            return means
        return [m for m in means if m.axis is None or m.half == stated.mean_half] or means

    def _shape_of(self, mean: Mean, outputs: Outputs) -> Shape:
        """Return the shape of a z-point: as stated, or as the encoder gives it."""
        shape, stated = mean.take(outputs).shape[1:], self.bundle.latent_shape
        fits = stated is not None and math.prod(stated) == math.prod(shape)
        return stated if fits and stated is not None else shape

    def _first_shape(self, outputs: Outputs, known: Mean | None) -> Shape | None:
        """Return the shape of a z-point if the first output holds it."""
        mean = known or next((Mean(name) for name in _candidates(outputs)), None)
        return None if mean is None else self._shape_of(mean, outputs)


def _candidates(outputs: Outputs) -> list[str]:
    """Return the outputs of numbers; whole ones only if there are no others."""
    floats = [name for name, values in outputs.items() if values.dtype.kind == "f"]
    return floats or [name for name, values in outputs.items() if values.dtype.kind in "iu"]


def _unlike(scales: Sequence[Scale]) -> list[Scale]:
    """Return the first of the scales that are alike."""
    found: list[Scale] = []
    for scale in scales:
        if not any(scale.is_like(other) for other in found):
            found.append(scale)
    return found


def same_outputs(first: Way, second: Way, drawn: set[str]) -> bool:
    """Whether two encoders give the same but for what is random; there must be anything else."""
    names = first.outputs.keys() - drawn
    return names == second.outputs.keys() - drawn != set() and all(
        np.array_equal(first.outputs[name], second.outputs[name], equal_nan=True) for name in names
    )


def measured(way: Way, sample: Sample) -> tuple[set[str], Speed]:
    """Run a way in on a few rows; return the random outputs, and how long the encoder takes."""
    encoder, last = way.encoder, min(FEW, len(sample.x))
    way.run(sample, last)
    again: dict[int, Outputs] = {}

    def run(rows: int) -> None:
        again[rows] = encoder.run(sample, slice(rows), way.scaling)

    speed = speed_of(run, encoder.half.network.plan)
    return drawn_outputs(way.outputs, again[FEW]), speed
