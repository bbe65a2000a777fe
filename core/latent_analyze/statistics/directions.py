"""Two samples along axes and principal components: what differs, and how significantly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from latent_analyze.statistics.samples import varying

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

TINY = 1e-100

PERMUTATIONS = 499

MomentName = Literal["radius", "mean", "spread", "skewness", "tails"]
MOMENTS: tuple[MomentName, ...] = ("mean", "spread", "skewness", "tails")

L_MOMENTS = np.array([[-1, 2, 0, 0], [1, -6, 6, 0], [-1, 12, -30, 20]], float)
"""The second, third and fourth L-moment of probability-weighted moments of order 0 to 3."""


@dataclass(frozen=True)
class Lines:
    """Both samples along all axes, or all components, shapes (lines, n) and (lines, m).

    Attributes
    ----------
    numbers
        Those of the lines, from 0, shape (lines,).
    """

    kind: Literal["axis", "component"]
    numbers: NDArray[np.int64]
    draws: Array
    data: Array

    @classmethod
    def of(cls, kind: Literal["axis", "component"], draws: Array, data: Array) -> Lines:
        """Return the columns of both samples along which more varies than rounding of float32."""
        numbers = np.flatnonzero(varying(np.concatenate([draws, data])))
        return cls(kind, numbers, draws.T[numbers].copy(), data.T[numbers].copy())


def lines_of(draws: Array, data: Array) -> list[Lines]:
    """Return the axes, and the principal components of one half of the data.

    The other half is seen along these, since rows vary more along what was fitted to them.
    """
    learn, test = np.array_split(data, 2)
    center = learn.mean(axis=0)
    _, lengths, directions = np.linalg.svd(learn - center, full_matrices=False)
    kept = lengths > 1e-6 * np.abs(learn).max(initial=0.0) * np.sqrt(len(learn))
    turn = directions[kept].T
    found = [
        Lines.of("axis", draws, data),
        Lines.of("component", (draws - center) @ turn, (test - center) @ turn),
    ]
    return [lines for lines in found if len(lines.numbers)]


def moments(values: Array) -> Array:
    """Return mean, standard deviation, L-skewness and L-kurtosis, shape (k, n) -> (k, moments)."""
    return np.column_stack([values.mean(axis=1), values.std(axis=1), l_ratios(values)])


def moment_differences(lines: Lines) -> Array:
    """Return how far the moments of both samples differ, shape (lines, moments).

    Mean and spread in units of the larger standard deviation, the others as they are.
    """
    one, two = moments(lines.draws), moments(lines.data)
    difference = np.abs(one - two)
    difference[:, :2] /= np.maximum(np.maximum(one, two)[:, 1:2], TINY)
    return difference


def moment_p_values(lines: Lines, rng: np.random.Generator) -> Array:
    """Return p-values corrected for all lines and moments, shape (lines, moments).

    The single-step max-T procedure of Westfall & Young (1993) over permuted labels. What is
    compared is the influence (Hampel 1974) of every value on each moment of the pooled values.
    """
    scores = _influences(np.concatenate([lines.draws, lines.data], axis=1))
    scores /= np.maximum(scores.std(axis=2, keepdims=True), TINY)
    sizes = lines.draws.shape[1], lines.data.shape[1]
    labels = np.repeat([1 / sizes[0], -1 / sizes[1]], sizes)
    null = rng.permuted(np.tile(labels, (PERMUTATIONS, 1)), axis=1).T
    most = np.zeros(PERMUTATIONS)
    for of_moment in scores:
        np.maximum(most, np.abs(of_moment @ null).max(axis=0), out=most)
    exceeding = np.searchsorted(np.sort(most), np.abs(scores @ labels))
    return np.asarray((1 + PERMUTATIONS - exceeding.T) / (1 + PERMUTATIONS))


def _influences(values: Array) -> Array:
    """Return the influence of every value on the moments, shape (k, n) -> (moments, k, n)."""
    deviations = values - values.mean(axis=1, keepdims=True)
    squares = deviations**2
    order = np.argsort(values, axis=1, kind="stable")
    ratios = np.empty((2, *values.shape))
    sorted_ratios = _l_influences(np.take_along_axis(deviations, order, axis=1))
    np.put_along_axis(ratios, order[None], sorted_ratios, axis=2)
    return np.stack([deviations, squares - squares.mean(axis=1, keepdims=True), *ratios])


def l_ratios(values: Array) -> Array:
    """Return L-skewness and L-kurtosis (Hosking 1990), shape (k, n) -> (k, 2).

    0 and 0.12 of normal values, between -1 and 1; both 0 for values that are all alike.
    """
    ordered, n = np.sort(values - values.mean(axis=1, keepdims=True), axis=1), values.shape[1]
    place, weights = np.arange(n), [np.ones(n)]
    for order in range(3):
        weights.append(weights[-1] * (place - order) / (n - 1 - order))
    scale, third, fourth = L_MOMENTS @ (np.array(weights) @ ordered.T) / n
    return np.column_stack([third, fourth]) / np.where(scale > 0, scale, np.inf)[:, None]


def _l_influences(ordered: Array) -> Array:
    """Return the influence on the two ratios of values, ascending about 0: (k, n) -> (2, k, n)."""
    n = ordered.shape[1]
    place = (np.arange(n) + 0.5) / n
    influences = []
    for order in range(4):
        later = np.cumsum((ordered * place ** max(order - 1, 0))[:, ::-1], axis=1)[:, ::-1] / n
        influence = ordered * place**order + order * later
        influences.append(influence - influence.mean(axis=1, keepdims=True))
    second, third, fourth = np.tensordot(L_MOMENTS, np.array(influences), axes=1)
    scale = np.maximum(np.mean(ordered * (2 * place - 1), axis=1), TINY)[:, None]
    ratios = l_ratios(ordered).T[:, :, None]
    return np.asarray((np.array([third, fourth]) - ratios * second) / scale)


def kolmogorov_smirnov(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the distances of distribution functions, (k, n) and (k, m), and their p-values.

    Shapes (k,); the p-values are asymptotic, corrected for few rows as Stephens (1970) does.
    """
    from scipy.special import kolmogorov

    n, m = x.shape[1], y.shape[1]
    pooled = np.concatenate([x, y], axis=1)
    order = np.argsort(pooled, axis=1, kind="stable")
    steps = np.where(order < n, 1 / n, -1 / m)
    ends = np.diff(np.take_along_axis(pooled, order, axis=1), axis=1, append=np.inf) > 0
    distances = np.minimum(np.max(np.abs(np.cumsum(steps, axis=1)) * ends, axis=1), 1.0)
    root = np.sqrt(n * m / (n + m))
    return distances, np.asarray(kolmogorov((root + 0.12 + 0.11 / root) * distances))


def holm(p_values: Array) -> Array:
    """Return p-values corrected for their number by Holm's (1979) step-down procedure."""
    order = np.argsort(p_values)
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
