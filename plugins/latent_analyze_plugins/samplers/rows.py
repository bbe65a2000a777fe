"""Made of the reference's own rows: smoothed, interpolated, shuffled per axis, posterior draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from latent_analyze.plugin import (
    Block,
    DrawnSource,
    OptionError,
    PosteriorSource,
    Sampler,
    SamplerOptions,
    Source,
    codes_of,
    keyed_rng,
    take_rows,
)  # fmt: skip
from latent_analyze_plugins.samplers.fitting import (
    Floats,
    PositiveNumber,
    covariance_factor,
    spread_out,
)

SMALLEST_SINE = 1e-6
"""Below this sine of the angle between two rows an arc cannot be told from a line."""


class KernelOptions(SamplerOptions):
    """Options of `kde`."""

    bandwidth: PositiveNumber | Literal["auto"] = Field(
        "auto",
        description="spread of the kernel, in units of the reference's spread in every direction; "
        "auto: (4 / (dim + 2) / count)^(1 / (dim + 4)), the best for a normal cloud",
    )
    covariance: Literal["full", "diag"] = Field(
        "full",
        description="shape of the kernel; full: the reference's covariance; diag: its variance per "
        "axis alone",
    )


class Kernel(Sampler):
    """The smoothed bootstrap: rows of the reference plus normal noise of a bandwidth.

    That is a draw from a kernel density estimate (Silverman 1986, section 6.4; the automatic
    bandwidth is his equation 4.14). With a small bandwidth it repeats the reference.
    """

    name = "kde"
    needs_reference = True
    Options = KernelOptions

    def state(self, reference: Source | None, seed: int) -> dict[str, Any]:
        """Return the reference and the kernel's factor; OptionError without a covariance."""
        del seed
        summary = self.summary(reference)
        full = self.options.covariance == "full"
        factor = covariance_factor(summary, self.name) if full else summary.std
        bandwidth = self.options.bandwidth
        if bandwidth == "auto":
            rank = factor.shape[1] if full else int(np.count_nonzero(factor))
            bandwidth = normal_bandwidth(summary.count, rank)
        return {"reference": reference, "factor": bandwidth * factor}

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, int], *, reference: Source, factor: Floats
    ) -> Floats:
        """Return random rows, drawn with replacement, plus noise; float64."""
        z = take_rows(reference, rng.integers(0, reference.count, shape[0])).z
        eps = rng.standard_normal((shape[0], factor.shape[-1]))
        return z.astype(np.float64) + spread_out(eps, factor)


def normal_bandwidth(count: int, dim: int) -> float:
    """Return the bandwidth that is best for a normal cloud (Silverman 1986, equation 4.14)."""
    return float((4 / (dim + 2) / count) ** (1 / (dim + 4)))


class InterpolateOptions(SamplerOptions):
    """Options of `interpolate`."""

    t: Annotated[float, Field(ge=0, le=1)] | Literal["uniform"] = Field(
        "uniform", description="share of the way between the two; uniform: anywhere between them"
    )
    path: Literal["linear", "spherical"] = Field(
        "linear", description="straight line, or arc around the origin with the length linear in t"
    )


class Interpolate(Sampler):
    """Vectors between two random rows of the reference, on a line or on an arc.

    The arc is that of Shoemake (1985), proposed for latent spaces by White (2016).
    """

    name = "interpolate"
    needs_reference = True
    Options = InterpolateOptions

    def state(self, reference: Source | None, seed: int) -> dict[str, Any]:
        """Return the reference; OptionError if there are no two rows."""
        del seed
        reference = self.required(reference)
        if reference.count < 2:
            raise OptionError(
                f"at least two z-points in {reference.label} to interpolate between",
                found=str(reference.count),
            )
        return {"reference": reference}

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, int], *, reference: Source
    ) -> Floats:
        """Return float64 rows."""
        n, count = shape[0], reference.count
        first = rng.integers(0, count, n)
        second = (first + rng.integers(1, count, n)) % count
        t = rng.random(n) if self.options.t == "uniform" else np.full(n, self.options.t)
        ends = take_rows(reference, np.concatenate([first, second])).z.astype(np.float64)
        between = linear if self.options.path == "linear" else spherical
        return between(ends[:n], ends[n:], t[:, None])


