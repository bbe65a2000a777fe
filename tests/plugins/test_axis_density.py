"""Axis density: closed forms, kernels against numpy, any split of the rows, and odd clouds."""

import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze import AnalysisError, OptionError
from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, Batch
from latent_analyze.testing import (
    check_analysis,
    findings_of,
    gaussian_members,
    run_analysis,
    tiny_source,
)
from latent_analyze_plugins.axis_density import AxisDensity
from latent_analyze_plugins.axis_density.compute import robust_z, smooth


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make(**options):
    return AxisDensity(build_options(AxisDensity.Options, options, "axis_density"))


def analyze(z, **options):
    return run_analysis(make(**options), ArraySource(np.asarray(z, np.float32)))


def texts(results):
    return [finding.text for finding in findings_of(AxisDensity(), results)]


def test_contract():
    results = check_analysis(AxisDensity())
    assert next(figure.name for figure in AxisDensity().plot(results)) == "axis_density"


@pytest.mark.parametrize("sigma", [0.01, 1.0, 300.0])
def test_gaussian_width_at_half_maximum(sigma, rng):
    results = analyze(sigma * rng.standard_normal((60_000, 6)) + 5 * sigma)
    data, width = results.data, results.frame["bin_width"]
    smoothing = math.sqrt(1 + (data["bandwidth"].mean() / sigma) ** 2)
    np.testing.assert_allclose(data["fwhm"], 2.3548 * sigma * smoothing, rtol=0.05)
    np.testing.assert_allclose(data["center"], 5 * sigma, atol=0.02 * sigma)
    np.testing.assert_allclose(data["spread"], sigma, rtol=0.03)
    np.testing.assert_allclose(data["std"], sigma, rtol=0.02)
    assert (data["modes"] == 1).all()
    assert width < 0.1 * sigma


def test_uniform_width_at_half_maximum(rng):
    data = analyze(rng.uniform(-2, 2, (20_000, 4))).data
    np.testing.assert_allclose(data["fwhm"], 4.0, rtol=0.02)
    assert (data["modes"] == 1).all()


def test_two_modes_are_found_and_named(rng):
    z = rng.standard_normal((4000, 9))
    z[:, 4] += np.where(rng.random(4000) < 0.4, 6.0, 0.0)
    reference = ArraySource(z.astype(np.float32))
    nulls = {"gaussian": gaussian_members(reference, 39)}
    results = run_analysis(make(), reference, nulls=nulls)
    assert results.data["modes"].tolist() == [1, 1, 1, 1, 2, 1, 1, 1, 1]
    findings = findings_of(AxisDensity(), results)
    (found,) = [f.text for f in findings if f.severity == "finding"]
    assert "differs from the null model gaussian: more axes have several peaks" in found
    assert any("More than one mode: axis 4." in f.text for f in findings)
    names = [figure.name for figure in AxisDensity().plot(results)]
    assert names == ["axis_density", "axis_density_outstanding"]


def test_false_modes_are_rare(rng):
    for z in (rng.standard_normal((3000, 300)), rng.standard_t(3, (3000, 300))):
        assert analyze(z).data["multimodal"] <= 3


def test_few_far_points_do_not_coarsen_the_intervals(rng):
    z = rng.standard_normal((20_000, 3))
    z[0] = 1e4
    data = analyze(z).data
    assert data["bin_width"] <= 0.05
    np.testing.assert_array_equal(data["outside"][:, 1], 1)
    np.testing.assert_allclose(data["spread"], 1.0, rtol=0.05)


def test_axes_that_stand_out(rng):
    z = rng.standard_normal((3000, 20)) * rng.uniform(0.9, 1.1, 20) + rng.normal(0, 0.1, 20)
    z[:, 3] += 5
    z[:, 7] *= 4
    results = analyze(z)
    assert np.flatnonzero(results.data["stands_out"]).tolist() == [3, 7]
    assert any("axis 3: center" in text and "axis 7: width" in text for text in texts(results))
    assert analyze(z, outliers=1e6).data["outstanding"] == 0


def test_axes_far_apart_share_one_width(rng):
    z = rng.standard_normal((2000, 10)) + np.where(np.arange(10) == 2, 3000.0, 1000.0)
    results = analyze(z)
    np.testing.assert_allclose(results.data["spread"], 1.0, rtol=0.1)
    assert results.data["outside_share"] == 0
    first, _ = AxisDensity().plot(results)
    assert "shown about the middle" in first.caption


@pytest.mark.parametrize(
    "z",
    [np.zeros((1, 1)), np.full((1, 3), 2.0), np.full((40, 9), 1e3), np.zeros((9, 5))],
    ids=["zero", "one point", "far", "all zero"],
)
def test_constant_axes(z):
    results = analyze(z)
    np.testing.assert_array_equal(results.data["center"], z[0])
    for name in ("spread", "fwhm", "std"):
        np.testing.assert_array_equal(results.data[name], 0.0)
    assert results.data["constant"] == z.shape[1]
    assert any("one value only" in text for text in texts(results))
    assert list(AxisDensity().plot(results))


def test_a_collapsed_axis_is_named(rng):
    z = rng.standard_normal((3000, 30))
    z[:, 5] *= 1e-3
    assert any("axis 5 is below the interval width" in text for text in texts(analyze(z)))


@pytest.mark.parametrize("dim", [1, 2, 4097])
def test_few_and_many_axes(dim, rng):
    results = analyze(rng.standard_normal((100, dim)))
    assert results.data["counts"].sum() == 100 * dim
    assert results.data["counts"].size <= 1 << 21
    assert list(AxisDensity().plot(results))
    few = any("too few to say" in text for text in texts(results))
    assert few == (dim < 8)


