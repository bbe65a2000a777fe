"""Posterior: closed forms, planted collapse, verdicts, and any split of the rows."""

import math
import pickle
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze import AnalysisError, OptionError
from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, Batch
from latent_analyze.testing import (
    assert_same_result,
    check_analysis,
    figures_of,
    findings_of,
    run_analysis,
    tiny_source,
)
from latent_analyze_plugins.posterior import Posterior
from latent_analyze_plugins.posterior.findings import axes_text

COUNT = 20_000


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make(**options):
    return Posterior(build_options(Posterior.Options, options, "posterior"))


def analyze(mu, log_var, **options):
    mu = np.asarray(mu, np.float32)
    log_var = np.broadcast_to(np.asarray(log_var, np.float32), mu.shape)
    return run_analysis(make(**options), ArraySource(mu, log_var=log_var))


def texts(results):
    return [finding.text for finding in findings_of(Posterior(), results)]


def test_contract():
    results = check_analysis(Posterior())
    assert all(f.severity == "note" for f in findings_of(Posterior(), results))
    names = [figure.name for figure in figures_of(Posterior(), results)]
    assert names == ["posterior-log_var", "posterior-kl", "posterior-aggregate"]


def test_kl_is_the_closed_form(rng):
    mu, log_var = rng.normal(0.5, 2.0, (500, 4)), rng.normal(-2.0, 1.0, (500, 4))
    data = analyze(mu, log_var).data
    expected = 0.5 * (mu**2 + np.exp(log_var) - 1 - log_var).mean(axis=0)
    np.testing.assert_allclose(data["axis_kl"], expected, rtol=1e-5)
    assert data["kl"] == pytest.approx(expected.sum(), rel=1e-5)


def test_the_prior_itself_has_no_kl():
    data = analyze(np.zeros((10, 3)), 0.0).data
    assert data["kl"] == 0
    assert data["prior_gap"] == 0
    assert data["aggregate_variance"] == 1


def test_kl_of_a_far_off_center_cloud(rng):
    data = analyze(rng.normal(1000.0, 0.5, (2000, 3)), -1.0).data
    expected = 0.5 * (1e6 + 0.25 + math.exp(-1) - 1 + 1)
    np.testing.assert_allclose(data["axis_kl"], expected, rtol=1e-4)
    np.testing.assert_allclose(data["spread"], 0.5, rtol=0.05)


def test_log_var_range_share_and_histogram(rng):
    log_var = rng.normal(-3.0, 1.0, (COUNT, 3)).astype(np.float32)
    results = analyze(np.zeros((COUNT, 3)), log_var)
    data = results.data
    assert (data["log_var_min"], data["log_var_max"]) == (log_var.min(), log_var.max())
    assert data["log_var_mean"] == pytest.approx(-3.0, abs=0.02)
    assert data["log_var_above"] == (log_var > -3).mean()
    np.testing.assert_array_equal(data["axis_log_var_above"], (log_var > -3).mean(axis=0))
    edges = data["edges"]
    for axis in range(3):
        expected = np.histogram(log_var[:, axis].astype(np.float64), edges)[0]
        # A value on an edge may fall to either side of it.
        assert np.abs(data["counts"][axis] - expected).sum() <= 4
    np.testing.assert_allclose(edges / 0.1, np.rint(edges / 0.1), atol=1e-6)
    assert data["counts"].sum() + data["outside"] == 3 * COUNT


def test_threshold_of_the_share():
    log_var = np.array([[-4.0, -2.0, -0.5]])
    assert analyze(np.zeros((1, 3)), log_var, threshold=-1).data["log_var_above"] == 1 / 3


def test_a_wide_range_of_log_var_gets_wider_intervals():
    log_var = np.linspace(-400, 50, 900).reshape(300, 3)
    data = analyze(np.zeros((300, 3)), log_var).data
    assert data["counts"].shape[1] <= 256
    assert data["outside"] == 0


def test_log_var_outside_the_sampled_range_is_counted():
    log_var = np.zeros((10_000, 1))
    sampled = ArraySource(log_var).sample(2000, 0).rows
    log_var[np.setdiff1d(np.arange(10_000), sampled)[:2], 0] = [50.0, -50.0]
    data = analyze(np.zeros((10_000, 1)), log_var).data
    assert data["outside"] == 2
    assert data["log_var_max"] == 50


