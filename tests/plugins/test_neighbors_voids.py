"""Voids: contacts are those of brute force, and a Gaussian is as empty as it should be."""

import numpy as np
import pytest

from latent_analyze.plugin import ArraySource, Frame
from latent_analyze_plugins.neighbors.compute import (
    contact_distances,
    missing_points,
    void_frame,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def source(z):
    return ArraySource(np.asarray(z, np.float32))


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_contacts_are_those_of_brute_force(offset, rng):
    points = rng.standard_normal((300, 5)) + offset
    probes = (rng.standard_normal((70, 5)) + offset).astype(np.float32)
    expected = np.sqrt(((probes[:, None] - points[None]) ** 2).sum(axis=2)).min(axis=1)
    np.testing.assert_allclose(contact_distances(probes, points), expected, rtol=1e-9)


def test_a_probe_on_a_point_is_no_distance_away(rng):
    points = rng.standard_normal((50, 3)).astype(np.float32)
    assert (contact_distances(points[:5], points.astype(float)) == 0).all()


def test_probes_have_the_moments_of_the_reference(rng):
    mixing = rng.standard_normal((4, 4))
    z = rng.standard_normal((5000, 4)) @ mixing + 50
    probes = void_frame(source(z), 100, rng)["probes"]
    assert probes.shape == (4000, 4)
    scale = np.linalg.norm(mixing)
    np.testing.assert_allclose(probes.mean(axis=0), z.mean(axis=0), atol=0.05 * scale)
    np.testing.assert_allclose(np.cov(probes.T), np.cov(z.T), atol=0.05 * scale**2)


@pytest.mark.parametrize("dim", [1, 3, 16])
def test_missing_points_of_a_gaussian_are_exponential(dim, rng):
    z = rng.standard_normal((1000, dim)) - 7
    frame = void_frame(source(z), 1000, rng)
    # A thousand points in 16 dimensions see less of them.
    assert frame["void_exponent"] == pytest.approx(dim, rel=0.25)
    missing = missing_points(contact_distances(frame["probes"], z), Frame(frame))
    assert missing.mean() == pytest.approx(1, abs=0.25)
    assert (missing > 1).mean() == pytest.approx(np.exp(-1), abs=0.06)


def test_places_in_a_void_miss_the_points_that_were_taken_away(rng):
    z = rng.standard_normal((4000, 2))
    frame = void_frame(source(z), 4000, rng)
    kept = z[np.linalg.norm(z, axis=1) > 0.5]
    missing = missing_points(contact_distances(frame["probes"], kept), Frame(frame))
    middle = np.linalg.norm(frame["probes"], axis=1) < 0.05
    taken = 4000 * (1 - np.exp(-(0.5**2) / 2))
    assert np.median(missing[middle]) == pytest.approx(taken, rel=0.4)


def test_probes_stay_on_constant_axes(rng):
    z = rng.standard_normal((100, 3)) * [1, 0, 2] + 7
    np.testing.assert_allclose(void_frame(source(z), 100, rng)["probes"][:, 1], 7, rtol=1e-6)


@pytest.mark.parametrize(("dim", "count"), [(200, 2000), (5000, 100)])
def test_fewer_probes_in_many_dimensions(dim, count, rng):
    frame = void_frame(source(rng.standard_normal((5, dim))), 40, rng)
    assert frame["probes"].shape == (count, dim)
    assert np.isfinite(frame["void_log"]).all()
