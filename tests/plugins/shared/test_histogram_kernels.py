"""The compiled loops against numpy and known curves."""

import numpy as np
import pytest

from latent_analyze_plugins.shared.histogram_kernels import (
    Grid,
    Tallies,
    count_modes,
    half_maximum_widths,
    squared_radii,
    tally_axes,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_tally_equals_numpy(rng):
    z = (3 * rng.standard_normal((500, 7))).astype(np.float32)
    z[0, 0], z[1, 1] = -50, 50
    low, bins, shift = np.linspace(-4, -2, 7).astype(np.float32), 20, np.arange(7.0)
    counts, sums = np.zeros((7, bins + 2), np.uint32), np.zeros((2, 7))
    tallies = Tallies(counts, sums, np.zeros(7, np.float32), np.zeros(7, np.float32))
    tally_axes(z, Grid(low, np.float32(4.0), shift), tallies)
    index = np.clip((z - low) * np.float32(4.0), 0, bins + 1).astype(int)
    expected = np.stack([np.bincount(index[:, j], minlength=bins + 2) for j in range(7)])
    np.testing.assert_array_equal(tallies.counts, expected)
    shifted = z - shift
    np.testing.assert_allclose(tallies.sums, [shifted.sum(0), (shifted**2).sum(0)], rtol=1e-12)
    np.testing.assert_array_equal(tallies.smallest, np.minimum(z.min(0), 0))
    np.testing.assert_array_equal(tallies.largest, z.max(0).clip(0))


@pytest.mark.parametrize("dim", [1, 3, 4, 17])
def test_squared_radii_equal_numpy_whatever_rows_stand_beside(dim, rng):
    z = rng.standard_normal((40, dim)).astype(np.float32)
    found = squared_radii(z)
    np.testing.assert_allclose(found, (z.astype(float) ** 2).sum(axis=1), rtol=1e-14)
    np.testing.assert_array_equal(found, np.concatenate([squared_radii(row[None]) for row in z]))


def test_half_maximum_widths_of_known_curves():
    triangle = [0, 1, 2, 3, 4, 3, 2, 1, 0]
    unknown = [[0, 0, 0, 0, 0, 0, 1, 2, 4], [0] * 9]
    widths = half_maximum_widths(np.array([triangle, *unknown], float))
    np.testing.assert_array_equal(widths, [4.0, np.nan, np.nan])


def test_count_modes_of_known_curves():
    curves = np.array([[0, 4, 0, 4, 0], [0, 4, 3, 4, 0], [4, 0, 0, 0, 4], [1, 2, 3, 4, 5]], float)
    np.testing.assert_array_equal(count_modes(curves, np.full(4, 1.5)), [2, 1, 2, 1])
