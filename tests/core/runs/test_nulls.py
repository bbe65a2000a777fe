from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from latent_analyze.plugin import ArraySource, Source, keyed_rng
from latent_analyze.runs.nulls import MomentMatched, inverse_root, member_seed, null_members, root
from latent_analyze.sources.source import concatenate
from latent_analyze.testing import gaussian_members, tiny_source
from latent_analyze_plugins.samplers import Box, Gaussian, Normal, Shuffled


def rows(source: Source) -> NDArray[np.float64]:
    return concatenate([source.read(b) for b in source.blocks()]).z.astype(np.float64)


def cloud(count: int, dim: int, *, mean: float = 0.0, rank: int | None = None) -> ArraySource:
    rng = keyed_rng(3, "nulls", count, dim)
    mixing = rng.standard_normal((rank or dim, dim))
    z = rng.standard_normal((count, rank or dim)) @ mixing
    return ArraySource((z + mean).astype(np.float32))


def assert_same_moments(source: Source, reference: Source, tolerance: float = 1e-4) -> None:
    found, wanted = rows(source), rows(reference)
    scale = wanted.std(axis=0).max()
    assert np.abs(found.mean(axis=0) - wanted.mean(axis=0)).max() < tolerance * scale
    error = np.abs(np.cov(found.T) - np.cov(wanted.T)).max()
    assert error < tolerance * scale**2


@pytest.mark.parametrize(
    "reference",
    [
        cloud(3000, 6),
        cloud(20_000, 3, mean=1000.0),
        cloud(3000, 12, rank=4),
        cloud(3000, 12, rank=4, mean=1000.0),
        cloud(30, 50),
        cloud(2, 5),
        cloud(200, 1),
    ],
    ids=["full", "off-center", "flat", "flat-off-center", "few", "two", "one-axis"],
)
def test_members_have_the_moments_of_the_reference(reference: ArraySource) -> None:
    for sampler in (None, Gaussian()):
        members = (
            gaussian_members(reference, 2)
            if sampler is None
            else list(null_members(sampler, reference, label="g", seed=1, repeats=2))
        )
        for member in members:
            assert_same_moments(member, reference)


def test_axes_of_very_different_spread_keep_their_own() -> None:
    scales = np.logspace(-6, 3, 10)
    reference = ArraySource((rows(cloud(4000, 10)) * scales).astype(np.float32))
    (member,) = null_members(Gaussian(), reference, label="g", seed=1, repeats=1)
    found, wanted = rows(member) / scales, rows(reference) / scales
    np.testing.assert_allclose(np.cov(found.T), np.cov(wanted.T), atol=1e-3 * wanted.var())


def test_constant_axes_stay_constant() -> None:
    z = rows(cloud(500, 4))
    z[:, 2] = 7.0
    reference = ArraySource(z.astype(np.float32))
    for member in gaussian_members(reference, 2):
        np.testing.assert_allclose(rows(member)[:, 2], 7.0, atol=1e-6)
        assert_same_moments(member, reference)


def test_a_single_point_gives_itself() -> None:
    reference = ArraySource(np.array([[1.0, 2.0]], np.float32))
    (member,) = null_members(Gaussian(), reference, label="g", seed=0, repeats=1)
    np.testing.assert_allclose(rows(member), [[1.0, 2.0]])


def test_diagonal_gaussian_matches_variances_only() -> None:
    reference = cloud(3000, 4, mean=5.0)
    sampler = Gaussian(Gaussian.Options(covariance="diag"))
    (member,) = null_members(sampler, reference, label="g", seed=0, repeats=1)
    found, wanted = rows(member), rows(reference)
    np.testing.assert_allclose(found.std(axis=0), wanted.std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.mean(axis=0), wanted.mean(axis=0), atol=1e-3)
    assert np.abs(np.corrcoef(found.T) - np.eye(4)).max() < 0.2