def linear(one: Floats, two: Floats, t: Floats) -> Floats:
    """Return (1 - t) one + t two, shape (n, dim); t of shape (n, 1)."""
    return (1 - t) * one + t * two


def spherical(one: Floats, two: Floats, t: Floats) -> Floats:
    """Return vectors on the arcs from `one` to `two` (n, dim); t of shape (n, 1).

    The direction turns evenly with t, the length is linear in t. Where no arc is defined (a zero
    vector, the same or opposite directions) it is the straight line.
    """
    lengths = [np.linalg.norm(end, axis=1, keepdims=True) for end in (one, two)]
    a, b = (end / np.where(n > 0, n, 1.0) for end, n in zip((one, two), lengths, strict=True))
    cosine = np.clip(np.einsum("ij,ij->i", a, b)[:, None], -1.0, 1.0)
    angle, sine = np.arccos(cosine), np.sqrt(1 - cosine**2)
    arc = (lengths[0] > 0) & (lengths[1] > 0) & (sine > SMALLEST_SINE)
    turned = np.sin((1 - t) * angle) * a + np.sin(t * angle) * b
    turned *= linear(lengths[0], lengths[1], t) / np.where(arc, sine, 1.0)
    return np.where(arc, turned, linear(one, two, t))


class ShuffledSource(DrawnSource):
    """The values of every axis of a reference in an order of their own.

    The order of axis j is a permutation keyed by (seed, j), so any process makes the same rows. The
    shuffled values are made on first use, once per process (the size of the reference in memory),
    and are not pickled.
    """

    def __init__(self, reference: Source, *, label: str, seed: int) -> None:
        super().__init__(label, count=reference.count, dim=reference.dim, seed=seed)
        self.reference, self.codes = reference, codes_of(reference)
        self._columns: NDArray[Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_columns": None}

    @property
    def state(self) -> Mapping[str, Any]:
        """What is shuffled."""
        return {"reference": self.reference.fingerprint}

    @property
    def columns(self) -> NDArray[Any]:
        """Shuffled values per axis, shape (dim, count)."""
        if self._columns is None:
            dtype = np.float32 if self.codes is None else np.int32
            columns = np.empty((self.dim, self.count), dtype)
            for block in self.reference.blocks():
                columns[:, block.start : block.stop] = self.reference.read(block).z.T
            for axis, values in enumerate(columns):
                columns[axis] = values[keyed_rng(self.seed, "axis", axis).permutation(self.count)]
            self._columns = columns
        return self._columns

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[Any]:
        """Return the rows of a block."""
        del rng
        return self.columns[:, block.start : block.stop].T


class Shuffled(Sampler):
    """The reference with every axis permuted on its own.

    Keeps the distribution along every axis exactly and destroys all that ties the axes together: a
    null model for dependence. Of codes, the positions are the axes.
    """

    name = "shuffled"
    needs_reference = True
    latents = frozenset({"coordinates", "codes"})
    matches = "variance"

    def fit(self, reference: Source | None, seed: int) -> ShuffledSource:
        """Return a shuffled source; raises OptionError for another count than the reference's."""
        reference = _same_count(self, reference)
        return ShuffledSource(reference, label=self.name, seed=seed)


class Posterior(Sampler):
    """One draw mu + exp(log_var / 2) eps per row of a variational store.

    Source of the method: Kingma & Welling (2014), equation 10.
    """

    name = "posterior"
    needs_reference = True
    requires = frozenset({"log_var"})

    def fit(self, reference: Source | None, seed: int) -> PosteriorSource:
        """Return posterior draws; raises OptionError if the reference has no log_var."""
        return PosteriorSource(_same_count(self, reference), seed, self.name)


def _same_count(sampler: Sampler, reference: Source | None) -> Source:
    reference = sampler.required(reference)
    count, _ = sampler.size(reference)
    if count != reference.count:
        raise OptionError(
            f"count={reference.count}, that of {reference.label}",
            found=f"count={count}",
            next_step=f"leave count out of {sampler.name}",
        )
    return reference
