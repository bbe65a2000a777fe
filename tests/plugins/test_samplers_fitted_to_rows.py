"""Samplers fitted to rows: mixture, kernel, ellipsoid and interpolation in closed form."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze import OptionError
from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, Source, content_hash
from latent_analyze.testing import check_sampler, tiny_source
from latent_analyze_plugins.samplers.fitted import Ellipsoid
from latent_analyze_plugins.samplers.mixture import Mixture
from latent_analyze_plugins.samplers.rows import (
    Interpolate,
    Kernel,
    linear,
    normal_bandwidth,
    spherical,
)

SAMPLERS: dict[str, Any] = {cls.name: cls for cls in (Mixture, Kernel, Ellipsoid, Interpolate)}
FORMS = [
    ("gmm", {}), ("gmm", {"covariance": "diag"}), ("gmm", {"components": 3}),
    ("kde", {}), ("kde", {"covariance": "diag"}), ("kde", {"bandwidth": 0.1}),
    ("ellipsoid", {}), ("ellipsoid", {"covariance": "diag"}), ("ellipsoid", {"radius": 2.0}),
    ("interpolate", {}), ("interpolate", {"path": "spherical"}), ("interpolate", {"t": 0.5}),
]  # fmt: skip


def fit(name: str, reference: Source | None, seed: int = 0, **options: Any) -> Any:
    cls = SAMPLERS[name]
    return cls(build_options(cls.Options, options, name)).fit(reference, seed)


def rows(source: Source) -> np.ndarray:
    return np.concatenate([source.read(block).z for block in source.blocks()]).astype(float)


@pytest.fixture(scope="module")
def cloud() -> ArraySource:
    return tiny_source(20_000, 4)


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_contract(name: str, options: dict[str, Any]) -> None:
    cls = SAMPLERS[name]
    check_sampler(cls(build_options(cls.Options, options, name)))


@pytest.mark.parametrize(("name", "options"), FORMS)
@pytest.mark.parametrize(
    "z",
    [
        np.ones((40, 3)),
        np.repeat(np.random.default_rng(0).standard_normal((3, 4)), 30, axis=0),
        np.random.default_rng(0).standard_normal((50, 2)),
        np.random.default_rng(0).standard_normal((40, 90)),
        np.random.default_rng(0).standard_normal((60, 3)) * [1.0, 0.0, 1e-3] + [0.0, 7.0, 0.0],
    ],
    ids=["alike", "duplicates", "two dimensions", "fewer rows than dimensions", "constant axis"],
)
def test_hostile_references(name: str, options: dict[str, Any], z: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = rows(fit(name, ArraySource(z), **options))
    assert np.isfinite(drawn).all()
    # An arc around the origin leaves a plane that does not hold the origin.
    constant = (np.ptp(z, axis=0) == 0) & (options.get("path") != "spherical")
    np.testing.assert_allclose(drawn[:, constant], z[: len(drawn), constant], rtol=1e-6)


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_a_block_can_be_drawn_alone(name: str, options: dict[str, Any], cloud: ArraySource) -> None:
    source = fit(name, cloud, **options)
    assert len(source.blocks()) > 1
    last = source.blocks()[-1]
    alone = pickle.loads(pickle.dumps(fit(name, cloud, **options))).read(last).z
    rows(source)
    np.testing.assert_array_equal(source.read(last).z, alone)


@pytest.mark.parametrize("name", SAMPLERS)
def test_fingerprint_follows_seed_options_and_reference(name: str, cloud: ArraySource) -> None:
    other = {"gmm": {"components": 2}, "kde": {"bandwidth": 0.3}, "ellipsoid": {"quantile": 0.5}}
    changed = other.get(name, {"t": 0.5})
    prints = [
        fit(name, cloud).fingerprint,
        fit(name, cloud, seed=1).fingerprint,
        fit(name, cloud, count=100).fingerprint,
        fit(name, cloud, **changed).fingerprint,
        fit(name, tiny_source(20_000, 4, seed=3)).fingerprint,
    ]
    assert len(set(prints)) == len(prints)


def test_mixture_is_the_same_in_another_process() -> None:
    code = (
        "from latent_analyze.plugin import content_hash\n"
        "from latent_analyze.testing import tiny_source\n"
        "from latent_analyze_plugins.samplers.mixture import Mixture\n"
        "print(content_hash(Mixture().fit(tiny_source(), 5).state))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == content_hash(fit("gmm", tiny_source(), 5).state)


def test_mixture_finds_planted_components() -> None:
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 90.0]])
    z = centers[rng.integers(0, 3, 6000)] + rng.standard_normal((6000, 2)) * [1.0, 3.0]
    source = fit("gmm", ArraySource(z), components=3)
    order = np.lexsort(source.values["means"].round().T)
    np.testing.assert_allclose(source.values["means"][order], centers, atol=0.3)
    np.testing.assert_allclose(source.values["weights"], 1 / 3, atol=0.03)
    covariances = source.values["factors"] @ source.values["factors"].transpose(0, 2, 1)
    np.testing.assert_allclose(covariances[:, 0, 0], 1.0, rtol=0.15)
    np.testing.assert_allclose(covariances[:, 1, 1], 9.0, rtol=0.15)


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_mixture_keeps_the_moments_that_it_says_it_matches(
    covariance: str, cloud: ArraySource
) -> None:
    cls = SAMPLERS["gmm"]
    sampler = cls(build_options(cls.Options, {"covariance": covariance, "sample": 20_000}, "gmm"))
    found, wanted = sampler.fit(cloud, 0).summary(), cloud.summary()
    assert sampler.matches == {"full": "covariance", "diag": "variance"}[covariance]
    np.testing.assert_allclose(found.mean, wanted.mean, atol=0.06)
    np.testing.assert_allclose(found.variance, wanted.variance, rtol=0.06)
    if covariance == "full":
        np.testing.assert_allclose(found.covariance, wanted.covariance, atol=0.08)


@pytest.mark.parametrize(("planted", "low", "high"), [(1, 1, 1), (4, 2, 5), (20, 20, 20)])
def test_automatic_components_are_those_that_the_data_have(
    planted: int, low: int, high: int
) -> None:
    rng = np.random.default_rng(1)
    centers = 12 * rng.standard_normal((planted, 3))
    z = centers[rng.integers(0, planted, 5000)] + rng.standard_normal((5000, 3))
    assert low <= len(fit("gmm", ArraySource(z)).values["weights"]) <= high


@pytest.mark.parametrize(("count", "dim"), [(1, 2), (2, 2), (5, 2), (150, 2), (80, 20)])
def test_few_rows_make_one_component(count: int, dim: int) -> None:
    assert len(fit("gmm", tiny_source(count, dim)).values["weights"]) == 1


def test_kernel_adds_its_covariance(cloud: ArraySource) -> None:
    found = fit("kde", cloud, bandwidth=0.5, count=100_000).summary()
    np.testing.assert_allclose(found.covariance, 1.25 * cloud.summary().covariance, atol=0.05)
    np.testing.assert_allclose(found.mean, cloud.summary().mean, atol=0.05)
    diagonal = fit("kde", cloud, bandwidth=0.5, covariance="diag", count=100_000).summary()
    added = diagonal.covariance - cloud.summary().covariance
    np.testing.assert_allclose(added, 0.25 * np.diag(cloud.summary().variance), atol=0.05)


def test_kernel_of_a_small_bandwidth_repeats_rows_of_the_reference() -> None:
    reference = tiny_source(50, 3)
    z, drawn = rows(reference), rows(fit("kde", reference, bandwidth=1e-6, count=500))
    distance = np.linalg.norm(drawn[:, None] - z, axis=-1)
    assert distance.min(axis=1).max() < 1e-4
    assert len(np.unique(distance.argmin(axis=1))) == 50


def test_automatic_bandwidth_is_silvermans() -> None:
    assert normal_bandwidth(1000, 1) == pytest.approx((4 / 3 / 1000) ** 0.2)
    source = fit("kde", ArraySource(np.random.default_rng(0).standard_normal((1000, 1))))
    std = source.values["reference"].summary().std[0]
    assert abs(source.values["factor"][0, 0]) == pytest.approx(1.0592 * 1000**-0.2 * std, rel=1e-4)


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_ellipsoid_of_an_isotropic_cloud_is_a_ball(covariance: str) -> None:
    cloud = ArraySource(np.random.default_rng(0).standard_normal((10_000, 6)) + 5.0)
    source = fit("ellipsoid", cloud, radius=3.0, covariance=covariance, count=50_000)
    radius = np.linalg.norm(rows(source) - 5.0, axis=1)
    assert radius.max() < 3.1
    # Mean squared radius of a ball: r^2 dim / (dim + 2).
    assert (radius**2).mean() == pytest.approx(9 * 6 / 8, rel=0.03)
    assert (radius < 1.5).mean() == pytest.approx(0.5**6, abs=0.004)


def test_ellipsoid_holds_the_wanted_share(cloud: ArraySource) -> None:
    source = fit("ellipsoid", cloud, quantile=0.8)
    white = (rows(cloud) - source.values["mean"]) @ np.linalg.inv(source.values["factor"]).T
    assert (np.linalg.norm(white, axis=1) <= source.values["radius"]).mean() == pytest.approx(
        0.8, abs=0.01
    )
    inside = (rows(source) - source.values["mean"]) @ np.linalg.inv(source.values["factor"]).T
    assert np.linalg.norm(inside, axis=1).max() <= source.values["radius"] * (1 + 1e-5)


def test_ellipsoid_keeps_axes_of_very_different_scale() -> None:
    z = np.random.default_rng(0).standard_normal((5000, 3)) * [1e3, 1.0, 1e-3]
    drawn = rows(fit("ellipsoid", ArraySource(z), radius=1.0))
    np.testing.assert_allclose(np.abs(drawn).max(axis=0) / z.std(axis=0), 1.0, rtol=0.05)


def test_interpolation_lies_between_two_different_rows() -> None:
    reference = ArraySource(np.array([[0.0, 0.0], [1.0, 2.0]]))
    drawn = rows(fit("interpolate", reference, count=4000))
    np.testing.assert_allclose(drawn[:, 1], 2 * drawn[:, 0], atol=1e-6)
    assert drawn[:, 0].mean() == pytest.approx(0.5, abs=0.02)
    assert drawn[:, 0].std() == pytest.approx(math.sqrt(1 / 12), abs=0.01)


def test_interpolation_halfway_has_half_the_variance(cloud: ArraySource) -> None:
    found = fit("interpolate", cloud, t=0.5, count=50_000).summary()
    np.testing.assert_allclose(found.covariance, cloud.summary().covariance / 2, atol=0.05)
    ends = rows(fit("interpolate", cloud, t=1.0, count=200))
    assert {tuple(row) for row in ends} <= {tuple(row) for row in rows(cloud)}


@given(st.integers(0, 1000), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_arcs_turn_evenly_and_lengths_grow_linearly(seed: int, t: float) -> None:
    one, two = np.random.default_rng(seed).standard_normal((2, 5, 3))
    found = spherical(one, two, np.full((5, 1), t))
    length = np.linalg.norm(found, axis=1)
    expected = (1 - t) * np.linalg.norm(one, axis=1) + t * np.linalg.norm(two, axis=1)
    np.testing.assert_allclose(length, expected, rtol=1e-9)

    def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        return np.arccos(np.clip(cosine, -1, 1))

    np.testing.assert_allclose(angle(one, found), t * angle(one, two), atol=1e-6)


def test_arcs_that_are_not_defined_are_lines() -> None:
    one = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    two = np.array([[-3.0, 0.0], [2.0, 2.0], [4.0, 0.0], [0.0, 0.0]])
    t = np.full((4, 1), 0.25)
    np.testing.assert_allclose(spherical(one, two, t), linear(one, two, t))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gmm", {"components": 0}),
        ("gmm", {"covariance": "tied"}),
        ("kde", {"bandwidth": 0}),
        ("kde", {"bandwidth": "silver"}),
        ("ellipsoid", {"radius": -1}),
        ("ellipsoid", {"quantile": 1.5}),
        ("interpolate", {"t": 2}),
        ("interpolate", {"path": "curved"}),
    ],
)
def test_bad_options(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=name):
        build_options(SAMPLERS[name].Options, options, name)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_missing_reference_is_an_error(name: str) -> None:
    with pytest.raises(OptionError, match="a store or vectors"):
        fit(name, None)


def test_other_errors_say_the_next_step() -> None:
    wide = ArraySource(np.random.default_rng(0).standard_normal((30, 5000)))
    for name in ("gmm", "kde", "ellipsoid"):
        with pytest.raises(OptionError, match=f"{name}:covariance=diag"):
            fit(name, wide)
        assert np.isfinite(rows(fit(name, wide, covariance="diag"))).all()
    with pytest.raises(OptionError, match="fewer components"):
        fit("gmm", tiny_source(5, 2), components=6)
    with pytest.raises(OptionError, match="at least two z-points"):
        fit("interpolate", tiny_source(1, 2))
    empty = ArraySource(np.full((2, 2), np.nan))
    for name in ("gmm", "kde", "ellipsoid"):
        with pytest.raises(OptionError, match="finite z-points"):
            fit(name, empty)