def test_values_that_are_not_finite_are_counted_and_left_out(rng):
    z = rng.standard_normal((100, 3))
    z[[3, 5], [0, 2]] = np.nan, np.inf
    results = analyze(z)
    assert (results.data["count"], results.data["nonfinite"]) == (98, 2)
    assert np.isfinite(results.data["mean"]).all()
    assert any("NaN" in text for text in texts(results))


def test_unknown_widths_of_a_wide_source_are_named(rng):
    wide = ArraySource(rng.uniform(-500, 500, (1000, 5)), "wide")
    results = run_analysis(make(), tiny_source(), shown=[wide])
    shown = results.shown["wide"]
    assert np.isnan(shown["fwhm"]).all()
    assert shown["outside_share"] > 0.9
    assert np.isfinite(shown["mean"]).all()
    assert any("wide: the values on all 5 axes reach too far" in text for text in texts(results))


def test_a_wide_source_inside_the_intervals_is_not_read_off_its_noise(rng):
    reference = ArraySource(rng.standard_normal((50_000, 4)).astype(np.float32))
    wide = ArraySource(rng.uniform(-3, 3, (500, 4)).astype(np.float32), "wide")
    shown = run_analysis(make(), reference, shown=[wide]).shown["wide"]
    np.testing.assert_allclose(shown["fwhm"], 6.0, rtol=0.15)
    assert (shown["modes"] == 1).all()


def test_an_empty_source_has_a_result_and_a_finding():
    results = run_analysis(make(), tiny_source(), shown=[ArraySource(np.zeros((0, 5)), "empty")])
    assert any("empty: no finite" in text for text in texts(results))
    assert list(AxisDensity().plot(results))


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 300), st.lists(st.integers(0, 300), max_size=6), st.sampled_from([0.0, 1000.0])
)
def test_any_split_gives_the_same_counts(count, cuts, offset):
    z = (np.random.default_rng(count).standard_normal((count, 4)) + offset).astype(np.float32)
    analysis = make()
    frame = analysis.prepare(ArraySource(z))

    def tally(low, high):
        part = analysis.accumulator(frame)
        part.add(Batch(z=z[low:high], rows=np.arange(low, high)))
        return part

    merged = analysis.accumulator(frame)
    for low, high in pairwise([0, *sorted(min(c, count) for c in cuts), count]):
        merged.merge(pickle.loads(pickle.dumps(tally(low, high))))
        merged.merge(analysis.accumulator(frame))
    whole, split = tally(0, count).result(), merged.result()
    for name in ("counts", "outside", "center", "spread", "fwhm", "modes", "min", "max"):
        np.testing.assert_array_equal(split[name], whole[name])
    np.testing.assert_allclose(split["mean"], whole["mean"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(split["std"], whole["std"], rtol=1e-9, atol=1e-12)


def test_counts_in_32_bits_are_emptied_before_they_end(rng, monkeypatch):
    z = rng.standard_normal((100, 3)).astype(np.float32)
    analysis = make()
    frame = analysis.prepare(ArraySource(z))
    whole = analyze(z).data
    monkeypatch.setattr("latent_analyze_plugins.axis_density.compute.FULL", 30)
    tallies = analysis.accumulator(frame)
    for start in range(0, 100, 10):
        tallies.add(Batch(z=z[start : start + 10], rows=np.arange(start, start + 10)))
    np.testing.assert_array_equal(tallies.result()["counts"], whole["counts"])


def test_order_of_axes_and_rows(rng):
    z = rng.standard_normal((1000, 5)) * np.arange(1, 6)
    plain, turned = analyze(z).data, analyze(z[::-1, ::-1]).data
    for name in ("center", "spread", "fwhm"):
        np.testing.assert_allclose(turned[name], plain[name][::-1], rtol=1e-6, atol=1e-6)


def test_smoothing_is_a_gaussian_that_keeps_the_count():
    counts = np.zeros((2, 101), np.int64)
    counts[:, 50] = 1000
    curves = smooth(counts, np.array([2.0, 5.0]))
    np.testing.assert_allclose(curves.sum(axis=1), 1000)
    bins = np.arange(101) - 50
    for curve, bandwidth in zip(curves, (2.0, 5.0), strict=True):
        assert (curve * bins**2).sum() / 1000 == pytest.approx(bandwidth**2, rel=1e-6)


def test_robust_z():
    values = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 100.0, np.nan])
    scores = robust_z(values)
    assert scores[9] == pytest.approx((100 - 4.5) / (1.4826 * 2.5))
    assert scores[10] == 0
    assert robust_z(np.r_[np.zeros(9), 1.0])[9] == pytest.approx(1 / (1.2533 * 0.1))
    assert not robust_z(np.ones(20)).any()
    assert not robust_z(np.array([0.0, 1.0, 50.0])).any()


@pytest.mark.parametrize(
    "options", [{"bin_width": 0}, {"bin_width": "fine"}, {"outliers": -1}, {"max_bins": 2}]
)
def test_bad_options(options):
    with pytest.raises(OptionError, match="axis_density"):
        make(**options)


def test_bin_width_of_the_literature(rng):
    results = analyze(rng.standard_normal((500, 3)), bin_width=0.25)
    assert results.data["bin_width"] == 0.25
    np.testing.assert_allclose(results.data["low_edge"] % 0.25, 0.0)


def test_a_reference_without_finite_points_is_an_error():
    with pytest.raises(AnalysisError, match="finite z-points"):
        make().prepare(ArraySource(np.full((3, 2), np.nan)))
