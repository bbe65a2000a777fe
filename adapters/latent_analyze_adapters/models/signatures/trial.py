"""Round trips of some rows of the data with one signature, and what they explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze_adapters.models.network import to_decoder
from latent_analyze_adapters.models.signatures.runs import run_outputs, some_rows
from latent_analyze_adapters.models.signatures.scores import (
    Score,
    correlation,
    explained_of,
    fitted,
    squared_errors,
)
from latent_analyze_adapters.models.signatures.values import Scaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Layout, Sample
    from latent_analyze_adapters.models.signatures.decoders import Scale
    from latent_analyze_adapters.models.signatures.encoders import OpenEncoder
    from latent_analyze_adapters.models.signatures.outputs import Mean, Outputs
    from latent_analyze_adapters.models.signatures.runs import Half
    from latent_analyze_adapters.models.signatures.scores import Errors

Columns = Mapping[str, "NDArray[np.generic]"]

NULL_SEED = 0
"""Seed of the order in which the axes of z-points are shuffled."""

SAME = 1e-3
"""Two means are the same if they differ by at most that many standard deviations."""


@dataclass(eq=False)
class Way:
    """How the data go into the encoder, and all outputs for the first rows, as far as they ran.

    Ways of one `family` make nearly the same of the data.
    """

    encoder: OpenEncoder
    scaling: Scaling
    family: int = 0
    outputs: Outputs = field(default_factory=dict)
    rows: int = 0

    @property
    def layout(self) -> Layout:
        """Layout of the rows."""
        return self.encoder.layout

    def run(self, sample: Sample, rows: int) -> None:
        """Run the encoder on the first rows; those that it ran on before are kept."""
        if rows <= self.rows:
            return
        more = self.encoder.run(sample, slice(self.rows, rows), self.scaling)
        kept = self.outputs if self.rows else {name: v[:0] for name, v in more.items()}
        self.outputs = {
            name: np.concatenate([values, more[name]])
            for name, values in kept.items()
            if name in more and values.shape[1:] == more[name].shape[1:]
        }
        self.rows = rows


@dataclass
class Last:
    """What the decoder returned last: layouts of the data share it.

    `key` is what it was made from, and `runs` counts how often the decoder ran.
    """

    key: tuple[object, ...] = ()
    raw: NDArray[np.generic] | None = None
    runs: int = 0


@dataclass(eq=False)
class Route:
    """A way from the data through encoder and decoder, up to what the decoder returns.

    Attributes
    ----------
    way, mean, scale, decoder
        How the data go in, what of the outputs is the mean, and how it goes into the decoder.
    errors
        What the output may go through -> squared errors of the first rows, as far as they ran.
    follows
        How well the reconstructions of the first round follow the data; see `correlation`.
    """

    way: Way
    mean: Mean
    decoder: Half
    scale: Scale
    errors: dict[Scaling, Errors] = field(default_factory=dict)
    follows: float = 0.0
    rows: int = 0

    @property
    def mu(self) -> NDArray[np.float32]:
        """The z-points of the rows that the encoder ran on, (n, *axes)."""
        return self.mean.take(self.way.outputs)

    def run(self, sample: Sample, rows: int, ends: Sequence[Scaling], last: Last) -> None:
        """Run it on the first rows; those that it ran on before are kept.

        `errors` is empty afterwards if the decoder does not return one row per row.
        """
        self.way.run(sample, rows)
        if rows <= self.rows:
            return
        part, first = slice(self.rows, rows), not self.rows
        raw, x, self.rows = self._decoded(sample, part, last), sample.x[part], rows
        if raw is None:
            self.errors = {}
            return
        if first:
            self.follows = correlation(as_data(self.decoder, Scaling(), raw), x)
        more = {end: squared_errors(as_data(self.decoder, end, raw), x) for end in ends}
        none = np.empty(0)
        self.errors = {
            end: np.concatenate([none if first else self.errors[end], new])
            for end, new in more.items()
        }

    def _decoded(self, sample: Sample, part: slice, last: Last) -> NDArray[np.generic] | None:
        plan = self.decoder.network.plan
        how = self.decoder.session, plan.outputs, plan.given, plan.axes, plan.batch
        key = (self.way, self.mean, self.scale, part.start, part.stop, *how)
        if key != last.key:
            last.raw = self.decode(self.mu[part], some_rows(sample.columns, part))
            last.key, last.runs = key, last.runs + 1
        return last.raw

    def decode(self, mu: NDArray[np.float32], columns: Columns) -> NDArray[np.generic] | None:
        """Return what the decoder makes of z-points; None if that is not one row per row."""
        plan = self.decoder.network.plan
        (name,) = plan.outputs
        spec = self.decoder.network.spec.model_copy(update=self.scale.fields)
        rows = to_decoder(mu.reshape(len(mu), -1), plan, spec)
        raw = run_outputs(self.decoder.session, plan, (name,), rows=rows, columns=columns)
        return raw.get(name)


@dataclass(frozen=True, eq=False)
class Tried:
    """A signature, and the share of the data's variance that it explains.

    `explained` is that of the score, or what it would be on as many rows as others were tried.
    """

    route: Route
    output: Scaling
    score: Score
    explained: float

    @property
    def way(self) -> Way:
        """How the data go in."""
        return self.route.way

    @property
    def mean(self) -> Mean:
        """What of the outputs is the mean."""
        return self.route.mean

    @property
    def decoder(self) -> Half:
        """How the decoder was opened."""
        return self.route.decoder

    @property
    def scale(self) -> Scale:
        """What is done to z-points before the decoder."""
        return self.route.scale

    @property
    def mu(self) -> NDArray[np.float32]:
        """The z-points, (n, *axes)."""
        return self.route.mu

    @property
    def is_mixed(self) -> bool:
        """Whether values go in and out in different formats."""
        return self.output.activation is None and not self.way.scaling.is_same(self.output)

    @property
    def cost(self) -> float:
        """How many choices differ from what is usual: the simplest signature has the smallest."""
        entry, end = self.way.scaling, self.output
        out = 0.5 + end.cost if self.is_mixed else 0.0 if end.activation is None else end.cost
        return entry.cost + out + self.scale.cost + self.mean.cost + self.decoder.cost

    @property
    def text(self) -> str:
        """In words."""
        return ", ".join(part for part in self.parts if part)

    @property
    def parts(self) -> tuple[str, ...]:
        """Each choice in words; an empty text where nothing is done."""
        entry, end = f"{self.way.scaling.text} in", f"{self.output.text} out"
        return entry, end, self.mean.text, self.decoder.text, self.scale.text


def as_data(decoder: Half, end: Scaling, raw: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return the output of a decoder as rows like those of the data."""
    image = end.applied_to(decoder.network.plan.image)
    return image.from_file(np.asarray(raw, np.float32))


