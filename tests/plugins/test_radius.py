"""Radius: closed forms, invariances, any split of the rows, and readings of odd clouds."""

import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze import AnalysisError, OptionError
from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, Batch, Frame
from latent_analyze.testing import (
    check_analysis,
    findings_of,
    gaussian_members,
    run_analysis,
    tiny_source,
)
from latent_analyze_plugins.radius import Radius
from latent_analyze_plugins.shared.shells import expected_shell, matching_cube

FRAME = Frame({"dim": 3, "bin_width": 0.25, "expected": 2.0, "expected_width": 0.5})


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make(**options):
    return Radius(build_options(Radius.Options, options, "radius"))


def batch(z, start=0):
    z = np.ascontiguousarray(z, dtype=np.float32)
    return Batch(z=z, rows=np.arange(start, start + len(z)))


def measure(z, frame=FRAME):
    counts = make().accumulator(frame)
    counts.add(batch(z))
    return counts.result()


def analyze(z, **options):
    return run_analysis(make(**options), ArraySource(np.asarray(z, np.float32)))


def test_contract():
    results = check_analysis(Radius())
    (figure,) = Radius().plot(results)
    assert figure.name == "radius"
    assert "shell of radius" in figure.caption


@pytest.mark.parametrize("dim", [2, 16, 256])
def test_gaussian_follows_the_chi_distribution(dim, rng):
    data = analyze(rng.standard_normal((20_000, dim)), bin_width=0.05).data
    mean = math.sqrt(2) * math.exp(math.lgamma((dim + 1) / 2) - math.lgamma(dim / 2))
    std = math.sqrt(dim - mean**2)
    error = 5 * std / math.sqrt(20_000)
    assert data["mean"] == pytest.approx(mean, abs=error)
    assert data["std"] == pytest.approx(std, rel=0.05)
    assert data["expected"] == pytest.approx(math.sqrt(dim), abs=error)
    assert data["rms"] == pytest.approx(data["expected"], rel=1e-3)
    assert data["mode"] == pytest.approx(math.sqrt(dim - 1), abs=0.25)


@pytest.mark.parametrize("dim", [64, 1024])
def test_expected_width_in_many_dimensions(dim, rng):
    scale, mean = np.linspace(0.5, 2.0, dim), np.linspace(-1.0, 1.0, dim)
    z = rng.standard_normal((8000, dim)) * scale + mean
    radii = np.linalg.norm(z, axis=1)
    expected, width = expected_shell(ArraySource(z).summary())
    assert expected == pytest.approx(math.sqrt((scale**2).sum() + (mean**2).sum()), rel=4e-3)
    assert width == pytest.approx(radii.std(), rel=0.05)


def test_expected_width_without_covariance_uses_the_diagonal(rng):
    z = rng.standard_normal((200, 4097))
    _, width = expected_shell(ArraySource(z).summary())
    assert width == pytest.approx(math.sqrt(0.5), rel=0.05)


@pytest.mark.parametrize(("dim", "tolerance"), [(1, 0.015), (2, 2e-3), (3, 2e-3), (50, 1e-3)])
def test_matching_cube_has_the_mean_radius(dim, tolerance):
    radii = np.linalg.norm(np.random.default_rng(1).uniform(-1, 1, (200_000, dim)), axis=1)
    b, width = matching_cube(radii.mean(), dim)
    assert b == pytest.approx(1.0, abs=tolerance)
    assert width == pytest.approx(radii.std(), rel=0.06 if dim == 1 else 0.02)


def test_matching_cube_of_known_mean_distances():
    square = (math.sqrt(2) + math.log(1 + math.sqrt(2))) / 3
    assert matching_cube(square, 2)[0] == pytest.approx(1.0, abs=2e-3)
    assert matching_cube(0.5, 1)[0] == pytest.approx(1.0, abs=0.015)


def test_counts_are_exact_and_anchored_at_zero():
    z = np.zeros((5, 3))
    z[:, 0] = [0.0, 0.24, 0.25, 0.3, 1.1]
    result = measure(z)
    np.testing.assert_array_equal(result["counts"], [2, 2, 0, 0, 1])
    assert result["mode"] == 0.125, "the lowest of two fullest intervals"
    assert (result["min"], result["max"]) == (0.0, pytest.approx(1.1))


def test_quantiles_of_equally_spaced_radii():
    z = np.zeros((1000, 3))
    z[:, 1] = (np.arange(1000) + 0.5) / 100
    result = measure(z)
    for name, expected in (("q05", 0.5), ("median", 5.0), ("q95", 9.5)):
        assert result[name] == pytest.approx(expected, abs=1e-3)


def test_rotation_and_order_of_rows_do_not_matter(rng):
    z = rng.standard_normal((3000, 6)) + 1
    rotation, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    plain, rotated, shuffled = analyze(z).data, analyze(z @ rotation).data, analyze(z[::-1]).data
    for name in ("mean", "std", "q05", "median", "q95", "uniform_b"):
        assert rotated[name] == pytest.approx(plain[name], rel=1e-2)
        assert shuffled[name] == pytest.approx(plain[name], rel=1e-12)
    np.testing.assert_array_equal(shuffled["counts"], plain["counts"])


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 400), st.lists(st.integers(0, 400), max_size=6), st.sampled_from([0.0, 1000.0])
)
def test_any_split_gives_the_same_counts(count, cuts, offset):
    z = (np.random.default_rng(count).standard_normal((count, 3)) + offset).astype(np.float32)
    whole, merged = measure(z), make().accumulator(FRAME)
    edges = [0, *sorted(min(c, count) for c in cuts), count]
    for low, high in pairwise(edges):
        part = make().accumulator(FRAME)
        part.add(batch(z[low:high], low))
        merged.merge(pickle.loads(pickle.dumps(part)))
        merged.merge(make().accumulator(FRAME))
    result = merged.result()
    np.testing.assert_array_equal(result["counts"], whole["counts"])
    for name in ("count", "mode", "q05", "median", "q95", "min", "max", "outside"):
        assert result[name] == whole[name]
    assert result["mean"] == pytest.approx(whole["mean"], rel=1e-9)
    assert result["rms"] == pytest.approx(whole["rms"], rel=1e-9)


