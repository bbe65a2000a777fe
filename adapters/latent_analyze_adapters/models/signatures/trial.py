"""Round trips with every signature that fits the shapes, and what they explain of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_adapters.models.signatures.runs import first_rows, run_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latent_analyze.plugin import Layout
    from latent_analyze_adapters.models.network import Network
    from latent_analyze_adapters.models.session import Session
    from latent_analyze_adapters.models.signatures.outputs import Mean, Outputs
    from latent_analyze_adapters.models.signatures.values import Scaling

Columns = Mapping[str, "NDArray[np.generic]"]

NULLS, NULL_SEED = 8, 0
"""How often the axes of z-points are shuffled, to see what is explained all the same."""

MOST = 0.5
"""Share of the rows that must be decoded to finite values."""

SAME = 1e-3
"""Two means are the same if they differ by at most that many standard deviations."""


@dataclass(frozen=True)
class Way:
    """How the data go into the encoder, and the outputs that it gave for them."""

    layout: Layout
    scaling: Scaling
    outputs: Outputs


@dataclass(frozen=True)
class Scale:
    """What is done to z-points before the decoder: z + shift, times scale."""

    scale: float = 1.0
    shift: float = 0.0
    cost: float = 0.0
    text: str = ""


@dataclass(frozen=True)
class Half:
    """A decoder that fits: how it was opened, its session, and what a later output costs."""

    network: Network
    session: Session
    cost: float = 0.0


@dataclass(frozen=True)
class Tried:
    """A signature, and the share of the data's variance that it explains."""

    way: Way
    mean: Mean
    scale: Scale
    decoder: Half
    output: Scaling
    explained: float
    mu: NDArray[np.float32]

    @property
    def cost(self) -> float:
        """How many choices differ from what is usual: the simplest signature has the smallest."""
        entry, end = self.way.scaling, self.output
        same = (entry.range, entry.mean, entry.std) == (end.range, end.mean, end.std)
        out = (0.0 if same else 0.5 + end.cost) if end.activation is None else end.cost
        return entry.cost + out + self.scale.cost + self.mean.cost + self.decoder.cost

    @property
    def text(self) -> str:
        """In words."""
        return ", ".join(part for part in self.parts if part)

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """Each choice in words; an empty text where nothing is done."""
        entry, end = f"{self.way.scaling.text} in", f"{self.output.text} out"
        return entry, end, self.mean.text, self.scale.text


@dataclass(frozen=True)
class Pool:
    """What is tried with each way in.

    Attributes
    ----------
    means, scales
        What may be the mean, and what may be done to it.
    decoders, ends
        Ways to open the decoder, and what its output may go through.
    """

    means: Sequence[Mean]
    decoders: Sequence[Half]
    scales: Sequence[Scale]
    ends: Sequence[Scaling]

    def among(self, kept: Sequence[Tried]) -> Pool:
        """Return what some signatures are made of."""
        return Pool(
            list(dict.fromkeys(t.mean for t in kept)),
            [d for d in self.decoders if any(t.decoder is d for t in kept)],
            list(dict.fromkeys(t.scale for t in kept)),
            list(dict.fromkeys(t.output for t in kept)),
        )

    def try_on(self, ways: Sequence[Way], x: NDArray[np.float32], columns: Columns) -> list[Tried]:
        """Return every signature with its score, best first.

        Parameters
        ----------
        ways
            How the data may go in, with the encoder's outputs.
        x
            The data, (n, ...).
        columns
            Labels and arrays of the data, for decoders that take them; the first n rows are used.
        """
        score, given = explained_of(x), first_rows(columns, len(x))
        tried: list[Tried] = []
        for way in ways:
            for mean in self.means:
                mu = mean.take(way.outputs)
                for decoder, scale, raw in _decodings(mu, self.decoders, self.scales, given):
                    scores = ((end, score(as_data(decoder, end, raw))) for end in self.ends)
                    tried += [Tried(way, mean, scale, decoder, e, s, mu) for e, s in scores]
        return sorted(tried, key=lambda t: -t.explained)


def as_data(decoder: Half, end: Scaling, raw: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return the output of a decoder as rows like those of the data."""
    image = end.applied_to(decoder.network.plan.image)
    return image.from_file(np.asarray(raw, np.float32))


def explained_of(x: NDArray[np.float32]) -> Callable[[NDArray[np.float32]], float]:
    """Return a function: reconstructions -> share of the variance of `x` that they explain.

    The share is 1 - squared error / squared distance from the mean of the rows. Of rows whose
    reconstructions are not finite nothing is explained; it is minus infinity where most are not, or
    the rows do not differ.
    """
    rows = x.reshape(len(x), -1).astype(np.float64)
    far = ((rows - rows.mean(axis=0)) ** 2).sum(axis=1)

    def score(decoded: NDArray[np.float32]) -> float:
        with np.errstate(all="ignore"):
            off = ((decoded.reshape(rows.shape).astype(np.float64) - rows) ** 2).sum(axis=1)
        fine = np.isfinite(off)
        total, error = float(far.sum()), float(np.where(fine, off, far).sum())
        return 1 - error / total if total > 0 and fine.mean() > MOST else -np.inf

    return score


def best_shuffled(tried: Tried, x: NDArray[np.float32], columns: Columns) -> float:
    """Return the best score with the axes of the z-points shuffled and some of them mirrored.

    A decoder that belongs to the encoder needs each value in its place; with the decoder of another
    model, a wrong place is as good as the given one. Of codes, it is their names that are shuffled.
    """
    rng, score = np.random.default_rng(NULL_SEED), explained_of(x)
    flat = tried.mu.reshape(len(tried.mu), -1)
    center, found = flat.mean(axis=0), []
    given = first_rows(columns, len(x))
    for _ in range(NULLS):
        order = _all_moved(flat.shape[1], rng)
        sign = rng.choice([-1.0, 1.0], flat.shape[1]) if len(order) > 1 else -1.0
        moved = (center + (flat - center)[:, order] * sign).astype(np.float32)
        if tried.mean.codes:
            moved = _renamed(flat, rng)
        ((_, _, raw),) = _decodings(
            moved.reshape(tried.mu.shape), [tried.decoder], [tried.scale], given
        )
        found.append(score(as_data(tried.decoder, tried.output, raw)))
    return max(found)


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
    """Whether two means are equal but for rounding."""
    if first.size != second.size:
        return False
    a, b = first.astype(np.float64).ravel(), second.astype(np.float64).ravel()
    fine = np.isfinite(a) & np.isfinite(b)
    a, b = a[fine], b[fine]
    return bool(np.abs(a - b).max(initial=0) <= SAME * max(b.std(), 1e-12))


def _decodings(
    mu: NDArray[np.float32],
    decoders: Sequence[Half],
    scales: Sequence[Scale],
    columns: Columns,
) -> Iterator[tuple[Half, Scale, NDArray[np.generic]]]:
    for decoder in decoders:
        plan = decoder.network.plan
        (name,) = plan.outputs
        for scale in scales:
            z = (mu.reshape(len(mu), -1) + np.float32(scale.shift)) * np.float32(scale.scale)
            rows = np.ascontiguousarray(z, plan.input.dtype).reshape(len(z), *plan.latent)
            raw = run_outputs(decoder.session, plan, (name,), rows=rows, columns=columns)
            if name in raw:
                yield decoder, scale, raw[name]