def best_shuffled(tried: Tried, sample: Sample, *, rows: int, times: int) -> tuple[float, float]:
    """Return the score, and the best one with the axes of the z-points shuffled and some mirrored.

    A decoder that belongs to the encoder needs each value in its place; with the decoder of another
    model, a wrong place is as good as the given one. Of codes, it is their names that are shuffled.

    Parameters
    ----------
    tried
        The signature; it has run on the rows.
    sample
        The data.
    rows, times
        How many rows are taken, and how often their axes are shuffled.
    """
    rng, score = np.random.default_rng(NULL_SEED), explained_of(sample.x[:rows])
    flat = tried.mu[:rows].reshape(rows, -1)
    center, columns = flat.mean(axis=0), some_rows(sample.columns, slice(rows))

    def explained(z: NDArray[Any]) -> float:
        raw = tried.route.decode(z.astype(np.float32), columns)
        return -np.inf if raw is None else score(as_data(tried.decoder, tried.output, raw))

    found = []
    for _ in range(times):
        order = _all_moved(flat.shape[1], rng)
        sign = rng.choice([-1.0, 1.0], flat.shape[1]) if len(order) > 1 else -1.0
        moved = center + (flat - center)[:, order] * sign
        found.append(explained(_renamed(flat, rng) if tried.mean.codes else moved))
    return explained(flat), max(found)


def refitted(tried: Tried, sample: Sample) -> float:
    """Return how much more it would explain with the best scale and shift of each channel.

    It is what training left to chance of the very numbers in which normalizations differ.
    """
    rows = tried.route.rows
    x, part = sample.x[:rows], slice(rows)
    raw = tried.route.decode(tried.mu[:rows], some_rows(sample.columns, part))
    if raw is None:
        return 0.0
    decoded, score = as_data(tried.decoder, tried.output, raw), explained_of(x)
    return score(fitted(decoded, x)) - score(decoded)


def _all_moved(count: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return an order in which nothing keeps its place, except if there is only one."""
    # A cycle through a random order (Sattolo 1986).
    order = rng.permutation(count)
    found = np.empty(count, np.intp)
    found[order] = np.roll(order, 1)
    return found


def _renamed(codes: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return codes, each with the name of another."""
    used, places = np.unique(codes, return_inverse=True)
    return used[_all_moved(len(used), rng)][places.reshape(codes.shape)]


def same_mean(first: NDArray[np.float32], second: NDArray[np.float32]) -> bool:
    """Whether two means are equal but for rounding, in the rows that both have."""
    rows = min(len(first), len(second))
    a, b = (v[:rows].astype(np.float64).ravel() for v in (first, second))
    if a.size != b.size:
        return False
    fine = np.isfinite(a) & np.isfinite(b)
    a, b = a[fine], b[fine]
    return bool(np.abs(a - b).max(initial=0) <= SAME * max(b.std(), 1e-12))
