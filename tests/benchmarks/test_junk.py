"""Junk: of the right kind, and never one of the images that it was made from."""

from __future__ import annotations

import numpy as np
import pytest
from sampling import junk
from sampling.data import Images, small_digits

KINDS = junk.TRAINED | junk.UNSEEN


@pytest.fixture(scope="module")
def digits() -> Images:
    return small_digits()


@pytest.mark.parametrize("name", KINDS)
def test_junk_is_images_and_none_is_in_the_data(name: str, digits: Images) -> None:
    x, y = digits.x_train[:120], digits.y_train[:120]
    made = KINDS[name](x, y, np.random.default_rng(0))
    assert made.dtype == np.float32
    assert made.shape[1:] == x.shape[1:]
    assert len(made) > 80
    assert made.min() >= 0
    assert made.max() <= 1
    assert made.std() > 0.02
    apart = np.abs(made[:, None] - x[None]).max(axis=(2, 3, 4)).min(axis=1)
    assert (apart > 0.05).mean() > 0.95


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"distorted", "strokes"}))
def test_images_of_three_channels_keep_them(name: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.random((20, 16, 16, 3)).astype(np.float32)
    assert KINDS[name](x, np.arange(20) % 4, rng).shape[1:] == (16, 16, 3)


def test_nothing_is_both_trained_on_and_unseen() -> None:
    assert not set(junk.TRAINED) & set(junk.UNSEEN)


def test_patches_and_permutations_keep_the_pixels(digits: Images) -> None:
    x, y = digits.x_train[:10], digits.y_train[:10]
    for kind in (junk.patches, junk.permuted):
        made = kind(x, y, np.random.default_rng(2))
        np.testing.assert_array_equal(
            np.sort(made.reshape(10, -1), axis=1), np.sort(x.reshape(10, -1), axis=1)
        )


def test_blends_and_maxima_are_of_two_classes(digits: Images) -> None:
    """Of one class alone there is nothing to make them from."""
    x = digits.x_train[:10]
    for kind in (junk.blended, junk.maxima, junk.halved):
        assert len(kind(x, np.zeros(10, int), np.random.default_rng(3))) == 0


def test_the_pixel_gaussian_has_the_mean_of_the_pixels() -> None:
    rng = np.random.default_rng(4)
    x = (0.5 + 0.05 * rng.standard_normal((2000, 4, 4, 1))).astype(np.float32)
    made = junk.pixel_gaussian(x, np.zeros(2000, int), rng)
    np.testing.assert_allclose(made.mean(axis=0), x.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(made.std(axis=0), x.std(axis=0), atol=0.01)


def test_a_mixture_has_all_kinds(digits: Images) -> None:
    rows = 9 * 20
    made = junk.mixture(digits.x_train[:rows], digits.y_train[:rows], np.random.default_rng(5))
    assert rows * 0.9 < len(made) <= rows