@pytest.mark.parametrize(("sigma", "spread"), [(0.3, 2.0), (1.0, 0.5)])
def test_deviation_of_z_from_mu(sigma, spread, rng):
    data = analyze(rng.normal(0, spread, (COUNT, 8)), 2 * math.log(sigma)).data
    np.testing.assert_allclose(data["deviation"], sigma * math.sqrt(2 / math.pi), rtol=1e-5)
    np.testing.assert_allclose(data["sigma"], sigma, rtol=1e-5)
    np.testing.assert_allclose(data["spread"], spread, rtol=0.02)
    assert data["noise_ratio"] == pytest.approx(sigma / spread, rel=0.02)
    assert data["noise_share"] == pytest.approx(sigma**2 / (sigma**2 + spread**2), rel=0.03)


def test_radius_of_draws_agrees_with_the_closed_form(rng):
    mu = rng.standard_normal((COUNT, 32))
    data = analyze(mu, math.log(0.5)).data
    assert data["rms_radius_mu"] == pytest.approx(math.sqrt((mu**2).sum() / COUNT), rel=1e-6)
    assert data["rms_radius_z"] == pytest.approx(math.sqrt(48), rel=0.01)
    chi = math.sqrt(2) * math.exp(math.lgamma(16.5) - math.lgamma(16))
    assert data["radius_mu"] == pytest.approx(chi, rel=0.005)
    assert data["radius_z"] == pytest.approx(math.sqrt(1.5) * chi, rel=0.005)
    assert data["radius_difference_max"] >= data["radius_difference"] > 0
    assert data["radius_relative_max"] >= data["radius_relative"] > 0


def test_draws_at_the_origin_have_the_radius_of_the_noise():
    data = analyze(np.zeros((COUNT, 3)), 0.0).data
    assert data["radius_z"] == pytest.approx(math.sqrt(8 / math.pi), rel=0.01)
    assert data["radius_difference"] == data["radius_z"]


def test_relative_differences_leave_out_rows_at_the_origin():
    mu = np.zeros((4, 2))
    mu[0] = 3.0, 4.0
    results = analyze(mu, -60.0)
    assert results.data["radius_relative"] == pytest.approx(0.0, abs=1e-9)
    assert results.data["radius_mu"] == 1.25


def test_relative_differences_are_absent_where_every_mu_is_the_origin():
    results = analyze(np.zeros((40, 3)), 0.0)
    assert "radius_relative" not in results.data.scalars
    assert any("not defined" in text for text in texts(results))


def test_active_units_and_collapsed_axes_are_found(rng):
    spread = np.array([1.0, 0.2, 0.05, 0.0, 0.0, 0.0])
    log_var = np.log([0.1, 0.9, 0.99, 1.0, 1.0, 1e-3])
    data = analyze(rng.standard_normal((COUNT, 6)) * spread, log_var).data
    np.testing.assert_array_equal(data["active"], [True, True, False, False, False, False])
    np.testing.assert_array_equal(data["collapsed"], [False, False, True, True, True, False])
    assert (data["active_units"], data["collapsed_units"], data["carrying_axes"]) == (2, 3, 2)


def test_finding_names_collapsed_axes_and_those_off_the_prior(rng):
    log_var = np.log([0.1, 1.0, 1e-3])
    results = analyze(rng.standard_normal((500, 3)) * [1.0, 0.0, 0.0], log_var)
    found = texts(results)
    assert "collapsed in 1 of 3 axes" in found[0]
    assert "collapsed to the prior: axis 1; inactive, but off the prior: axis 2" in found[1]


@pytest.mark.parametrize(
    ("spread", "sigma", "verdict"),
    [
        (5.0, 0.05, "behaves as an AE"),
        (1.0, 0.02, "behaves as an AE"),
        (0.05, 0.001, "behaves as an AE"),
        (0.9, math.sqrt(0.19), "uses its prior"),
        (3.0, 0.9, "in between"),
        (0.0, 1.0, "collapsed"),
        (0.01, 0.99, "collapsed"),
    ],
)
def test_verdict(spread, sigma, verdict, rng):
    results = analyze(spread * rng.standard_normal((2000, 8)), 2 * math.log(sigma))
    assert results.data["verdict"] == verdict
    expected = {"in between": "neither", "collapsed": "has collapsed"}.get(verdict, verdict)
    assert expected in texts(results)[0]


