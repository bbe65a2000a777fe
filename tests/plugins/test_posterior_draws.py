"""Draws keyed by row number: normal, independent, and the same in any block."""

import numpy as np
import pytest

from latent_analyze_plugins.posterior.compute import row_normals

ROWS = np.arange(50_000)


def test_moments_are_those_of_the_normal_distribution():
    draws = row_normals(ROWS, 4, seed=0)
    assert draws.mean(axis=0) == pytest.approx(np.zeros(4), abs=0.02)
    assert draws.var(axis=0) == pytest.approx(np.ones(4), abs=0.03)
    assert (draws**4).mean() == pytest.approx(3.0, abs=0.1)
    assert (np.abs(draws) < 1.96).mean() == pytest.approx(0.95, abs=0.003)


def test_axes_and_neighboring_rows_are_independent():
    draws = row_normals(ROWS, 5, seed=1)
    together = np.corrcoef(np.concatenate([draws[:-1], draws[1:]], axis=1).T)
    assert np.abs(together - np.eye(10)).max() < 0.02
    squares = np.corrcoef((draws**2).T)
    assert np.abs(squares - np.eye(5)).max() < 0.02


def test_a_row_has_its_draw_in_any_block():
    whole = row_normals(ROWS[:100], 7, seed=3)
    np.testing.assert_array_equal(row_normals(ROWS[40:50], 7, seed=3), whole[40:50])
    np.testing.assert_array_equal(row_normals(np.array([99, 0]), 7, seed=3), whole[[99, 0]])


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_shape_and_seed(dim):
    one, two = (row_normals(ROWS[:10], dim, seed) for seed in (0, 1))
    assert one.shape == (10, dim)
    assert not np.isclose(one, two).any()


def test_no_rows():
    assert row_normals(ROWS[:0], 3, seed=0).shape == (0, 3)
