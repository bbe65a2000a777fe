"""Rows against the normal distribution, whatever its moments."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from latent_analyze.errors import AnalysisError
from latent_analyze.statistics import against_gaussian
from latent_analyze.statistics.normality import recursive_residuals


def test_recursive_residuals_of_normal_rows_are_standard_normal_whatever_the_moments() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((5, 5))
    found = np.array(
        [recursive_residuals(rng.standard_normal((12, 5)) @ mixing + 3, 6) for _ in range(3000)]
    ).reshape(3000, -1)
    assert found.shape[1] == 30
    assert min(kstest(column, "norm").pvalue for column in found.T) > 0.001 / 30
    for values in (found, found**2):
        correlation = np.corrcoef(values.T) - np.eye(30)
        assert np.abs(correlation).max() < 4.5 / np.sqrt(3000)


def test_recursive_residuals_depend_on_earlier_rows_only() -> None:
    rows = np.random.default_rng(0).standard_normal((300, 3))
    whole, part = recursive_residuals(rows, 10), recursive_residuals(rows[:150], 10)
    np.testing.assert_allclose(whole[:140], part, rtol=1e-9, atol=1e-9)


def test_recursive_residuals_approach_whitened_rows() -> None:
    rows = np.random.default_rng(0).standard_normal((20_000, 2)) @ [[3.0, 1.0], [0.0, 0.5]] + 4
    white = np.linalg.solve(np.linalg.cholesky(np.cov(rows.T)), (rows - rows.mean(axis=0)).T).T
    np.testing.assert_allclose(recursive_residuals(rows, 5)[-100:], white[-100:], atol=0.1)


def test_a_fitted_normal_distribution_is_told_from_groups_not_from_normal_rows() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((600, 5)) * [1, 2, 3, 4, 5]
    assert against_gaussian(rows, seed=0).p_value > 0.05
    found = against_gaussian(rows + 30 * rng.integers(0, 2, (600, 1)), seed=0)
    assert found.p_value == 1 / 500
    assert found.effect > 0.3


def test_constant_axes_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.standard_normal((400, 3)), np.full((400, 2), 0.5)])
    assert against_gaussian(rows[np.argsort(rows[:, 0])], seed=0).p_value > 0.05


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.random.default_rng(0).standard_normal((59, 2)), "at least 60 rows.*found 59"),
        (np.ones((80, 2)), "rows that differ in rows, found 80"),
    ],
    ids=["few", "alike"],
)
def test_what_cannot_be_tested(rows: np.ndarray, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        against_gaussian(rows, seed=0)
