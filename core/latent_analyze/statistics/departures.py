"""Where draws leave the data: directions that stand out, and the first moment that differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from latent_analyze.sources.seeding import keyed_rng
from latent_analyze.statistics.directions import (
    MOMENTS,
    Lines,
    MomentName,
    holm,
    kolmogorov_smirnov,
    lines_of,
    moment_differences,
    moment_p_values,
    moments,
)  # fmt: skip
from latent_analyze.statistics.samples import MAX_ROWS, comparable, some_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEVEL = 0.025
"""Of each of the two families of tests: 5 % together."""

SMALLEST_DISTANCE = 0.05
SMALLEST = np.array([0.1, 0.1, 0.05, 0.05])
"""Differences of moments that are worth a sentence; see `moment_differences` for their units."""


@dataclass(frozen=True)
class Direction:
    """An axis or principal component along which draws differ from the data.

    Attributes
    ----------
    kind, number
        "axis" or "component", both from 0.
    distance
        Largest difference of the two distribution functions (Kolmogorov & Smirnov), 0 to 1. The
        total variation distance of the clouds is at least as large.
    p_value
        Of the distance, corrected for all axes and components.
    draws, data
        Mean and standard deviation along it, latent units; along components, from the mean of the
        data.
    """

    kind: Literal["axis", "component"]
    number: int
    distance: float
    p_value: float
    draws: tuple[float, float]
    data: tuple[float, float]


@dataclass(frozen=True)
class MomentDifference:
    """A moment in which draws differ from the data.

    Attributes
    ----------
    name
        "radius", the median distance from the origin; "mean" or "spread"; "skewness" or "tails",
        the ratios of L-moments of order 3 and 4, within 1.
    kind, number
        The axis or component along which it differs, as in `Direction`; None of the radius.
    draws, data
        The moment of either; of a component's mean, from the mean of the data.
    scale
        What `rounded` needs: the larger standard deviation along the line; of the radius, that of
        the data's radii; of ratios, 1.
    """

    name: MomentName
    kind: Literal["axis", "component"] | None
    number: int | None
    draws: float
    data: float
    scale: float


@dataclass(frozen=True)
class Departures:
    """Where draws leave the data.

    Attributes
    ----------
    standing_out
        Directions with a distance of at least 0.05 and a corrected p-value of at most 2.5 %, the
        largest distance first.
    first_moment
        The first that differs, significantly at 2.5 % and by a difference that is worth a sentence,
        along the line where it differs most; None if none does. The radius is the first if most
        draws are nearer to the origin than 95 % of the data, or farther.
    """

    standing_out: tuple[Direction, ...]
    first_moment: MomentDifference | None


def departures(
    draws: NDArray[Any], data: NDArray[Any], *, seed: int, max_rows: int = MAX_ROWS
) -> Departures:
    """Find where draws leave the data.

    Along every axis and every principal component of the data, a test of Kolmogorov and Smirnov,
    corrected as Holm (1979) does; and in the order of moments permutation tests of mean, spread,
    L-skewness and L-kurtosis (Hosking 1990), corrected together. Where draws and data are alike,
    either family has a false alarm in at most 2.5 % of cases. Components are fitted to one half of
    the data and compared along the other.

    As for `two_sample`, the draws must not be those of what was fitted to these rows.

    Parameters
    ----------
    draws, data
        Shapes (n, dim) and (m, dim), latent units.
    seed
        Of the permutations and the choice of rows.
    max_rows
        Rows of each sample that are compared, a seeded choice.

    Raises
    ------
    AnalysisError
        As `two_sample` does.
    """
    rng = keyed_rng(seed, "departures")
    w, z = (some_rows(rows, rng, max_rows) for rows in comparable(draws=draws, data=data))
    lines = lines_of(w, z)
    return Departures(_standing_out(lines), _first_moment(w, z, lines=lines, rng=rng))


def _standing_out(lines: list[Lines]) -> tuple[Direction, ...]:
    tests = [kolmogorov_smirnov(some.draws, some.data) for some in lines]
    distances, p_values = (np.concatenate(parts) for parts in zip(*tests, strict=True))
    corrected = holm(p_values)
    places = [(some, i) for some in lines for i in range(len(some.numbers))]
    seen = (corrected <= LEVEL) & (distances >= SMALLEST_DISTANCE)
    return tuple(
        _direction(*places[i], tested=(float(distances[i]), float(corrected[i])))
        for i in np.argsort(-distances, kind="stable")
        if seen[i]
    )


def _direction(lines: Lines, i: int, *, tested: tuple[float, float]) -> Direction:
    draws, data = lines.draws[i], lines.data[i]
    return Direction(
        lines.kind, int(lines.numbers[i]), *tested,
        (float(draws.mean()), float(draws.std())), (float(data.mean()), float(data.std())),
    )  # fmt: skip


def _first_moment(
    draws: Array, data: Array, *, lines: list[Lines], rng: np.random.Generator
) -> MomentDifference | None:
    sizes = [moment_differences(some) for some in lines]
    # Components are seen by half of the data, so that their labels are permuted apart.
    p_values = [moment_p_values(some, rng) * len(lines) for some in lines]
    differs = [(p <= LEVEL) & (size >= SMALLEST) for p, size in zip(p_values, sizes, strict=True)]
    found = np.any(np.concatenate(differs), axis=0)
    if not found.any():
        return None
    order = int(found.argmax())
    if order < 2 and (radius := _radius(draws, data)):
        return radius
    most = [np.where(d, s, -1)[:, order] for d, s in zip(differs, sizes, strict=True)]
    which = int(np.argmax([values.max() for values in most]))
    return _moment(lines[which], int(most[which].argmax()), order=order)


def _moment(lines: Lines, i: int, *, order: int) -> MomentDifference:
    draws, data = lines.draws[i : i + 1], lines.data[i : i + 1]
    return MomentDifference(
        MOMENTS[order], lines.kind, int(lines.numbers[i]),
        draws=float(moments(draws)[0, order]), data=float(moments(data)[0, order]),
        scale=float(max(draws.std(), data.std())) if order < 2 else 1.0,
    )  # fmt: skip


def _radius(draws: Array, data: Array) -> MomentDifference | None:
    """Return the radius if most draws are nearer to the origin than 95 % of data, or farther."""
    radii = np.linalg.norm(data, axis=1)
    found, expected = float(np.median(np.linalg.norm(draws, axis=1))), float(np.median(radii))
    low, high = np.quantile(radii, [0.05, 0.95])
    if low <= found <= high:
        return None
    return MomentDifference("radius", None, None, found, expected, float(radii.std()))
