"""Metrics, k-NN balls and intervals of `random_decode` in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from latent_analyze_plugins.random_decode import scores
from latent_analyze_plugins.random_decode.findings import boundary
from latent_analyze_plugins.random_decode.intervals import wilson
from latent_analyze_plugins.random_decode.scores import (
    fit_whitening,
    knn_radii,
    support_scores,
    whitened,
)

RNG = np.random.default_rng


def test_whitened_rows_have_unit_second_moments() -> None:
    rows = RNG(0).standard_normal((20_000, 3)) @ RNG(1).standard_normal((3, 3)) * [1, 100, 0.01]
    white = whitened(rows, fit_whitening(rows, np.full(3, 1e-9)))
    np.testing.assert_allclose(white.T @ white / len(white), np.eye(3), atol=0.05)


def test_flat_directions_are_measured_not_left_out() -> None:
    rows = RNG(0).standard_normal((5000, 2)) * [1.0, 0.0]
    whitening = fit_whitening(rows, np.full(2, 1e-3))
    off = whitened(np.array([[0.0, 1.0]]), whitening)
    assert np.linalg.norm(off) >= 1000


def test_rows_without_any_spread_are_measured_in_the_floor() -> None:
    whitening = fit_whitening(np.zeros((10, 3)), np.array([1.0, 2.0, 4.0]))
    np.testing.assert_allclose(whitening, np.diag([1.0, 0.5, 0.25]))


def test_many_dimensions_have_a_factor_per_axis() -> None:
    rows = RNG(0).standard_normal((50, 1500)) * 3
    whitening = fit_whitening(rows, np.full(1500, 1e-6))
    assert whitening.shape == (1500,)
    white = whitened(rows, whitening)
    np.testing.assert_allclose((white**2).mean(axis=0), 1.0)


def test_radii_of_a_line_of_points() -> None:
    line = np.arange(200.0)[:, None]
    radii = knn_radii(line, 2)
    np.testing.assert_allclose(radii[1:-1], 1.0)
    np.testing.assert_allclose(radii[[0, -1]], 2.0)


@pytest.mark.parametrize("chunk", [64, 7])
def test_scores_against_a_direct_computation(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "CHUNK", chunk)
    support, points = RNG(0).standard_normal((150, 3)), RNG(1).standard_normal((90, 3)) * 2
    radii = knn_radii(support, 5)
    every = np.linalg.norm(support[:, None] - support, axis=-1)
    np.testing.assert_allclose(radii, np.sort(every, axis=1)[:, 5], rtol=1e-9)
    distances = np.linalg.norm(points[:, None] - support, axis=-1)
    found, nearest = support_scores(points, support, radii)
    np.testing.assert_allclose(nearest, distances.min(axis=1), rtol=1e-9)
    np.testing.assert_allclose(found, (distances / radii).min(axis=1), rtol=1e-9)


def test_balls_are_larger_where_points_are_rare() -> None:
    rows = np.concatenate([RNG(0).normal(0, 0.01, (100, 2)), RNG(1).normal(9, 2, (100, 2))])
    radii = knn_radii(rows, 5)
    assert np.median(radii[100:]) > 20 * np.median(radii[:100])


@pytest.mark.parametrize("total", [1, 20, 1000])
@given(share=st.floats(0, 1))
def test_intervals_are_those_of_wilson(total: int, share: float) -> None:
    passed = round(share * total)
    expected = binomtest(passed, total).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson(passed / total, total), expected, atol=1e-12)


def test_an_interval_that_is_known() -> None:
    # Newcombe (1998), table I: 81 of 263.
    np.testing.assert_allclose(wilson(81 / 263, 263), (0.2553, 0.3662), atol=5e-5)


@pytest.mark.parametrize(
    ("label", "unit", "b"),
    [
        ("uniform:b=1.5", "latent", 1.5),
        ("uniform:b=1.5", "spread", None),
        ("uniform:b=2:unit=spread", "spread", 2.0),
        ("uniform:b=2:unit=spread", "latent", None),
        ("uniform:b=1e-05", "latent", 1e-5),
        ("gaussian", "latent", None),
        ("uniform:count=5", "latent", None),
    ],
)
def test_boundaries_of_labels(label: str, unit: str, b: float | None) -> None:
    assert boundary(label, unit) == b