def test_limits_of_the_verdict_are_options(rng):
    mu = 3 * rng.standard_normal((2000, 8))
    assert analyze(mu, 2 * math.log(0.9), tiny_ratio=0.5).data["verdict"] == "behaves as an AE"
    assert analyze(mu, 2 * math.log(0.9), prior_gap=10).data["verdict"] == "uses its prior"


def test_aggregate_has_the_moments_of_the_draws(rng):
    mu, log_var = rng.normal(0.5, 1.5, (COUNT, 4)), rng.normal(-1.0, 0.5, (COUNT, 4))
    data = analyze(mu, log_var).data
    z = mu + np.exp(log_var / 2) * rng.standard_normal(mu.shape)
    np.testing.assert_allclose(data["aggregate"], z.var(axis=0), rtol=0.05)
    np.testing.assert_allclose(data["mean"], mu.mean(axis=0), atol=1e-5)
    v, m = data["aggregate"], data["mean"]
    gap = 0.5 * (m**2 + v - 1 - np.log(v))
    np.testing.assert_allclose(data["gap"], gap)
    assert data["prior_gap"] == pytest.approx(gap.mean())
    assert (data["gap"] <= data["axis_kl"]).all()


@settings(max_examples=25)
@given(st.integers(1, 200), st.lists(st.integers(0, 200), max_size=5))
def test_any_split_gives_the_same_result(count, cuts):
    source = tiny_source(count, 3, variational=True)
    analysis = Posterior()
    frame = analysis.prepare(source)
    batch = Batch(source.z, np.arange(count), mu=source.z, log_var=source.log_var)
    whole, merged = analysis.accumulator(frame), analysis.accumulator(frame)
    whole.add(batch)
    for low, high in pairwise([0, *sorted(min(c, count) for c in cuts), count]):
        part = analysis.accumulator(frame)
        part.add(batch.take(slice(low, high)))
        merged.merge(pickle.loads(pickle.dumps(part)))
    one, two = (analysis.declare(frame, source).result(a.result()) for a in (whole, merged))
    assert_same_result(one, two)
    for name in ("radius_difference_max", "radius_relative_max", "log_var_min", "log_var_max"):
        assert one[name] == two[name]


def test_rows_that_are_not_finite_are_counted_and_left_out(rng):
    mu, log_var = rng.standard_normal((50, 3)), np.zeros((50, 3))
    mu[1, 0], log_var[2, 1], log_var[3, 2] = np.nan, np.inf, 2000.0
    results = analyze(mu, log_var)
    assert (results.data["count"], results.data["nonfinite"]) == (47, 3)
    assert any("3 rows" in text for text in texts(results))


def test_a_source_without_finite_rows_is_an_error():
    with pytest.raises(AnalysisError, match="finite log_var"):
        analyze(np.zeros((5, 2)), np.nan)
    accumulator = make().accumulator(make().prepare(tiny_source(variational=True)))
    with pytest.raises(AnalysisError, match="rows with finite mu"):
        accumulator.result()


def test_noise_below_float64_is_said_to_be_infinitely_far_off():
    results = analyze(np.ones((5, 2)), -2000.0)
    assert math.isinf(results.data["prior_gap"])
    assert any("infinite" in text for text in texts(results))


@pytest.mark.parametrize("shape", [(1, 1), (50, 2), (5, 16_384), (40, 70)])
def test_odd_shapes_have_results_findings_and_figures(shape, rng):
    results = analyze(rng.standard_normal(shape), rng.normal(-2, 1, shape))
    assert texts(results)
    for figure in figures_of(Posterior(), results):
        figure.figure.savefig(BytesIO())
    for name, scalar in results.data.scalars.items():
        assert isinstance(scalar.value, str) or math.isfinite(scalar.value), name


@pytest.mark.parametrize(
    ("mask", "text"),
    [([0, 0], "none"), ([0, 1], "axis 1"), ([1, 1], "axes 0, 1"), ([1] * 9, "9 axes (0, 1, 2")],
)
def test_axes_as_text(mask, text):
    assert axes_text(np.array(mask, bool)).startswith(text)


@pytest.mark.parametrize("options", [{"tiny_ratio": 0}, {"bin_width": -1}, {"prior_gap": "nan"}])
def test_bad_options(options):
    with pytest.raises(OptionError, match=r"posterior\."):
        make(**options)