@pytest.mark.parametrize("width", [0.5, 0.05])
def test_bin_width_of_the_literature(width, rng):
    data = analyze(rng.standard_normal((500, 4)), bin_width=width).data
    assert data["bin_width"] == width
    assert data["counts"].sum() == 500


@pytest.mark.parametrize("scale", [1e-3, 7.3, 400.0])
def test_automatic_bin_width_is_a_round_number(scale):
    data = analyze(scale * np.random.default_rng(0).standard_normal((2000, 16))).data
    assert float(f"{data['bin_width']:e}".split("e")[0]) in (1.0, 2.0, 5.0)
    assert 3 < data["std"] / data["bin_width"] < 20


@pytest.mark.parametrize(
    "z", [np.zeros((1, 1)), np.full((1, 3), 2.0), np.full((40, 2), 1e3), np.zeros((9, 5))]
)
def test_clouds_without_extent(z):
    results = analyze(z)
    radius = float(np.linalg.norm(z[0]))
    for name in ("mean", "median", "q05", "q95", "min", "max", "rms"):
        assert results.data[name] == pytest.approx(radius)
    assert results.data["std"] == pytest.approx(0.0, abs=1e-6 * radius)
    assert list(findings_of(Radius(), results))
    assert list(Radius().plot(results))


def test_far_off_center_cloud_keeps_its_precision(rng):
    z = rng.standard_normal((5000, 8)) + 1000
    data = analyze(z).data
    radii = np.linalg.norm(z.astype(np.float32).astype(np.float64), axis=1)
    assert data["std"] == pytest.approx(radii.std(), rel=1e-6)
    assert data["median"] == pytest.approx(np.median(radii), abs=data["bin_width"])


def test_values_that_are_not_finite_are_counted_and_left_out(rng):
    z = rng.standard_normal((100, 3))
    z[[3, 5], [0, 2]] = np.nan, np.inf
    results = analyze(z)
    assert (results.data["count"], results.data["nonfinite"]) == (98, 2)
    assert any("NaN" in finding.text for finding in findings_of(Radius(), results))


def test_radii_beyond_all_intervals_are_counted_and_named(rng):
    results = analyze(rng.standard_normal((50, 2)) + 100, bin_width=1e-5)
    assert results.data["outside"] == 50
    assert math.isnan(results.data["median"])
    assert math.isfinite(results.data["mean"])
    assert any("beyond" in finding.text for finding in findings_of(Radius(), results))
    assert list(Radius().plot(results)) == []


def test_a_hollow_shell_stands_out_from_its_gaussian(rng):
    z = rng.standard_normal((2000, 6))
    z *= 3 / np.linalg.norm(z, axis=1, keepdims=True)
    reference = ArraySource(z.astype(np.float32))
    nulls = {"gaussian": gaussian_members(reference, 39)}
    results = run_analysis(make(), reference, nulls=nulls)
    texts = [f.text for f in findings_of(Radius(), results) if f.severity == "finding"]
    assert len(texts) == 1
    assert "differs from the null model gaussian: the shell is thinner" in texts[0]


def test_a_gaussian_raises_no_warning(rng):
    reference = ArraySource(rng.standard_normal((2000, 6)).astype(np.float32))
    nulls = {"gaussian": gaussian_members(reference, 19)}
    results = run_analysis(make(), reference, nulls=nulls)
    assert all(finding.severity == "note" for finding in findings_of(Radius(), results))


def test_far_sources_are_told_and_not_drawn(rng):
    reference = tiny_source()
    near, far = (ArraySource(s * rng.standard_normal((200, 5)), f"s={s}") for s in (2, 100))
    (one,) = Radius().plot(run_analysis(make(), reference, shown=[near]))
    (two,) = Radius().plot(run_analysis(make(), reference, shown=[near, far]))
    assert "Too far away" not in one.caption
    assert "Too far away to be drawn: s=100 around" in two.caption
    labels = [text.get_text() for text in two.figure.legends[0].get_texts()]
    assert "s=2" in labels
    assert "s=100" not in labels


@pytest.mark.parametrize("width", [0, -1, "wide"])
def test_bad_bin_width(width):
    with pytest.raises(OptionError, match=r"radius\.bin_width"):
        make(bin_width=width)


def test_a_reference_without_finite_points_is_an_error():
    with pytest.raises(AnalysisError, match="finite z-points"):
        make().prepare(ArraySource(np.full((3, 2), np.nan)))


def test_an_empty_source_has_a_result_and_a_finding():
    empty = make().accumulator(FRAME).result()
    assert empty["count"] == 0
    assert math.isnan(empty["mean"])
    results = run_analysis(make(), tiny_source(), shown=[ArraySource(np.zeros((0, 5)), "empty")])
    assert any("empty has no finite" in finding.text for finding in findings_of(Radius(), results))
    assert list(Radius().plot(results))
