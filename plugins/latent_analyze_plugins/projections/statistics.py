"""Statistics of cell counts, and what they would be for a Gaussian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUADRATURE = 8
LEAST_OPEN = 1e-6


def empty_share(cells: NDArray[Any]) -> float:
    """Return the share of cells, shape (n, n), without a point."""
    return float((cells == 0).mean())


def dispersion(cells: NDArray[Any]) -> float:
    """Return variance over mean of the counts; NaN without a point.

    The index of dispersion (Fisher, Thornton & Mackenzie 1922): 1 on average for points thrown in
    evenly, with a standard deviation of sqrt(2 / (cells - 1)).
    """
    mean = float(np.mean(cells))
    return float(np.var(cells, ddof=1)) / mean if mean > 0 else float("nan")


def grain(cells: NDArray[Any]) -> float:
    """Return squared second differences of the counts over their expectation from noise.

    The differences a - 2b + c along either direction and a - b - c + d across do not see a density
    that changes linearly from cell to cell. Independent Poisson counts give their squares the
    expectation a + 4b + c and a + b + c + d: the ratio of the sums is 1 on average. NaN without a
    point.
    """
    counts = np.asarray(cells, np.float64)
    signal = sum(float((d**2).sum()) for d in _second_differences(counts, (1.0, -2.0, 1.0), -1.0))
    noise = sum(float(d.sum()) for d in _second_differences(counts, (1.0, 4.0, 1.0), 1.0))
    return signal / noise if noise > 0 else float("nan")


def _second_differences(
    x: NDArray[np.float64], along: tuple[float, float, float], across: float
) -> tuple[NDArray[np.float64], ...]:
    a, b, c = along
    return (
        a * x[:-2] + b * x[1:-1] + c * x[2:],
        a * x[:, :-2] + b * x[:, 1:-1] + c * x[:, 2:],
        x[:-1, :-1] + across * (x[1:, :-1] + x[:-1, 1:]) + x[1:, 1:],
    )


def expected(probabilities: NDArray[np.float64], count: int) -> dict[str, float]:
    """Return the expectation of the statistics over Poisson counts of given cell probabilities."""
    mean = count * probabilities
    return {
        "empty": float(np.exp(-mean).mean()),
        "dispersion": 1 + dispersion(mean),
        "grain": 1 + grain(mean),
        "per_cell": float(mean.mean()),
    }


def gaussian_cells(half_width: float, correlation: float, cells: int) -> NDArray[np.float64]:
    """Return the probabilities of the cells of [-w, w]^2 under a standard bivariate normal.

    Gauss-Legendre quadrature along the first direction, the normal integral along the second; w is
    in standard deviations, `cells` are those per side.
    """
    from scipy.special import ndtr

    edges = np.linspace(-half_width, half_width, cells + 1)
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    step = half_width / cells
    x = (edges[:-1, None] + step + step * nodes).ravel()
    density = np.tile(weights * step, cells) * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    rest = np.sqrt(max(1 - correlation**2, LEAST_OPEN))
    below = ndtr((edges - correlation * x[:, None]) / rest)
    mass = density[:, None] * np.diff(below, axis=1)
    return mass.reshape(cells, QUADRATURE, cells).sum(axis=1)
