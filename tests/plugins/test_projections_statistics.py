"""Closed forms of the statistics of `projections`."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze_plugins.projections.statistics import (
    dispersion,
    empty_share,
    expected,
    gaussian_cells,
    grain,
)

CELLS = 16


def poisson(mean: float | np.ndarray, draws: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(np.broadcast_to(mean, (draws, CELLS, CELLS)))


@pytest.mark.parametrize("mean", [0.8, 5.0, 200.0])
def test_points_thrown_in_evenly_have_dispersion_and_grain_one(mean: float) -> None:
    counts = poisson(mean, 400)
    spread = np.sqrt(2 / (CELLS**2 - 1))
    values = np.array([dispersion(c) for c in counts])
    assert values.mean() == pytest.approx(1.0, abs=4 * spread / 20)
    assert values.std() == pytest.approx(spread, rel=0.25)
    assert np.mean([grain(c) for c in counts]) == pytest.approx(1.0, abs=0.02)


def test_a_fixed_number_of_points_over_equal_cells() -> None:
    rng = np.random.default_rng(0)
    n, cells = 300, CELLS**2
    counts = rng.multinomial(n, np.full(cells, 1 / cells), 500).reshape(-1, CELLS, CELLS)
    assert np.mean([dispersion(c) for c in counts]) == pytest.approx(1.0, abs=0.02)
    empty = np.mean([empty_share(c) for c in counts])
    assert empty == pytest.approx((1 - 1 / cells) ** n, abs=0.003)


def test_cells_filled_alike_have_no_dispersion_and_no_grain() -> None:
    assert dispersion(np.full((4, 4), 3)) == 0
    assert grain(np.full((4, 4), 3)) == 0
    assert empty_share(np.eye(4)) == 0.75


def test_grain_does_not_see_a_density_that_changes_linearly() -> None:
    ramp = np.add.outer(np.arange(16.0), 2 * np.arange(16.0)) * 10
    assert grain(ramp) == 0
    assert dispersion(ramp) > 40


@pytest.mark.parametrize("direction", ["row", "column", "diagonal"])
def test_grain_sees_lines_of_any_direction(direction: str) -> None:
    cells = np.full((16, 16), 20.0)
    index = np.arange(16)
    rows = {"row": (7, index), "column": (index, 7), "diagonal": (index, index)}
    cells[rows[direction]] += 40
    assert grain(cells) > 1.5


def test_without_a_point_nothing_is_defined_but_emptiness() -> None:
    nothing = np.zeros((4, 4))
    assert np.isnan(dispersion(nothing))
    assert np.isnan(grain(nothing))
    assert empty_share(nothing) == 1


@pytest.mark.parametrize("correlation", [0.0, 0.6, -0.95])
def test_cell_probabilities_are_those_of_a_normal(correlation: float) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 400_000))
    y = correlation * x + np.sqrt(1 - correlation**2) * y
    drawn, _, _ = np.histogram2d(x, y, bins=8, range=[[-1.5, 1.5]] * 2)
    np.testing.assert_allclose(gaussian_cells(1.5, correlation, 8), drawn / len(x), atol=2e-3)


def test_the_whole_plane_has_probability_one() -> None:
    assert gaussian_cells(8.0, 0.3, 32).sum() == pytest.approx(1.0, abs=1e-6)


def test_expectations_are_those_of_drawn_counts() -> None:
    probabilities = gaussian_cells(2.0, 0.2, CELLS)
    counts = poisson(3000 * probabilities, 300)
    told = expected(probabilities, 3000)
    assert np.mean([empty_share(c) for c in counts]) == pytest.approx(told["empty"], abs=0.003)
    assert np.mean([dispersion(c) for c in counts]) == pytest.approx(told["dispersion"], rel=0.02)
    assert np.mean([grain(c) for c in counts]) == pytest.approx(told["grain"], rel=0.03)
    assert counts.mean() == pytest.approx(told["per_cell"], rel=0.01)
