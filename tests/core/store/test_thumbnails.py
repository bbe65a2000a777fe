import numpy as np
import pytest

from latent_analyze.store.thumbnails import make_thumbnails, thumbnail_shape


@pytest.mark.parametrize(
    ("item", "side", "expected"),
    [
        ((96, 96, 3), 32, (32, 32, 3)),
        ((218, 178, 3), 32, (32, 26, 3)),
        ((8, 8), 32, (8, 8, 1)),
        ((1000, 2, 1), 32, (32, 1, 1)),
        ((64,), 32, None),
        ((96, 96, 3), 0, None),
    ],
)
def test_shapes(item, side, expected):
    assert thumbnail_shape(item, side) == expected


def test_small_images_are_kept_to_the_byte():
    x = np.arange(48, dtype=np.float32).reshape(1, 8, 6) / 255
    assert make_thumbnails(x, (8, 6, 1)).ravel().tolist() == list(range(48))


def test_pixels_are_area_means():
    x = np.random.default_rng(0).random((3, 12, 8, 2)).astype(np.float32)
    means = x.reshape(3, 4, 3, 2, 4, 2).mean(axis=(2, 4))
    assert np.abs(make_thumbnails(x, (4, 2, 2)) - means * 255).max() <= 0.51


def test_a_constant_stays_constant_at_any_ratio():
    assert set(make_thumbnails(np.full((1, 97, 31, 1), 0.2, np.float32), (32, 10, 1)).flat) == {51}


def test_values_outside_the_range_are_clipped():
    x = np.array([-1.0, 2.0, np.nan, 1.0], np.float32).reshape(1, 2, 2, 1)
    assert make_thumbnails(x, (2, 2, 1)).ravel().tolist() == [0, 255, 0, 255]
