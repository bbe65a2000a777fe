"""Vectors between two random rows of the reference."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from latent_analyze.plugin import OptionError, Sampler, SamplerOptions, Source, take_rows

SMALLEST_SINE = 1e-6
"""Below this sine of the angle between two rows an arc cannot be told from a line."""


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
    ) -> NDArray[np.float64]:
        """Return float64 rows."""
        n, count = shape[0], reference.count
        first = rng.integers(0, count, n)
        second = (first + rng.integers(1, count, n)) % count
        t = rng.random(n) if self.options.t == "uniform" else np.full(n, self.options.t)
        ends = take_rows(reference, np.concatenate([first, second])).z.astype(np.float64)
        between = linear if self.options.path == "linear" else spherical
        return between(ends[:n], ends[n:], t[:, None])


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
