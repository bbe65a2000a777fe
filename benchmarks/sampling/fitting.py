"""Finding the parameters of the renderer that explain an image best: a grid, then Gauss-Newton."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sampling.data import Labels, Pixels
from sampling.shapes import (
    HIGH,
    KINDS,
    LOW,
    PERIODS,
    SIDE,
    Factors,
    color,
    contrast,
    coverage,
    render,
)

STARTS = 3
"""Kinds whose best point of the grid is refined."""
ROUNDS = 10
BATCH = 500
PLACES = 4
"""Factors that say where the shape is, the first ones: position, size and angle."""
STEP = 0.02
"""Pixels or radians over which slopes are taken: float32 would drown smaller ones."""
CYCLIC = np.array([False, False, False, True, True, False])
_HUES = np.arange(0, 1, 1 / 256)


@dataclass(frozen=True)
class Fit:
    """The best parameters for n images.

    Attributes
    ----------
    kind, factors
        Shapes (n,) and (n, 6).
    error
        Squared residual per pixel and channel, (n, SIDE, SIDE, 3).
    energy
        What the fitted shape adds to its background: its squared contrast, summed, (n,).
    """

    kind: Labels
    factors: Factors
    error: Pixels
    energy: NDArray[np.float64]

    @property
    def residual(self) -> NDArray[np.float64]:
        """Squared residual relative to the energy, (n,)."""
        return self.error.sum(axis=(1, 2, 3), dtype=np.float64) / self.energy


@cache
def _templates() -> tuple[Labels, Factors, NDArray[np.float32]]:
    """Return kinds, factors and centered coverages of unit norm of the grid."""
    places = np.arange(11.0, 21.1, 2)
    kinds, rows = [], []
    for kind, period in enumerate(PERIODS):
        turns = [0.0] if KINDS[kind] == "disc" else list(np.arange(0, 1, 0.2) * period)
        for x, y, size, turn in product(places, places, (4.5, 5.5, 6.5, 7.5), turns):
            kinds.append(kind)
            rows.append([x, y, size, turn, 0.0, 0.0])
    kind_of, factors = np.array(kinds), np.array(rows)
    covered = np.concatenate([coverage(k, factors[kind_of == k]) for k in range(len(KINDS))])
    covered -= covered.mean(axis=1, keepdims=True)
    return kind_of, factors, covered / np.linalg.norm(covered, axis=1, keepdims=True)


def fit(images: Pixels) -> Fit:
    """Return the parameters with the smallest squared residual, within the data's ranges.

    Parameters
    ----------
    images
        Shape (n, SIDE, SIDE, 3).
    """
    flat = images.reshape(len(images), SIDE * SIDE, 3).astype(np.float32)
    # The products are small: several threads would wait for each other most of the time.
    with threadpool_limits(1):
        parts = [_fit_batch(flat[i : i + BATCH]) for i in range(0, len(flat), BATCH)]
    kind, factors = (np.concatenate([part[i] for part in parts]) for i in range(2))
    shown, energy = _rendered(kind, factors)
    return Fit(kind, factors, ((shown - flat) ** 2).reshape(images.shape), energy)


def _rendered(kind: Labels, factors: Factors) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    shown, energy = np.empty((len(kind), SIDE * SIDE, 3), np.float32), np.empty(len(kind))
    for k in range(len(KINDS)):
        of = kind == k
        shown[of] = render(k, factors[of])
        squares = (coverage(k, factors[of]) ** 2).sum(axis=1)
        energy[of] = squares * (contrast(factors[of]) ** 2).sum(axis=1)
    return shown, energy


def _fit_batch(flat: NDArray[np.float32]) -> tuple[Labels, Factors]:
    best = np.full(len(flat), np.inf)
    kind, factors = np.zeros(len(flat), np.int64), np.zeros((len(flat), len(LOW)))
    for start_kind, start in _coarse(flat):
        for k in range(len(KINDS)):
            of = np.flatnonzero(start_kind == k)
            found, loss = _refine(k, start[of], flat[of])
            rows, better = of[loss < best[of]], loss < best[of]
            best[rows], kind[rows], factors[rows] = loss[better], k, found[better]
    return kind, factors


def _coarse(flat: NDArray[np.float32]) -> list[tuple[Labels, Factors]]:
    """Return the grid's best point of the best kinds: what it explains, for any two colors."""
    kind_of, grid, templates = _templates()
    projected = flat.transpose(0, 2, 1) @ templates.T
    explained = (projected**2).sum(axis=1)
    groups = [np.flatnonzero(kind_of == k) for k in range(len(KINDS))]
    best = np.stack([group[explained[:, group].argmax(axis=1)] for group in groups], axis=1)
    order = np.argsort(-np.take_along_axis(explained, best, axis=1), axis=1)
    rows = np.arange(len(flat))
    return [(order[:, rank], grid[best[rows, order[:, rank]]]) for rank in range(STARTS)]


