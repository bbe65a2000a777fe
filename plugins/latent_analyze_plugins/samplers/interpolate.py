"""Vectors between two random rows of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from latent_analyze.plugin import Block, DrawnSource, OptionError, Sampler, SamplerOptions, Source
from latent_analyze_plugins.samplers._base import required
from latent_analyze_plugins.shared.rows import rows_of

SMALLEST_SINE = 1e-6
"""Below this sine of the angle between two rows an arc cannot be told from a line."""


class InterpolationSource(DrawnSource):
    """Vectors at a share `t` of the way from one random row of a reference to another.

    Parameters
    ----------
    reference
        Where the rows come from; they are read when they are drawn.
    t
        Share of the way, or None: uniform between 0 and 1.
    path
        ``"linear"``, or ``"spherical"``: along the arc around the origin, the length linear in t.
    """

    def __init__(
        self,
        reference: Source,
        t: float | None,
        path: str,
        *,
        label: str,
        count: int,
        seed: int,
    ) -> None:
        super().__init__(label, count=count, dim=reference.dim, seed=seed)
        self.reference, self.t, self.path = reference, t, path

    @property
    def state(self) -> Mapping[str, Any]:
        """The reference, the share of the way, and the path."""
        return {"reference": self.reference.fingerprint, "t": self.t, "path": self.path}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        """Return float64 rows of a block."""
        count = self.reference.count
        first = rng.integers(0, count, block.size)
        second = (first + rng.integers(1, count, block.size)) % count
        t = rng.random(block.size) if self.t is None else np.full(block.size, self.t)
        ends = rows_of(self.reference, np.concatenate([first, second]))
        between = linear if self.path == "linear" else spherical
        return between(ends[: block.size], ends[block.size :], t[:, None])


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

    def fit(self, reference: Source | None, seed: int) -> InterpolationSource:
        """Return interpolations; raises OptionError if there are no two rows."""
        reference = required(reference, self.name)
        count, _ = self.size(reference)
        if reference.count < 2:
            raise OptionError(
                f"at least two z-points in {reference.label} to interpolate between",
                found=str(reference.count),
            )
        t = None if self.options.t == "uniform" else self.options.t
        return InterpolationSource(
            reference, t, self.options.path, label=self.name, count=count, seed=seed
        )


def linear(
    one: NDArray[np.float64], two: NDArray[np.float64], t: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (1 - t) one + t two, shape (n, dim); t of shape (n, 1)."""
    return (1 - t) * one + t * two


def spherical(
    one: NDArray[np.float64], two: NDArray[np.float64], t: NDArray[np.float64]
) -> NDArray[np.float64]:
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