def test_shuffled_members_keep_every_value() -> None:
    reference = cloud(2000, 3, mean=3.0)
    (member,) = null_members(Shuffled(), reference, label="s", seed=0, repeats=1)
    assert np.array_equal(np.sort(rows(member), axis=0), np.sort(rows(reference), axis=0))


def test_samplers_that_match_nothing_stay_as_they_are() -> None:
    reference = cloud(500, 3, mean=9.0)
    (member,) = null_members(Normal(), reference, label="n", seed=4, repeats=1)
    assert np.array_equal(rows(member), rows(Normal().fit(reference, member_seed(4, "n", 0))))


def test_the_first_members_do_not_depend_on_how_many_there_are() -> None:
    reference = tiny_source()
    few = gaussian_members(reference, 5)
    many = gaussian_members(reference, 20)
    assert [m.fingerprint for m in many[:5]] == [m.fingerprint for m in few]
    assert [m.label for m in many[:5]] == [f"gaussian#{r}" for r in range(5)]
    assert np.array_equal(rows(many[3]), rows(few[3]))
    assert len({m.fingerprint for m in many}) == 20


@pytest.mark.parametrize("key", [(1, "gaussian", 0), (0, "shuffled", 0), (0, "gaussian", 1)])
def test_members_depend_on_seed_label_and_number(key: tuple[Any, ...]) -> None:
    assert member_seed(*key) != member_seed(0, "gaussian", 0)
    assert 0 <= member_seed(*key) < 2**63


@pytest.mark.parametrize("make", [lambda: Gaussian(), lambda: Shuffled()])
def test_members_go_to_other_processes(make: Callable[[], Any]) -> None:
    reference = tiny_source()
    (member,) = null_members(make(), reference, label="n", seed=0, repeats=1)
    copy = pickle.loads(pickle.dumps(member))
    assert copy.fingerprint == member.fingerprint
    assert np.array_equal(rows(copy), rows(member))


def test_fingerprints_follow_draw_reference_and_moments() -> None:
    draw, reference = cloud(100, 3), tiny_source(100, 3)
    sources = [
        MomentMatched(draw, reference, "covariance"),
        MomentMatched(draw, reference, "variance"),
        MomentMatched(reference, reference, "covariance"),
        MomentMatched(draw, draw, "covariance"),
    ]
    assert len({source.fingerprint for source in sources}) == 4


def test_another_count_than_the_reference() -> None:
    reference = cloud(2000, 3, mean=4.0)
    sampler = Gaussian(Gaussian.Options(count=700))
    (member,) = null_members(sampler, reference, label="g", seed=0, repeats=1)
    assert member.count == 700
    assert_same_moments(member, reference)


def test_above_the_limit_of_covariances_variances_are_matched() -> None:
    reference = ArraySource(keyed_rng(0).normal(3, 2, (40, 4100)).astype(np.float32))
    draw = ArraySource(keyed_rng(1).random((40, 4100), dtype=np.float32))
    found = rows(MomentMatched(draw, reference, "covariance"))
    np.testing.assert_allclose(found.mean(axis=0), rows(reference).mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.std(axis=0), rows(reference).std(axis=0), rtol=1e-4)


def test_box_is_no_moment_null() -> None:
    assert Box.matches == "nothing"


def test_roots() -> None:
    covariance = np.cov(rows(cloud(500, 5)).T)
    np.testing.assert_allclose(root(covariance) @ root(covariance), covariance, rtol=1e-9)
    whitened = inverse_root(covariance) @ covariance @ inverse_root(covariance)
    np.testing.assert_allclose(whitened, np.eye(5), atol=1e-9)


def test_inverse_root_of_a_flat_covariance_is_its_pseudoinverse() -> None:
    vector = np.array([[1.0, 2.0, 2.0]]) / 3
    covariance = 4 * vector.T @ vector
    np.testing.assert_allclose(inverse_root(covariance), vector.T @ vector / 2, atol=1e-12)
    assert not inverse_root(np.zeros((3, 3))).any()
