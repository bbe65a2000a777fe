"""Finds out whether a model wants other data than it gets: changed ones, or in another unit.

A signature is chosen among known conventions. A model may have been trained with others, and
explain some of the data all the same, with z-points that are wrong.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from latent_analyze_adapters.models.signatures.runs import some_rows
from latent_analyze_adapters.models.signatures.scores import (
    Score,
    distances,
    fitted,
    squared_errors,
)
from latent_analyze_adapters.models.signatures.trial import Way, as_data
from latent_analyze_adapters.models.signatures.values import Scaling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from latent_analyze.plugin import Sample
    from latent_analyze_adapters.models.signatures.trial import Tried

    Values = NDArray[np.float32]

GOOD = 0.9
"""Nothing is in doubt if that much is explained."""

LITTLE, MUCH, SURELY = 0.03, 0.1, 3.0
"""How much more changed data, and values in another unit, must explain; and how many standard
errors of the difference that must be."""

SOME = 0.2
"""What they must explain at least."""

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Sizes of values that are tried, over the one of the signature."""

LARGE = 20.0
"""Counts reach that far; logarithms of them are usual."""

TIMES = (0.125, 0.18, 0.25, 0.35, 0.5, 0.7, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
"""Factors between encoder and decoder that are tried."""

RUNS = 9 + 3 * len(FACTORS) + 2 * len(TIMES)
"""How often the rows go through encoder and decoder."""

MOST_NAMED = 12
"""Classes that a message names."""

SEED = 5


class Change(NamedTuple):
    """A change of the data: what they are then, what to do, and the change."""

    what: str
    advice: str
    make: Callable[[Values], Values]


class Doubt(NamedTuple):
    """What explains more, and that in words."""

    score: Score
    text: str


def doubt(chosen: Tried, sample: Sample, rows: int, *, units: bool) -> str:
    """Return what explains the data much better than a signature, or an empty text.

    Parameters
    ----------
    chosen
        The signature.
    sample
        The data.
    rows
        How many of them are tried.
    units
        Whether values may go in in other units: neither the files nor anybody states them.
    """
    if chosen.explained >= GOOD or rows < 2:
        return ""
    part = slice(rows)
    sample = replace(
        sample, x=sample.x[part], labels=some_rows(sample.labels, part),
        inputs=some_rows(sample.inputs, part),
    )  # fmt: skip
    if problem := labels_in_doubt(chosen, sample):
        return problem
    found = [*_changed(chosen, sample), *_scaled(chosen, sample)]
    found += _in_units(chosen, sample) if units else ()
    best = max(found, key=lambda one: one.score.explained, default=None)
    return best.text if best else ""


def labels_in_doubt(chosen: Tried, sample: Sample) -> str:
    """Return that a model knows as much without the right labels, or an empty text.

    One that has little use for labels returns nearly the same whatever they are.
    """
    spec, decoder = chosen.way.encoder.spec, chosen.decoder.network.spec
    inputs = {label: name for name, label in {**decoder.columns, **spec.columns}.items()}
    names = sorted(inputs.keys() & sample.labels.keys())
    if not names:
        return ""
    order = np.random.default_rng(SEED).permutation(len(sample.x))
    mixed = {k: v[order] if k in names else v for k, v in sample.labels.items()}
    given = _score(chosen, sample, chosen.way.scaling)
    other = _score(chosen, replace(sample, labels=mixed), chosen.way.scaling)
    lead, error = given.lead(other)
    changes = np.nanmean(np.abs(given.errors - other.errors))
    if lead > SURELY * error or not changes > LITTLE * given.far.mean():
        return ""
    shares = [max(one.explained, 0) for one in (other, given)]
    classes = " ".join(
        f"--signature 'classes.{inputs[name]}={_texts(sample.labels[name])}'" for name in names
    )
    return (
        f"Labels of other rows explain as much ({shares[0]:.0%} of the variance, {shares[1]:.0%} "
        f"with those of {' and '.join(map(repr, names))}): the model may number its classes in "
        f"another way. List the labels in the order of its classes, as in {classes}."
    )


def _texts(labels: NDArray[np.generic]) -> str:
    """Return the different labels as a list of texts, or its beginning."""
    found = sorted(dict.fromkeys(labels.tolist()))
    more = ", ..." if len(found) > MOST_NAMED else ""
    return f"[{', '.join(json.dumps(str(one)) for one in found[:MOST_NAMED])}{more}]"


def _changed(chosen: Tried, sample: Sample) -> Iterator[Doubt]:
    """Yield what explains more with changed data."""
    plain = _score(chosen, sample, chosen.way.scaling)
    # Where nothing explains the data, the signature is only the simplest one.
    ways = [(chosen.way.scaling, chosen.output)] if plain.explained > SOME else []
    ways += [(Scaling(), Scaling())]
    for what, advice, make in _changes(sample):
        changed = replace(sample, x=np.ascontiguousarray(make(sample.x), np.float32))
        for scaling, end in ways:
            other = _score(chosen, changed, scaling, end)
            if _is_better(other, plain, LITTLE):
                yield Doubt(other, _text(other, plain, what, advice))


def _changes(sample: Sample) -> Iterator[Change]:
    shape = sample.x.shape[1:]
    if sample.kind != "images":
        if sample.x.min() >= 0 and sample.x.max() > LARGE:
            yield Change("logarithms of 1 + values", "try numpy.log1p(x) as data", np.log1p)
        return
    yield Change("black and white swapped", "invert the images", lambda x: 1 - x)
    if shape[-1] == 3:
        advice = "reverse the channels of the images"
        yield Change("channels in the order blue, green, red", advice, lambda x: x[..., ::-1])
    if shape[0] == shape[1]:
        advice = "transpose the images"
        yield Change("rows and columns swapped", advice, lambda x: x.transpose(0, 2, 1, 3))


def _in_units(chosen: Tried, sample: Sample) -> Iterator[Doubt]:
    """Yield what explains more with values in other units, whatever those are that come out."""
    given, same = chosen.way.scaling, chosen.output.is_same(chosen.way.scaling)
    role = "" if same and chosen.output.activation is None else "encoder"
    plain = _score(chosen, sample, given, fit=True)
    for scaling in _units(given, sample):
        other = _score(chosen, sample, scaling, fit=True)
        if _is_better(other, plain, MUCH):
            advice = f"try {scaling.flags(role)}"
            yield Doubt(other, _text(other, plain, "values in another unit", advice))


def _scaled(chosen: Tried, sample: Sample) -> Iterator[Doubt]:
    """Yield what explains more with another factor between encoder and decoder."""
    if chosen.mean.codes or "scale" in chosen.decoder.network.spec.model_fields_set:
        return
    given = chosen.way.scaling
    plain = _score(chosen, sample, given)
    # A wrong factor is undone in part by values that go in in another format than they come out.
    ways = [(given, MUCH), *([(chosen.output, LITTLE)] if chosen.is_mixed else [])]
    for (scaling, margin), times in product(ways, TIMES):
        other = _score(chosen, sample, scaling, times=times)
        if _is_better(other, plain, margin):
            what = f"z-points about {times:g} times as large before the decoder"
            advice = f"state its scaling factor: --signature decoder.scale={times:g}"
            yield Doubt(other, _text(other, plain, what, advice))


def _units(given: Scaling, sample: Sample) -> Iterator[Scaling]:
    """Yield maps that give other values: of another size, and as they are, from 0, or around it."""
    mean, std = np.array(given.mean or (0.0,)), np.array(given.std or (1.0,))
    low, high = given.range
    values = (sample.x * (high - low) + low - mean) / std
    for shift in dict.fromkeys((0.0, -float(values.mean()), -float(values.min()))):
        for factor in FACTORS:
            # factor * (value + shift)
            if factor != 1 or shift:
                yield _unit(given, tuple(mean - shift * std), tuple(std / factor))


def _unit(given: Scaling, mean: tuple[float, ...], std: tuple[float, ...]) -> Scaling:
    """Return a map: as a range if it is one."""
    if given.mean is None and len(mean) == 1 and len(std) == 1:
        low, high = ((v - mean[0]) / std[0] for v in given.range)
        return Scaling((float(low), float(high)))
    return Scaling(given.range, tuple(map(float, mean)), tuple(map(float, std)))


def _score(
    chosen: Tried, sample: Sample, scaling: Scaling, end: Scaling | None = None, *,
    fit: bool = False, times: float = 1.0,
) -> Score:  # fmt: skip
    """Return how much of the rows is explained; with `fit`, by what comes out in any unit.

    `times` is a factor before the decoder.
    """
    x, far = sample.x, distances(sample.x)
    way = Way(chosen.way.encoder, scaling)
    way.run(sample, len(x))
    mu = chosen.mean.take(way.outputs) * np.float32(times)
    raw = chosen.route.decode(mu, sample.columns)
    if raw is None or len(raw) != len(x):
        return Score(np.full(len(x), np.nan), far)
    decoded = as_data(chosen.decoder, end or chosen.output, raw)
    return Score(squared_errors(fitted(decoded, x) if fit else decoded, x), far)


def _is_better(other: Score, plain: Score, margin: float) -> bool:
    lead, error = other.lead(plain)
    return other.explained >= SOME and lead > max(SURELY * error, margin)


def _text(other: Score, plain: Score, what: str, advice: str) -> str:
    return (
        f"The model may want other data: {other.explained:.0%} of the variance are explained with "
        f"{what}, {max(plain.explained, 0):.0%} without. If so, {advice}."
    )
