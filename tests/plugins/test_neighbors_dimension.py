"""Dimension: closed forms, known manifolds under noise, and plateaus that are none."""

import numpy as np
import pytest

from latent_analyze_plugins.neighbors.dimension import (
    ScaleCurve,
    decimation_curve,
    decimations,
    find_plateau,
    gride,
    inverse_local_dimension,
    scale_curve,
    scales,
    twonn,
)
from latent_analyze_plugins.neighbors.search import find_neighbors


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def closed_curve(n, rng):
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angle), np.sin(angle)]) / 2


def wound_curve(n, rng):
    angle = rng.uniform(0, 2 * np.pi, n)
    waves = [np.cos(angle), np.sin(angle), 0.5 * np.cos(2 * angle), 0.5 * np.sin(3 * angle)]
    return np.column_stack(waves) / 2


def sheet(n, rng):
    return rng.random((n, 2))


def ball(n, rng):
    directions = rng.standard_normal((n, 5))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * rng.random((n, 1)) ** (1 / 5) / 2


def embedded(y, noise, rng):
    basis, _ = np.linalg.qr(rng.standard_normal((16, 16)))
    return y @ basis[: y.shape[1]] + noise * rng.standard_normal((len(y), 16))


def curve_of(points):
    return scale_curve(find_neighbors(points, 20, decimations(len(points))))


def ratios(d, k, rng, n=20_000):
    """Return distances whose ratios have the law of a uniform cloud in d dimensions."""
    volumes = np.cumsum(rng.exponential(size=(n, 2 * k)), axis=1)
    return volumes[:, k - 1] ** (1 / d), volumes[:, 2 * k - 1] ** (1 / d)


@pytest.mark.parametrize("d", [1, 2.5, 20])
def test_twonn_of_ratios_with_their_exact_law(d, rng):
    assert twonn(*ratios(d, 1, rng)) == pytest.approx(d, rel=0.04)


def test_twonn_fits_the_line_exactly():
    shares = np.arange(1000) / 1000
    outer = (1 - (shares + 0.001).clip(max=0.9999)) ** (-1 / 7)
    assert twonn(np.ones(1000), outer) == pytest.approx(7, rel=1e-9)


@pytest.mark.parametrize("k", [1, 2, 8])
@pytest.mark.parametrize("d", [1, 2.5, 20])
def test_gride_of_ratios_with_their_exact_law(d, k, rng):
    assert gride(*ratios(d, k, rng), k) == pytest.approx(d, rel=0.04)


def test_scale_and_units_do_not_matter(rng):
    inner, outer = ratios(5, 4, rng)
    assert gride(1e-6 * inner, 1e-6 * outer, 4) == pytest.approx(gride(inner, outer, 4), rel=1e-9)


def test_a_lattice_has_no_ratios():
    ones = np.ones(100)
    assert np.isnan(twonn(ones, ones))
    assert np.isnan(gride(ones, ones, 4))


def test_some_ties_still_give_a_number(rng):
    inner, outer = ratios(3, 4, rng)
    outer[:100] = inner[:100]
    assert gride(inner, outer, 4) == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize(("n", "expected"), [(32, 2), (50, 2), (5000, 9), (8000, 9)])
def test_the_largest_neighborhood_holds_an_eighth(n, expected):
    assert scales(n) == expected
    assert 2**expected <= n / 8 < 2 ** (expected + 1)


def test_each_scale_doubles_the_points_of_a_neighborhood(rng):
    curve = curve_of(rng.random((4000, 2)))
    np.testing.assert_allclose(np.diff(np.log(curve.distance)), np.log(2) / 2, atol=0.06)


def test_errors_are_those_of_repeats(rng):
    curves = [curve_of(rng.random((1000, 3))) for _ in range(25)]
    observed = np.std([c.dimension for c in curves], axis=0, ddof=1)
    assert (observed < 2 * curves[0].error).all()
    assert (observed > curves[0].error / 3).all()


@pytest.mark.parametrize(
    ("shape", "dimension", "noise"),
    [
        (closed_curve, 1, 1e-4),
        (closed_curve, 1, 1e-3),
        (wound_curve, 1, 1e-4),
        (wound_curve, 1, 1e-3),
        (sheet, 2, 1e-4),
        (sheet, 2, 1e-3),
        (ball, 5, 1e-4),
        (ball, 5, 1e-3),
    ],
)
def test_plateau_at_the_dimension_of_a_manifold(shape, dimension, noise, rng):
    plateau = find_plateau(curve_of(embedded(shape(5000, rng), noise, rng)))
    assert plateau is not None
    assert plateau.dimension == pytest.approx(dimension, rel=0.15)
    # Pairs differ by noise in all 16 axes: below that distance there is no curve to see.
    assert plateau.high > 2 * noise * np.sqrt(2 * 16)


@pytest.mark.parametrize("shape", [closed_curve, wound_curve, sheet, ball])
def test_no_plateau_where_noise_reaches_to_the_extent(shape, rng):
    curve = curve_of(embedded(shape(5000, rng), 1e-2, rng))
    assert find_plateau(curve) is None


@pytest.mark.parametrize("dim", [16, 64])
def test_no_plateau_where_points_are_few_for_the_dimensions(dim, rng):
    curve = curve_of(rng.standard_normal((4000, dim)))
    assert find_plateau(curve) is None
    assert curve.dimension[0] < dim


def test_a_wrong_step_is_no_plateau():
    distance = 2.0 ** np.arange(6)
    dimension = np.array([9.0, 8.0, 7.0, 3.0, 3.0, 3.0])
    plateau = find_plateau(ScaleCurve(distance, dimension, dimension / 100))
    assert (plateau.dimension, plateau.low, plateau.high) == (pytest.approx(3), 8.0, 32.0)


@pytest.mark.parametrize("error", [0.01, 1.0])
def test_noise_does_not_pass_for_flatness(error):
    flat = np.full(4, 5.0)
    plateau = find_plateau(ScaleCurve(1.2 ** np.arange(4), flat, flat * error))
    assert (plateau is None) == (error == 1.0)


def test_two_scales_are_no_plateau():
    two = np.full(2, 2.0)
    assert find_plateau(ScaleCurve(np.array([1.0, 2.0]), two, two / 100)) is None


def test_undefined_dimensions_are_no_plateau():
    empty = np.full(4, np.nan)
    assert find_plateau(ScaleCurve(2.0 ** np.arange(4), empty, empty)) is None


def test_decimations_are_twonn_on_ever_fewer_points(rng):
    points = rng.random((4000, 3))
    near = find_neighbors(points, 20, decimations(4000))
    curve = decimation_curve(near)
    np.testing.assert_allclose(np.diff(np.log(curve.distance)), np.log(2) / 3, atol=0.05)
    np.testing.assert_allclose(curve.dimension, 3, rtol=0.12)
    assert curve.dimension[0] == scale_curve(near).dimension[0]


def test_local_dimensions_average_to_that_of_the_whole(rng):
    near = find_neighbors(rng.random((3000, 2)), 20)
    inverse = inverse_local_dimension(near.distances, 10)
    assert 1 / inverse.mean() == pytest.approx(2, rel=0.06)


def test_local_dimension_by_its_formula(rng):
    distances = np.sort(rng.random((1, 6)), axis=1)
    expected = [np.log(distances[0, k - 1] / distances[0, : k - 1]).mean() for k in (3, 4, 5, 6)]
    assert inverse_local_dimension(distances, 3)[0] == pytest.approx(np.mean(expected))
