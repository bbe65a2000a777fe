"""Shrunk correlations of a sample."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze.statistics import shrunk_correlation


def test_many_rows_are_hardly_shrunk() -> None:
    rows = np.random.default_rng(0).standard_normal((50_000, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
    values, vectors = shrunk_correlation(rows)
    np.testing.assert_allclose(values, [0.2, 1.8], rtol=0.03)
    np.testing.assert_allclose(np.abs(vectors), np.sqrt(0.5), atol=0.01)


def test_fewer_rows_than_axes_still_have_full_rank() -> None:
    values, _ = shrunk_correlation(np.random.default_rng(0).standard_normal((10, 30)))
    assert values.min() > 0.1


@pytest.mark.parametrize("shape", [(2, 3), (20, 1), (20, 3)])
def test_rows_of_zeros_have_no_spread(shape: tuple[int, int]) -> None:
    values, vectors = shrunk_correlation(np.zeros(shape))
    np.testing.assert_array_equal(values, np.zeros(shape[1]))
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(shape[1]))
