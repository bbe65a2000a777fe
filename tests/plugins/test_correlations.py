"""The analysis `correlations`: closed forms, dependence beyond correlation, the center."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze import AnalysisError, OptionError
from latent_analyze.host.options import build_options
from latent_analyze.plugin import ArraySource, Finding, ResultSet
from latent_analyze.testing import check_analysis, findings_of, gaussian_members, run_analysis
from latent_analyze_plugins.correlations import (
    Correlations,
    correlation,
    rank_correlation,
    upper,
)


def analyze(z: np.ndarray, repeats: int = 0, **options: int) -> ResultSet:
    source = ArraySource(z.astype(np.float32))
    nulls = {"gaussian": gaussian_members(source, repeats)} if repeats else {}
    return run_analysis(Correlations(Correlations.Options(**options)), source, nulls=nulls)


def find(results: ResultSet) -> list[Finding]:
    return findings_of(Correlations(), results)


def correlated(r: float, n: int = 20_000, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 3))
    z[:, 1] = r * z[:, 0] + np.sqrt(1 - r**2) * z[:, 1]
    return z


def test_it_keeps_the_contract() -> None:
    check_analysis(Correlations(Correlations.Options(sample=300)))


def test_pearson_is_that_of_numpy_and_spearman_that_of_ranks() -> None:
    z = np.random.default_rng(0).standard_normal((500, 6)) @ np.triu(np.ones((6, 6)))
    data = analyze(z).data
    np.testing.assert_allclose(data["pearson"], np.corrcoef(z, rowvar=False), atol=1e-5)
    ranks = z.argsort(axis=0).argsort(axis=0)
    np.testing.assert_allclose(data["rank"], np.corrcoef(ranks, rowvar=False), atol=1e-5)
    assert data.sample_size == 500


def test_a_gaussian_has_the_rank_correlation_of_its_closed_form() -> None:
    data = analyze(correlated(0.7)).data
    assert data["pearson"][0, 1] == pytest.approx(0.7, abs=0.02)
    assert data["rank"][0, 1] == pytest.approx(6 / np.pi * np.arcsin(0.35), abs=0.02)
    assert data["rank_departure"] < 0.01
    assert data["strongest_pairs"][0].tolist() == [0, 1]


def test_ranks_see_a_monotone_curve_as_it_is() -> None:
    x = np.random.default_rng(0).standard_normal((1000, 1))
    assert rank_correlation(np.hstack([x, np.exp(3 * x)]))[0, 1] == pytest.approx(1.0)


def test_equal_values_share_their_rank_and_columns_that_do_not_vary_have_no_correlation() -> None:
    rows = np.array([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0], [2.0, 3.0, 5.0], [3.0, 9.0, 5.0]])
    matrix = rank_correlation(rows)
    assert matrix[0, 1] == pytest.approx(1.0)
    assert matrix[0, 2] == matrix[1, 2] == 0.0
    assert correlation(rows)[2, 2] == 1.0


@pytest.mark.parametrize("factor", [1.0, -2.0])
def test_matrices_do_not_depend_on_offset_scale_or_order(factor: float) -> None:
    z = correlated(0.4, n=2000)
    moved = np.random.default_rng(1).permutation(z * abs(factor) + 1000 * (factor < 0))
    one, two = analyze(z).data, analyze(moved).data
    for kind in ("pearson", "rank", "magnitude"):
        np.testing.assert_allclose(one[kind], two[kind], atol=2e-3)


def test_a_common_scale_ties_magnitudes_and_a_sphere_sets_them_against_each_other() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((5000, 4))
    heavy = analyze(z * np.exp(rng.standard_normal((5000, 1)))).data
    shell = analyze(z / np.linalg.norm(z, axis=1, keepdims=True)).data
    assert heavy["magnitude_balance"] == pytest.approx(heavy["magnitude_dependence"])
    assert heavy["magnitude_dependence"] > 0.3
    assert shell["magnitude_balance"] < -0.2


def test_dependence_without_correlation_is_found_and_named() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((4000, 5))
    z[:, 3] = (z[:, 1] ** 2 - 1) / np.sqrt(2)
    results = analyze(z, repeats=20)
    assert "strongest_magnitude_dependence" in {e.scalar for e in results.standouts()}
    (finding,) = (f.text for f in find(results) if f.severity == "finding")
    assert "from the null model gaussian: how far out z-points are on one axis depends" in finding
    notes = "".join(f.text for f in find(results) if f.severity == "note")
    assert "|z − mean| of axes 1 and 3 depend most on each other" in notes


def test_a_correlated_gaussian_is_no_finding() -> None:
    results = analyze(correlated(0.8, n=3000), repeats=20)
    assert not results.standouts()
    assert {finding.severity for finding in find(results)} == {"note"}
    assert not any("magnitudes" in finding.text for finding in find(results))


def test_the_center_and_the_axes_that_hold_it() -> None:
    z = np.random.default_rng(0).standard_normal((10_000, 8))
    z[:, 5] += 3
    z[:, 2] += 4
    data = analyze(z).data
    assert data["center_distance"] == pytest.approx(5.0, abs=0.05)
    assert data["center_spreads"] == pytest.approx(5.0, abs=0.05)
    assert data["center_axes"] == 2
    assert data["center_error"] == pytest.approx(np.sqrt(8 / 10_000), rel=0.02)


def test_a_center_within_sampling_error_is_told_as_such() -> None:
    z = np.random.default_rng(0).standard_normal((1000, 8))
    assert any("sampling error" in finding.text for finding in find(analyze(z)))


def test_axes_that_do_not_vary_are_left_out_and_named() -> None:
    z = np.random.default_rng(0).standard_normal((300, 5))
    z[:, 2] = 7
    results = analyze(z)
    assert results.data["axes"].tolist() == [0, 1, 3, 4]
    assert any("1 of 5 axes are compared with none" in finding.text for finding in find(results))


def test_the_widest_axes_are_compared_where_there_are_too_many() -> None:
    z = np.random.default_rng(0).standard_normal((300, 40)) * np.arange(1, 41)
    results = analyze(z, max_axes=10)
    assert results.data["axes"].tolist() == list(range(30, 40))
    assert any("10 widest of 40" in finding.text for finding in find(results))


def test_above_4096_dimensions_correlations_are_those_of_the_sample() -> None:
    results = analyze(np.random.default_rng(0).standard_normal((40, 5000)), max_axes=20)
    assert results.data["pearson"].shape == (20, 20)
    assert any("those of the sample" in finding.text for finding in find(results))


@pytest.mark.parametrize(
    "z", [np.ones((30, 3)), np.eye(3)[:2], np.arange(30.0)[:, None], np.full((9, 3), np.nan)]
)
def test_fewer_than_two_axes_that_vary_are_an_error(z: np.ndarray) -> None:
    with pytest.raises(AnalysisError, match="vary along two axes"):
        Correlations().prepare(ArraySource(z))


def test_a_source_without_finite_rows_is_an_error() -> None:
    frame = Correlations().prepare(ArraySource(correlated(0.1, n=50)))
    with pytest.raises(AssertionError, match="three finite z-points"):
        run_with(frame)


def run_with(frame: object) -> None:
    class Framed(Correlations):
        def prepare(self, reference: object) -> object:
            return frame

    run_analysis(Framed(), ArraySource(np.full((20, 3), np.nan)))


@pytest.mark.parametrize(
    "z",
    [
        np.random.default_rng(0).standard_normal((50, 16)),
        np.random.default_rng(0).standard_normal((400, 2)),
        np.random.default_rng(0).standard_normal((30, 200)),
        np.repeat(np.random.default_rng(0).standard_normal((20, 4)), 30, axis=0),
        np.random.default_rng(0).standard_normal((3, 4)),
    ],
)
def test_odd_clouds_give_finite_results_and_figures(z: np.ndarray) -> None:
    results = analyze(z, repeats=2)
    for name, array in results.data.arrays.items():
        assert np.isfinite(array.values).all(), name
    assert [f.name for f in Correlations().plot(results)] == ["correlations", "correlations-pairs"]


def test_more_than_64_axes_are_drawn_by_strength() -> None:
    z = np.random.default_rng(0).standard_normal((300, 80))
    z[:, 79] += 5 * z[:, 0]
    figure = next(iter(Correlations().plot(analyze(z))))
    assert "64 of 80 axes" in figure.caption
    assert upper(np.arange(9).reshape(3, 3)).tolist() == [1, 2, 5]


@pytest.mark.parametrize("options", [{"sample": 5}, {"max_axes": 1}, {"strongest": 0}])
def test_bad_values_are_option_errors(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="correlations"):
        build_options(Correlations.Options, options, "correlations")