def _refine(
    kind: int, start: Factors, flat: NDArray[np.float32]
) -> tuple[Factors, NDArray[np.float64]]:
    """Minimize the squared residual: the two colors, then a damped Gauss-Newton step, in turn."""
    factors, damping = start.copy(), np.full(len(start), 1e-2)
    covered = coverage(kind, factors)
    loss = _set_colors(factors, covered, flat)
    for _ in range(ROUNDS):
        trial = factors.copy()
        trial[:, :PLACES] += _step(kind, factors, _Round(covered, flat, damping))
        trial = np.where(CYCLIC, trial, np.clip(trial, LOW, HIGH))
        moved = coverage(kind, trial)
        new = _set_colors(trial, moved, flat)
        better = new < loss
        factors[better], covered[better], loss[better] = trial[better], moved[better], new[better]
        damping *= np.where(better, 0.3, 4.0)
    return factors, loss


def _set_colors(
    factors: Factors, covered: NDArray[np.float32], flat: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Set hue and background to the best for these coverages; return the squared residuals.

    The residual is a quadratic function of both colors, whose coefficients are a few sums.
    """
    inside = np.einsum("np,npc->nc", covered, flat, dtype=np.float64)
    total, squares = (
        flat.sum(axis=1, dtype=np.float64),
        (flat**2).sum(axis=(1, 2), dtype=np.float64),
    )
    first, second = (
        covered.sum(axis=1, dtype=np.float64),
        (covered**2).sum(axis=1, dtype=np.float64),
    )
    hues = color(_HUES)
    # |x - g (1 - m) - m c|^2 for every hue c; then the best g of each.
    outer = (flat.shape[1] - 2 * first + second)[:, None]
    cross = (first - second)[:, None]
    linear = (total - inside).sum(axis=1)[:, None] - cross * hues.sum(axis=1)
    ground = np.clip(linear / (3 * outer), LOW[5], HIGH[5])
    loss = (
        squares[:, None] - 2 * inside @ hues.T + second[:, None] * (hues**2).sum(axis=1)
        - 2 * ground * linear + 3 * outer * ground**2
    )  # fmt: skip
    chosen, rows = loss.argmin(axis=1), np.arange(len(flat))
    factors[:, 4], factors[:, 5] = _HUES[chosen], ground[rows, chosen]
    return np.maximum(loss[rows, chosen], 0)


@dataclass(frozen=True)
class _Round:
    covered: NDArray[np.float32]
    flat: NDArray[np.float32]
    damping: NDArray[np.float64]


def _step(kind: int, factors: Factors, now: _Round) -> Factors:
    """Return a step in position, size and angle, toward the coverage that the colors ask for."""
    between = contrast(factors)
    weight = between / (between**2).sum(axis=1, keepdims=True)
    wanted = np.einsum("npc,nc->np", now.flat, weight.astype(np.float32))
    wanted -= (weight.sum(axis=1) * factors[:, 5]).astype(np.float32)[:, None]
    slopes = np.empty((*now.covered.shape, PLACES), np.float32)
    for i in range(PLACES):
        moved = factors.copy()
        moved[:, i] += STEP
        slopes[..., i] = (coverage(kind, moved) - now.covered) / STEP
    across = slopes.transpose(0, 2, 1)
    square = (across @ slopes).astype(np.float64)
    gradient = (across @ (wanted - now.covered)[..., None]).astype(np.float64)
    diagonal = np.einsum("nii->ni", square)
    square += (now.damping[:, None] * diagonal + 1e-3)[:, :, None] * np.eye(PLACES)
    return np.linalg.solve(square, gradient)[..., 0]
