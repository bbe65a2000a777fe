"""Nearest neighbors, rank correlation and binned quantiles that several analyses share."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze.statistics import binned_quantiles, nearest, nearest_others, rank_correlation


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim))


@pytest.mark.parametrize("offset", [0, 1000])
def test_neighbors_agree_with_all_distances(offset: float) -> None:
    points, queries = normal(80, 5) + offset, normal(30, 5, 1) + offset
    every = np.linalg.norm(queries[:, None] - points, axis=2)
    distances, rows = nearest(queries, points, 4)
    assert np.array_equal(rows, np.argsort(every, axis=1)[:, :4])
    assert np.allclose(distances, np.sort(every, axis=1)[:, :4])


def test_fewer_points_than_neighbors_give_all() -> None:
    points = normal(3, 2)
    assert nearest(points, points, 9)[0].shape == (3, 3)
    assert nearest_others(points, 9)[0].shape == (3, 2)


def test_a_point_is_no_neighbor_of_its_own_but_its_double_is() -> None:
    points = np.concatenate([normal(20, 3), normal(20, 3)])
    distances, rows = nearest_others(points, 1)
    assert np.array_equal(rows[:, 0], (np.arange(40) + 20) % 40)
    assert np.allclose(distances, 0, atol=1e-6)


def test_rank_correlation_sees_order_only() -> None:
    x = normal(200, 1)[:, 0]
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1)
    assert rank_correlation(x, -(x**3)) == pytest.approx(-1)
    assert abs(rank_correlation(x, normal(200, 1, 1)[:, 0]) or 1) < 0.25


def test_rank_correlation_with_ties_is_pearsons_of_mean_ranks() -> None:
    # Ranks 1.5 1.5 3 4 and 1 2 3.5 3.5.
    expected = np.corrcoef([1.5, 1.5, 3, 4], [1, 2, 3.5, 3.5])[0, 1]
    assert rank_correlation(np.array([1, 1, 2, 5]), np.array([0, 3, 7, 7])) == pytest.approx(
        expected
    )


def test_what_does_not_vary_has_no_rank_correlation() -> None:
    assert rank_correlation(np.ones(9), np.arange(9)) is None
    assert rank_correlation(np.arange(2), np.arange(2)) is None


def test_bins_hold_equally_many_rows() -> None:
    x = np.random.default_rng(0).permutation(100).astype(float)
    centers, quartiles = binned_quantiles(x, 2 * x, bins=10)
    assert np.allclose(centers, np.arange(4.5, 100, 10))
    assert np.allclose(quartiles[:, 1], 2 * centers)
    assert (np.diff(quartiles, axis=1) > 0).all()


def test_few_rows_make_few_bins() -> None:
    assert len(binned_quantiles(np.arange(12), np.arange(12))[0]) == 2
    assert len(binned_quantiles(np.arange(3), np.arange(3))[0]) == 1
