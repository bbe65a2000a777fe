"""Pairs, half-widths and the metric of `slices`."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from latent_analyze.plugin import ArraySource, Batch, Frame, Result
from latent_analyze_plugins.slices import Slices
from latent_analyze_plugins.slices.frame import half_width_grid, rank_by_elongation
from latent_analyze_plugins.slices.metric import count_nearer


def prepare(z: np.ndarray, **options: object) -> Frame:
    return Slices(Slices.Options(**options)).prepare(ArraySource(z))


def analyze(z: np.ndarray, frame: Frame | None = None, **options: object) -> Result:
    analysis = Slices(Slices.Options(**options))
    source = ArraySource(z)
    frame = frame or analysis.prepare(source)
    accumulator = analysis.accumulator(frame)
    accumulator.add(Batch(z, np.arange(len(z))))
    return analysis.declare(frame, source).result(accumulator.result())


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def test_ranking_is_by_the_ratio_of_the_eigenvalues() -> None:
    root = np.random.default_rng(2).standard_normal((7, 7))
    covariance = root @ root.T
    ratio = {}
    for i, j in combinations(range(7), 2):
        small, large = np.linalg.eigvalsh(covariance[np.ix_([i, j], [i, j])])
        ratio[i, j] = large / small
    ranked = [tuple(pair) for pair in rank_by_elongation(covariance).tolist()]
    assert ranked == sorted(ratio, key=lambda pair: -ratio[pair])


def test_auto_takes_correlated_axes_and_each_axis_once() -> None:
    z = normal(2000, 6)
    z[:, 4] = 0.98 * z[:, 1] + 0.2 * z[:, 4]
    pairs = prepare(z)["pairs"]
    assert pairs[0].tolist() == [1, 4]
    assert len(np.unique(pairs)) == 6


def test_auto_shares_axes_only_where_there_are_too_few() -> None:
    pairs = prepare(normal(500, 3), n_pairs=5)["pairs"]
    assert len({tuple(pair) for pair in pairs.tolist()}) == 3


def test_auto_passes_over_axes_that_hardly_vary() -> None:
    scale = np.array([1, 2, 1e-4, 1, 0], np.float32)
    assert not np.isin(prepare(normal(500, 5) * scale, n_pairs=2)["pairs"], [2, 4]).any()


def test_auto_works_where_only_one_axis_varies() -> None:
    scale = np.array([1, 0, 0], np.float32)
    assert prepare(normal(200, 3) * scale, n_pairs=1)["pairs"].tolist() == [[0, 1]]


@pytest.mark.parametrize(("b", "farthest"), [(1.0, 5.0), (0.001, 5.0), (9.0, 5.0), (5.0, 5.0)])
def test_half_widths_ascend_hold_b_and_end_where_all_survive(b: float, farthest: float) -> None:
    grid = half_width_grid(b, farthest)
    assert grid.dtype == np.float32
    assert (np.diff(grid) > 0).all()
    assert grid[0] > 0
    assert np.float32(b) in grid
    assert grid[-1] == max(b, farthest)


@pytest.mark.parametrize("distance", [0.5, 2.0, 3.0])
def test_origin_percentile_is_that_of_a_chi_distribution(distance: float) -> None:
    z = normal(30_000, 2)
    z[:, 0] += distance
    expected = 100 * (1 - math.exp(-(distance**2) / 2))
    assert analyze(z)["origin_mahalanobis_percentile"] == pytest.approx(expected, abs=1.5)
    assert analyze(z)["origin_distance"] == pytest.approx(distance, rel=0.03)


def test_percentiles_do_not_depend_on_the_units_of_the_axes() -> None:
    z = normal(2000, 4) + np.float32(0.7)
    first, second = analyze(z), analyze(z * np.array([1, 1000, 0.01, 8], np.float32))
    for name in ("origin_mahalanobis_percentile", "origin_density_percentile"):
        assert first[name] == pytest.approx(second[name], abs=0.2)


def test_density_at_the_peak_and_in_a_hole() -> None:
    z = normal(3000, 8)
    shell = z / np.linalg.norm(z, axis=1, keepdims=True)
    assert analyze(z)["origin_density_percentile"] > 95
    assert analyze(shell)["origin_density_percentile"] == 0


def test_a_far_origin_is_farther_and_emptier_than_all() -> None:
    result = analyze(normal(1000, 4) + np.float32(1000))
    assert result["origin_mahalanobis_percentile"] == 100
    assert result["origin_density_percentile"] == 0


@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_nearer_rows_equal_a_count_in_float64(offset: float) -> None:
    z = normal(4000, 12) @ np.random.default_rng(3).standard_normal((12, 12)).astype(np.float32)
    frame = prepare((z + np.float32(0.05 * offset)).astype(np.float32))
    moved = (z + np.float32(0.05 * offset)).astype(np.float32)
    white = (moved - frame["mean"]) @ frame["whiten"].astype(np.float64)
    expected = ((white**2).sum(axis=1) < frame["origin_square"]).sum()
    assert count_nearer(moved, frame) == expected
    assert sum(count_nearer(part, frame) for part in np.array_split(moved, 37)) == expected


def test_axes_that_do_not_vary_are_left_out_of_the_metric_and_named() -> None:
    z = normal(500, 4)
    z[:, 2] = 7
    result, rest = analyze(z), analyze(np.delete(z, 2, axis=1))
    assert any("do not vary" in note for note in result.notes)
    name = "origin_mahalanobis_percentile"
    assert result[name] == pytest.approx(rest[name], abs=0.5)


def test_collinear_axes_leave_percentiles_finite() -> None:
    z = normal(500, 4)
    z[:, 3] = z[:, 0]
    assert 0 <= analyze(z)["origin_mahalanobis_percentile"] <= 100


def test_above_1024_dimensions_the_metric_is_diagonal() -> None:
    z = normal(40, 1030) + np.float32(0.1)
    frame = prepare(z)
    assert frame["metric"] == "diagonal"
    standardized = z.astype(np.float64) / z.std(axis=0, ddof=1, dtype=np.float64)
    centered = standardized - standardized.mean(axis=0)
    origin = (standardized.mean(axis=0) ** 2).sum()
    assert frame["origin_square"] == pytest.approx(origin, rel=1e-4)
    assert count_nearer(z, frame) == ((centered**2).sum(axis=1) < origin).sum()
    assert any("diagonal" in note for note in analyze(z, frame).notes)


def test_the_window_holds_the_origin_unless_it_is_far_away() -> None:
    for offset, inside in ((2.0, True), (500.0, False)):
        frame = prepare(normal(500, 2) + np.float32(offset))
        low, width = frame["low"][0], frame["width"][0]
        assert bool(((low <= 0) & (low + width >= 0)).all()) is inside
