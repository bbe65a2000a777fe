"""Search: the neighbors of brute force, in all points and in every part of them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze.plugin import Batch
from latent_analyze_plugins.neighbors.search import (
    RANKS,
    distinct_points,
    find_neighbors,
    tree_edges,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def brute(points, k):
    squares = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    return np.sqrt(np.sort(squares, axis=1)[:, :k])


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(21, 200),
    dim=st.integers(1, 40),
    offset=st.sampled_from([0.0, 1.0, 1000.0]),
    seed=st.integers(0, 2**31),
)
def test_neighbors_are_those_of_brute_force(n, dim, offset, seed):
    points = np.random.default_rng(seed).standard_normal((n, dim)) + offset
    near = find_neighbors(points, 20)
    np.testing.assert_allclose(near.distances, brute(points, 20), rtol=1e-9)
    rows = np.arange(n)[:, None]
    assert (near.rows != rows).all(), "a point is no neighbor of its own"
    own = np.linalg.norm(points[near.rows] - points[rows], axis=2)
    np.testing.assert_allclose(own, near.distances, rtol=1e-12)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(80, 400), levels=st.integers(1, 3), seed=st.integers(0, 2**31))
def test_each_level_searches_parts_that_are_runs_of_rows(n, levels, seed):
    points = np.random.default_rng(seed).random((n, 3))
    near = find_neighbors(points, 16, levels)
    for level in range(levels):
        bounds = [-(-part * n // 2**level) for part in range(2**level + 1)]
        for low, high in pairwise(bounds):
            expected = brute(points[low:high], 16)[:, RANKS - 1]
            np.testing.assert_allclose(near.by_level[level, low:high], expected, rtol=1e-9)


def test_more_rows_than_a_chunk_holds(rng, monkeypatch):
    points = rng.random((500, 4))
    whole = find_neighbors(points, 16, 2)
    monkeypatch.setattr("latent_analyze_plugins.neighbors.search.CHUNK_VALUES", 500 * 64)
    chunks = find_neighbors(points, 16, 2)
    np.testing.assert_array_equal(chunks.rows, whole.rows)
    np.testing.assert_array_equal(chunks.by_level, whole.by_level)


@pytest.mark.parametrize("scale", [1e-18, 1.0, 1e18])
def test_any_scale_of_float32(scale, rng):
    points = (rng.standard_normal((100, 5)) * scale).astype(np.float32).astype(float)
    expected = brute(points / scale, 16) * scale
    np.testing.assert_allclose(find_neighbors(points, 16).distances, expected, rtol=1e-9)


def test_distances_keep_their_precision_far_from_the_origin(rng):
    line = np.arange(64) * 2.0**-10
    points = np.column_stack([line, np.full(64, 1000.0), np.full(64, -5000.0)])
    near = find_neighbors(rng.permutation(points), 16)
    assert (near.distances[:, 0] == 2.0**-10).all()


def test_each_distinct_finite_row_once_in_random_order(rng):
    z = rng.standard_normal((100, 3)).astype(np.float32)
    z[10:20] = z[0]
    z[30], z[31] = [0.0, 1.0, 2.0], [-0.0, 1.0, 2.0]
    z[40, 1], z[41, 2] = np.nan, np.inf
    cloud = distinct_points(Batch(z, np.arange(50, 150)), np.random.default_rng(1))
    assert (cloud.duplicates, cloud.nonfinite, len(cloud.points)) == (11, 2, 87)
    expected = {tuple(row + 0.0) for row in z if np.isfinite(row).all()}
    assert {tuple(row) for row in cloud.points.astype(np.float32)} == expected
    assert not np.array_equal(cloud.points[:20], z[:20])
    np.testing.assert_array_equal(cloud.points, z[cloud.rows - 50] + 0.0)
    few = distinct_points(Batch(z, np.arange(100)), np.random.default_rng(1), most=5)
    assert (len(few.points), len(few.rows), few.duplicates) == (5, 5, 11)


def test_rows_without_a_finite_one(rng):
    cloud = distinct_points(Batch(np.full((4, 2), np.nan, np.float32), np.arange(4)), rng)
    assert (len(cloud.points), cloud.nonfinite) == (0, 4)


def test_tree_of_points_on_a_line(rng):
    places = np.cumsum(np.arange(1, 41)).astype(float)
    points = rng.permutation(np.outer(places, [0.6, 0.8]))
    np.testing.assert_allclose(tree_edges(points), np.arange(2, 41), rtol=1e-12)


def test_tree_is_that_of_scipy(rng):
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import cdist

    points = rng.standard_normal((150, 6)) + 100
    expected = np.sort(minimum_spanning_tree(cdist(points, points)).data)
    np.testing.assert_allclose(tree_edges(points), expected, rtol=1e-9)
