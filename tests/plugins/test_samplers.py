"""Samplers: closed forms, same rows in any process and order, and every documented error."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest

from latent_analyze import OptionError
from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, Host, content_hash
from latent_analyze.testing import check_sampler, tiny_source
from latent_analyze_plugins import samplers
from latent_analyze_plugins.samplers.fitting import covariance_factor

SAMPLERS = {cls.name: cls for cls in map(vars(samplers).get, samplers.__all__)}


def make(name, **options):
    cls = SAMPLERS[name]
    return cls(build_options(cls.Options, options, name))


def fit(name, reference=None, seed=0, **options):
    return make(name, **options).fit(reference, seed)


def rows(source):
    return np.concatenate([source.read(block).z for block in source.blocks()])


def radii(source):
    return np.linalg.norm(rows(source).astype(np.float64), axis=1)


@pytest.fixture(scope="module")
def cloud():
    return tiny_source(20_000, 4, variational=True)


@pytest.mark.parametrize("name", SAMPLERS)
def test_contract(name):
    check_sampler(make(name))


@pytest.mark.parametrize("name", SAMPLERS)
def test_registered_once_and_documented(name):
    assert Host().samplers[name].cls is SAMPLERS[name]
    assert SAMPLERS[name].__doc__


def test_normal_mean_radius_in_256_dimensions():
    source = fit("normal", sigma=1, dim=256, count=100_000)
    assert radii(source).mean() == pytest.approx(15.98, abs=0.02)


def test_normal_scales_with_sigma():
    one, three = (rows(fit("normal", dim=3, count=50, sigma=s)) for s in (1.0, 3.0))
    np.testing.assert_allclose(three, 3 * one, rtol=1e-6)


@pytest.mark.parametrize("b", [0.5, 1.0, 50.0])
def test_uniform_mean_squared_radius(b):
    source = fit("uniform", b=b, dim=12, count=40_000)
    z = rows(source)
    assert np.abs(z).max() <= b
    spread = math.sqrt(12 * 4 / 45 / 40_000)
    assert (radii(source) ** 2).mean() / b**2 == pytest.approx(4.0, abs=5 * spread)


def test_uniform_in_units_of_the_spread(cloud):
    source = fit("uniform", cloud, b=3.0, unit="spread")
    assert source.values["half_width"] == pytest.approx(3.0 * cloud.summary().spread)


@pytest.mark.parametrize("dim", [1, 2, 100])
def test_sphere_radius_is_exact(dim):
    np.testing.assert_allclose(radii(fit("sphere", radius=7.0, dim=dim, count=500)), 7.0, rtol=1e-6)


def test_sphere_takes_the_radius_of_the_reference(cloud):
    summary = cloud.summary()
    around_origin, around_mean = fit("sphere", cloud), fit("sphere", cloud, center="mean")
    trace = summary.variance.sum()
    assert around_origin.values["radius"] == pytest.approx(
        math.sqrt((summary.mean**2).sum() + trace)
    )
    assert around_mean.values["radius"] == pytest.approx(math.sqrt(trace))
    np.testing.assert_allclose(rows(around_mean).mean(axis=0), summary.mean, atol=0.05)


def test_sphere_without_a_reference_is_that_of_a_standard_normal():
    assert fit("sphere", dim=16).values["radius"] == 4.0


def test_gaussian_has_mean_and_covariance_of_the_reference(cloud):
    found, expected = fit("gaussian", cloud, count=200_000).summary(), cloud.summary()
    np.testing.assert_allclose(found.mean, expected.mean, atol=0.02)
    np.testing.assert_allclose(found.covariance, expected.covariance, atol=0.04)


def test_gaussian_diag_has_the_variances_alone(cloud):
    sampler = make("gaussian", covariance="diag")
    found = sampler.fit(cloud, 0).summary()
    assert sampler.matches == "variance"
    assert make("gaussian").matches == "covariance"
    np.testing.assert_allclose(found.variance, cloud.summary().variance, rtol=0.06)
    off = found.covariance - np.diag(found.variance)
    assert np.abs(off).max() < 0.05


def test_gaussian_of_a_flat_cloud_stays_flat():
    flat = np.random.default_rng(0).normal(1000.0, 1.0, (500, 2)) @ [[1, 0, 1], [0, 1, 1]]
    source = fit("gaussian", ArraySource(flat))
    assert source.values["factor"].shape[1] == 2
    z = rows(source).astype(np.float64)
    assert np.abs(z[:, 0] + z[:, 1] - z[:, 2]).max() < 0.02


def test_covariance_factor_keeps_axes_of_very_different_scale():
    scale = np.array([1e3, 1.0, 1e-3])
    z = np.random.default_rng(0).standard_normal((4000, 3)) * scale
    summary = ArraySource(z).summary()
    factor = covariance_factor(summary)
    assert factor.shape == (3, 3)
    np.testing.assert_allclose(factor @ factor.T, summary.covariance, atol=1e-9 * scale.max() ** 2)


@pytest.mark.parametrize("name", ["gaussian", "box", "shuffled"])
def test_one_point_and_constant_axes(name):
    z = rows(fit(name, ArraySource(np.array([[2.0, 3.0]]))))
    np.testing.assert_allclose(z, [[2.0, 3.0]])


def test_box_covers_the_central_share_of_every_axis():
    z = np.random.default_rng(0).uniform(-1, 3, (20_000, 3))
    source = fit("box", ArraySource(z), coverage=0.5, sample=20_000)
    np.testing.assert_allclose(source.values["low"], 0.0, atol=0.05)
    np.testing.assert_allclose(source.values["high"], 2.0, atol=0.05)
    drawn = rows(source)
    assert (drawn >= source.values["low"] - 1e-6).all()
    assert (drawn <= source.values["high"] + 1e-6).all()


def test_box_leaves_out_values_that_are_not_finite():
    z = np.random.default_rng(0).standard_normal((100, 2))
    z[3] = np.nan
    assert np.isfinite(rows(fit("box", ArraySource(z)))).all()


def test_shuffled_keeps_marginals_and_destroys_correlations(cloud):
    z, shuffled = rows(cloud), rows(fit("shuffled", cloud))
    np.testing.assert_array_equal(np.sort(z, axis=0), np.sort(shuffled, axis=0))
    correlations = np.corrcoef(shuffled.T) - np.eye(4)
    assert np.abs(np.corrcoef(z.T) - np.eye(4)).max() > 0.2
    assert np.abs(correlations).max() < 5 / math.sqrt(cloud.count)


def test_shuffled_does_not_pickle_its_values(cloud):
    source = fit("shuffled", cloud)
    before = len(pickle.dumps(source))
    rows(source)
    assert len(pickle.dumps(source)) == before


def test_posterior_has_mean_mu_and_variance_of_log_var():
    mu = np.broadcast_to(np.float32([1.0, -2.0]), (50_000, 2))
    log_var = np.broadcast_to(np.log(np.float32([0.25, 4.0])), (50_000, 2))
    summary = fit("posterior", ArraySource(mu, log_var=log_var)).summary()
    np.testing.assert_allclose(summary.mean, [1.0, -2.0], atol=0.05)
    np.testing.assert_allclose(summary.variance, [0.25, 4.0], rtol=0.04)


@pytest.mark.parametrize("name", ["uniform", "normal", "sphere"])
def test_same_rows_in_another_process(name):
    code = (
        "from latent_analyze.plugin import content_hash; import numpy as np\n"
        "from latent_analyze.plugin import Host\n"
        f"cls = Host().samplers[{name!r}].cls\n"
        "source = cls(cls.Options(dim=3, count=20000)).fit(None, 5)\n"
        "print(content_hash(*(source.read(b).z for b in reversed(source.blocks()))))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    source = fit(name, seed=5, dim=3, count=20_000)
    assert len(source.blocks()) > 1
    here = content_hash(*(source.read(b).z for b in reversed(source.blocks())))
    assert other.stdout.strip() == here


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"b": 2.0}, {"count": 51}, {"dim": 4}], ids=lambda c: next(iter(c))
)
def test_fingerprint_changes_with(change):
    base = {"dim": 3, "count": 50, "b": 1.0, "seed": 0}
    assert fit("uniform", **base).fingerprint != fit("uniform", **{**base, **change}).fingerprint


def test_fingerprint_follows_the_reference(cloud):
    other = tiny_source(20_000, 4, seed=1)
    for name in ("gaussian", "box", "shuffled"):
        assert fit(name, cloud).fingerprint != fit(name, other).fingerprint


def test_count_and_dim_come_from_the_reference_or_the_options(cloud):
    assert (fit("normal", cloud).count, fit("normal", cloud).dim) == (20_000, 4)
    assert fit("normal", cloud, count=7).count == 7
    assert fit("normal", dim=3).count == 10_000


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("uniform", {"b": 0}),
        ("uniform", {"b": -1}),
        ("uniform", {"b": math.inf}),
        ("uniform", {"b": "wide"}),
        ("uniform", {"unit": "meters"}),
        ("uniform", {"c": 1}),
        ("normal", {"sigma": 0}),
        ("sphere", {"radius": -1}),
        ("sphere", {"center": "left"}),
        ("gaussian", {"covariance": "half"}),
        ("box", {"coverage": 1.5}),
        ("box", {"sample": 0}),
        ("normal", {"count": 0}),
    ],
)
def test_bad_options(name, options):
    with pytest.raises(OptionError, match=name):
        make(name, **options)


@pytest.mark.parametrize("name", ["gaussian", "box", "shuffled", "posterior"])
def test_a_missing_reference_is_an_error(name):
    with pytest.raises(OptionError, match="a store or vectors"):
        fit(name)


def test_other_errors_say_the_next_step(cloud):
    alike, empty = ArraySource(np.zeros((5, 2))), ArraySource(np.full((2, 2), np.nan))
    with pytest.raises(OptionError, match="dim="):
        fit("uniform")
    with pytest.raises(OptionError, match="a store or vectors"):
        fit("uniform", unit="spread", dim=3)
    with pytest.raises(OptionError, match="leave unit out"):
        fit("uniform", alike, unit="spread")
    with pytest.raises(OptionError, match="give the radius"):
        fit("sphere", alike)
    with pytest.raises(OptionError, match="finite z-points"):
        fit("gaussian", empty)
    with pytest.raises(OptionError, match="count=20000"):
        fit("shuffled", cloud, count=5)
    with pytest.raises(OptionError, match="leave dim out"):
        fit("gaussian", cloud, dim=9)
    with pytest.raises(OptionError, match="variational"):
        fit("posterior", ArraySource(np.zeros((5, 2))))


def test_too_many_dimensions_for_a_covariance():
    wide = ArraySource(np.random.default_rng(0).standard_normal((3, 4097)))
    with pytest.raises(OptionError, match="covariance=diag"):
        fit("gaussian", wide)
    assert fit("gaussian", wide, covariance="diag").dim == 4097
