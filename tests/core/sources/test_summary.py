from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from latent_analyze.sources.seeding import keyed_rng
from latent_analyze.sources.summary import MAX_COVARIANCE_DIM, Summary, SummaryAccumulator


def summarize(*pieces: NDArray[np.float32], covariance: bool = True) -> Summary:
    accumulator = SummaryAccumulator(pieces[0].shape[1], covariance=covariance)
    for piece in pieces:
        accumulator.add(piece)
    return accumulator.result()


def merged(*pieces: NDArray[np.float32]) -> Summary:
    total = SummaryAccumulator(pieces[0].shape[1])
    for piece in pieces:
        part = SummaryAccumulator(piece.shape[1])
        part.add(piece)
        total.merge(part)
        total.merge(SummaryAccumulator(piece.shape[1]))
    return total.result()


def cloud(count: int, dim: int, *, mean: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    rng = keyed_rng(seed, "summary", count, dim)
    mixing = rng.standard_normal((dim, dim))
    return (rng.standard_normal((count, dim)) @ mixing + mean).astype(np.float32)


def assert_close(one: Summary, two: Summary, tolerance: float = 4e-6) -> None:
    # Products are in float32: rounding of 400 rows is up to some 1e-6 of the variance.
    assert (one.count, one.nonfinite) == (two.count, two.nonfinite)
    for name in ("min", "max"):
        assert np.array_equal(getattr(one, name), getattr(two, name), equal_nan=True)
    assert one.radius_min == pytest.approx(two.radius_min, nan_ok=True)
    assert one.radius_max == pytest.approx(two.radius_max, nan_ok=True)
    scale = float(np.nanmax(two.std)) if two.count else 0.0
    np.testing.assert_allclose(one.mean, two.mean, rtol=tolerance, atol=tolerance * scale)
    np.testing.assert_allclose(one.variance, two.variance, rtol=0, atol=tolerance * scale**2)
    if two.covariance is not None:
        np.testing.assert_allclose(one.covariance, two.covariance, atol=tolerance * scale**2)


def test_moments_are_those_of_numpy() -> None:
    z = cloud(3000, 6, mean=2.0)
    summary, wide = summarize(z), z.astype(np.float64)
    np.testing.assert_allclose(summary.mean, wide.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(summary.covariance, np.cov(wide.T), rtol=1e-5, atol=1e-5)
    assert np.array_equal(summary.variance, np.diagonal(summary.covariance))
    radii = np.linalg.norm(wide, axis=1)
    assert (summary.radius_min, summary.radius_max) == pytest.approx((radii.min(), radii.max()))
    assert np.array_equal(summary.max, z.max(axis=0))
    assert summary.spread == pytest.approx(np.sqrt(wide.var(axis=0, ddof=1).mean()), rel=1e-5)


@given(st.lists(st.integers(0, 400), max_size=6), st.integers(0, 20))
def test_the_split_does_not_matter(cuts: list[int], seed: int) -> None:
    z = cloud(400, 4, mean=50.0, seed=seed)
    z[seed * 3] = np.nan
    pieces = np.split(z, sorted(cuts))
    assert_close(summarize(*pieces), summarize(z))
    assert_close(merged(*pieces), summarize(z))


def test_merging_is_associative() -> None:
    parts = []
    for i, piece in enumerate(np.array_split(cloud(900, 3, mean=-7.0), 3)):
        part = SummaryAccumulator(3)
        part.add(piece + np.float32(10 * i))
        parts.append(part)
    left, right = SummaryAccumulator(3), SummaryAccumulator(3)
    for part in parts:
        left.merge(part)
    right.merge(parts[1])
    right.merge(parts[2])
    whole = SummaryAccumulator(3)
    whole.merge(parts[0])
    whole.merge(right)
    assert_close(left.result(), whole.result())


@pytest.mark.parametrize("mean", [10.0, 1000.0])
def test_off_center_clouds_keep_their_covariance(mean: float) -> None:
    z = cloud(20_000, 16, mean=mean)
    wide = np.cov(z.astype(np.float64).T)
    for found in (summarize(z), summarize(*np.array_split(z, 9)), merged(*np.array_split(z, 9))):
        assert found.covariance is not None
        error = np.abs(found.covariance - wide).max() / np.abs(wide).max()
        assert error < 1e-5


def test_classes_in_order_keep_their_covariance() -> None:
    z = np.concatenate([cloud(2000, 4, seed=k) + np.float32(500 * k) for k in range(4)])
    wide = np.cov(z.astype(np.float64).T)
    np.testing.assert_allclose(merged(*np.split(z, 4)).covariance, wide, rtol=1e-5)


def test_rows_that_are_not_finite_count_in_nothing_else() -> None:
    z = cloud(100, 3)
    bad = z.copy()
    bad[3, 1], bad[50], bad[99, 2] = np.nan, np.inf, -np.inf
    found = summarize(bad)
    assert (found.count, found.nonfinite) == (97, 3)
    assert_close(
        found, Summary(**{**vars(summarize(np.delete(z, [3, 50, 99], 0))), "nonfinite": 3})
    )


def test_large_values_are_finite() -> None:
    z = np.full((4, 2), 1e30, np.float32)
    assert summarize(z).nonfinite == 0


def test_nothing_but_nan() -> None:
    found = summarize(np.full((5, 2), np.nan, np.float32))
    assert (found.count, found.nonfinite) == (0, 5)
    assert np.isnan(found.mean).all()
    assert summarize(np.zeros((0, 2), np.float32)).count == 0


def test_constant_data_has_no_spread() -> None:
    found = summarize(np.full((1000, 3), 0.1, np.float32))
    assert not found.variance.any()
    assert found.covariance is not None
    assert not found.covariance.any()
    np.testing.assert_allclose(found.mean, np.float32(0.1))


def test_one_row() -> None:
    found = summarize(np.array([[3.0, 4.0]], np.float32))
    assert found.count == 1
    assert found.radius_min == found.radius_max == 5.0
    assert not found.variance.any()


def test_many_dimensions_have_variances_only() -> None:
    z = keyed_rng(0).standard_normal((30, MAX_COVARIANCE_DIM + 1)).astype(np.float32)
    parts = np.array_split(z + np.float32(100), 4)
    found, whole = merged(*parts), summarize(np.concatenate(parts))
    assert found.covariance is None
    np.testing.assert_allclose(found.variance, whole.variance, rtol=1e-4)
    np.testing.assert_allclose(found.variance, z.var(axis=0, ddof=1), rtol=1e-3)


def test_covariance_can_be_left_out() -> None:
    z = cloud(500, 3, mean=20.0)
    found = summarize(z, covariance=False)
    assert found.covariance is None
    np.testing.assert_allclose(found.variance, summarize(z).variance, rtol=1e-5)
