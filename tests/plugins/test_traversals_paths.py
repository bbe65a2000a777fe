"""Paths, and the sample that tells how far they are from the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze import AnalysisError
from latent_analyze.plugin import Batch
from latent_analyze_plugins.traversals.cloud import Cloud
from latent_analyze_plugins.traversals.paths import (
    Paths,
    graph_routes,
    random_pairs,
    resampled,
    spherical,
    straight,
)


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim))


def circle(n: int, radius: float = 1.0) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def make_paths(points: np.ndarray, pairs: list[tuple[int, int]], k: int = 3) -> Paths:
    rows = np.array(pairs)
    routes = graph_routes(points, rows, k)
    return Paths(points, rows, routes, points.mean(axis=0))


# --- straight and spherical --------------------------------------------------------------------


def test_straight_paths_have_equal_steps_between_their_ends() -> None:
    start, end = normal(5, 4), normal(5, 4, 1)
    path = straight(start, end, 8)
    assert path.shape == (5, 9, 4)
    assert np.allclose(path[:, [0, -1]], np.stack([start, end], axis=1))
    assert np.allclose(np.diff(path, axis=1), (end - start)[:, None] / 8)


@given(st.integers(2, 30), st.integers(0, 1000), st.floats(-5, 5))
def test_spherical_paths_keep_between_the_lengths_of_their_ends(
    dim: int, seed: int, offset: float
) -> None:
    start, end = normal(1, dim, seed) + offset, normal(1, dim, seed + 1) + offset
    center = np.full(dim, offset)
    path = spherical(start, end, 10, center=center)[0]
    assert np.allclose(path[[0, -1]], np.concatenate([start, end]))
    lengths = np.linalg.norm(path - center, axis=1)
    ends = lengths[0], lengths[-1]
    assert np.allclose(lengths, np.linspace(*ends, 11))


def test_spherical_paths_turn_evenly_in_one_plane() -> None:
    path = spherical(np.array([2.0, 0, 0]), np.array([0, 2.0, 0]), 9, center=np.zeros(3))
    angle = np.arctan2(path[:, 1], path[:, 0])
    assert np.allclose(angle, np.linspace(0, np.pi / 2, 10))
    assert np.allclose(path[:, 2], 0)


@pytest.mark.parametrize("end", [[-2.0, -2], [1.0, 1], [0.0, 0], [3.0, 3]])
def test_spherical_paths_without_a_plane_are_straight(end: list[float]) -> None:
    start = np.array([1.0, 1.0])
    path = spherical(start, np.array(end), 4, center=np.zeros(2))
    assert np.allclose(path, straight(start, np.array(end), 4))


# --- the graph ---------------------------------------------------------------------------------


def test_paths_over_the_graph_of_a_circle_go_along_the_circle() -> None:
    paths = make_paths(circle(60), [(0, 30), (5, 20)], k=2)
    for pair, span in (0, np.pi), (1, np.pi / 2):
        path = paths.along("graph", np.array([pair]))[0]
        assert np.allclose(path[[0, -1]], paths.points[paths.pairs[pair]])
        assert (np.linalg.norm(path, axis=1) > 0.995).all()
        length = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
        assert length == pytest.approx(span, rel=0.01)
    assert paths.detours()[0] == pytest.approx(np.pi / 2, rel=0.01)
    middle = paths.along("straight", np.array([0]))[0, 8]
    assert np.allclose(middle, 0, atol=1e-9)


def test_the_shortest_way_is_taken() -> None:
    points = np.array([[0.0, 0], [1, 0], [2, 0], [1, 3]])
    (route,) = graph_routes(points, np.array([[0, 2]]), 3)
    assert route in ([0, 2], [0, 1, 2])
    assert 3 not in route


def test_parts_that_are_apart_are_not_joined() -> None:
    points = np.concatenate([circle(20), circle(20) + 50])
    paths = make_paths(points, [(0, 10), (0, 30), (25, 30)], k=2)
    assert paths.joined.tolist() == [True, False, True]
    assert len(paths.detours()) == 2


def test_edges_join_both_ways() -> None:
    # The far point has neighbors, but is nobody's neighbor.
    points = np.concatenate([normal(20, 2), [[9.0, 9]]])
    paths = make_paths(points, [(20, 3), (3, 20)], k=2)
    assert paths.joined.all()
    assert paths.routes[0] == paths.routes[1][::-1]


@given(st.integers(2, 9), st.integers(1, 40), st.integers(0, 1000))
def test_resampled_lines_keep_their_ends_and_lie_on_the_line(
    nodes: int, steps: int, seed: int
) -> None:
    line = np.cumsum(np.abs(normal(nodes, 1, seed)), axis=0) * [3.0, 4.0]
    path = resampled(line, steps)
    assert np.allclose(path[[0, -1]], line[[0, -1]])
    assert np.allclose(np.linalg.norm(np.diff(path, axis=0), axis=1).std(), 0, atol=1e-9)


def test_resampling_a_corner() -> None:
    corner = np.array([[0.0, 0], [1, 0], [1, 1]])
    expected = [[0, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 1]]
    assert np.allclose(resampled(corner, 4), expected)
    assert np.allclose(resampled(corner[[0, 0, 1, 1]], 2), [[0, 0], [0.5, 0], [1, 0]])


def test_random_pairs_are_of_different_rows() -> None:
    pairs = random_pairs(2, 500, np.random.default_rng(0))
    assert (pairs[:, 0] != pairs[:, 1]).all()
    pairs = random_pairs(7, 5000, np.random.default_rng(0))
    assert np.bincount(pairs.ravel()).min() > 1000


# --- distances from the data -------------------------------------------------------------------


def make_cloud(z: np.ndarray, k: int = 5) -> Cloud:
    batch = Batch(z.astype(np.float32), np.arange(len(z)))
    return Cloud.of(batch, k, np.random.default_rng(0))


def test_a_typical_point_has_distance_one() -> None:
    cloud = make_cloud(normal(2000, 3))
    assert len(cloud.carriers) == len(cloud.yardstick) == 1000
    own = cloud.distance(cloud.carriers)
    assert np.median(own) == pytest.approx(1)
    assert (own <= cloud.limit).mean() == pytest.approx(0.95, abs=0.002)
    assert cloud.distance(normal(1000, 3, 1)).mean() == pytest.approx(own.mean(), rel=0.1)


def test_places_far_away_are_far() -> None:
    cloud = make_cloud(circle(400))
    inside, outside = cloud.distance(np.array([[0.0, 0], [11, 0]]))
    # The fifth neighbor among 200 on the circle is about 0.078 away.
    assert inside == pytest.approx(1 / 0.078, rel=0.2)
    assert outside == pytest.approx(10 * inside, rel=0.05)


def test_halves_share_no_point_and_repeats_are_dropped() -> None:
    z = np.repeat(normal(100, 2), 3, axis=0)
    z[0] = np.nan
    cloud = make_cloud(z)
    both = np.concatenate([cloud.carriers, cloud.yardstick])
    assert len(np.unique(both, axis=0)) == len(both) == 100
    assert cloud.dropped == 200


def test_few_points_are_an_error() -> None:
    with pytest.raises(AnalysisError, match="at least 24 different finite z-points"):
        make_cloud(np.repeat(normal(20, 2), 10, axis=0))


def test_points_in_one_place_are_an_error() -> None:
    z = np.zeros((200, 1))
    # Different numbers, but no distance between them that double precision could tell.
    z[:, 0] = np.concatenate([np.arange(1, 191) * 1e-30, np.arange(10) * 1e4])
    with pytest.raises(AnalysisError, match="apart from each other"):
        make_cloud(z).distance(np.zeros((1, 1)))
