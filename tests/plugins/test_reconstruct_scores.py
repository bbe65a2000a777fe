"""Errors of reconstructed images: closed forms, and the definitions written out."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze_plugins.reconstruct.compute import (
    C1,
    C2,
    cross_entropy,
    mean_squared,
    structural_similarity,
)


def images(n: int, side: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random((n, side, side, channels)).astype(np.float32)


def test_mean_squared_error_of_a_known_difference() -> None:
    original = np.zeros((2, 4, 5, 3), np.float32)
    decoded = original.copy()
    decoded[1] = 0.5
    decoded[0, 0, 0, 0] = 1
    assert mean_squared(original, decoded).tolist() == [1 / 60, 0.25]


def test_cross_entropy_by_hand() -> None:
    original = np.array([[0.0, 1.0], [0.25, 0.25]])
    decoded = np.array([[0.5, 0.8], [0.25, 0.5]])
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    expected = [(np.log(2) - np.log(0.8)) / 2, (entropy + np.log(2)) / 2]
    assert np.allclose(cross_entropy(original, decoded), expected)


def test_no_reconstruction_has_less_cross_entropy_than_the_original() -> None:
    original = images(5, 6)
    floor = cross_entropy(original, original)
    assert (cross_entropy(original, images(5, 6, seed=1)) > floor).all()


def test_cross_entropy_is_finite_for_sure_and_wrong_pixels() -> None:
    found = cross_entropy(np.ones((1, 3)), np.zeros((1, 3)))
    assert found[0] == pytest.approx(-np.log(1e-7))
    assert cross_entropy(np.zeros((1, 3)), np.full((1, 3), -4.0))[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("side", [3, 8, 11, 12, 28])
@pytest.mark.parametrize("channels", [1, 3])
def test_equal_images_are_alike(side: int, channels: int) -> None:
    x = images(4, side, channels)
    assert np.allclose(structural_similarity(x, x), 1)


@pytest.mark.parametrize("side", [8, 20])
def test_flat_images_differ_in_luminance_only(side: int) -> None:
    x, y = np.full((1, side, side, 1), 0.2), np.full((1, side, side, 1), 0.6)
    expected = (2 * 0.2 * 0.6 + C1) / (0.2**2 + 0.6**2 + C1)
    assert structural_similarity(x, y)[0] == pytest.approx(expected)


@pytest.mark.parametrize(("side", "radius"), [(16, 5), (8, 3)])
def test_similarity_is_the_definition_of_wang(side: int, radius: int) -> None:
    x, y = (
        images(1, side)[..., 0][0].astype(float),
        images(1, side, seed=1)[..., 0][0].astype(float),
    )
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    for row in range(radius, side - radius):
        for column in range(radius, side - radius):
            window = np.s_[row - radius : row + radius + 1, column - radius : column + radius + 1]
            a, b = x[window], y[window]
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a = (weights * (a - mean_a) ** 2).sum()
            var_b = (weights * (b - mean_b) ** 2).sum()
            both = (weights * (a - mean_a) * (b - mean_b)).sum()
            values.append(
                (2 * mean_a * mean_b + C1) * (2 * both + C2)
                / ((mean_a**2 + mean_b**2 + C1) * (var_a + var_b + C2))
            )  # fmt: skip
    found = structural_similarity(x[None, ..., None], y[None, ..., None])
    assert found[0] == pytest.approx(np.mean(values))


def test_similarity_is_symmetric_and_falls_with_noise() -> None:
    x, noise = images(3, 16), images(3, 16, seed=1) - 0.5
    weak, strong = (structural_similarity(x, x + scale * noise) for scale in (0.1, 0.8))
    assert (weak > strong).all()
    assert np.allclose(structural_similarity(x, noise), structural_similarity(noise, x))


def test_too_small_images_have_no_structure() -> None:
    assert structural_similarity(images(2, 2), images(2, 2)) is None
