"""The analysis `projections`: contract, planes and windows, exact counts, readings."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze import AnalysisError, OptionError
from latent_analyze.host.options import build_options, parse_spec
from latent_analyze.plugin import ArraySource, Batch, Finding, Frame, ResultSet
from latent_analyze.testing import (
    check_analysis,
    figures_of,
    findings_of,
    gaussian_members,
    run_analysis,
)
from latent_analyze_plugins.projections import Projections
from latent_analyze_plugins.projections.frame import WIDEST


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def make(**options: Any) -> Projections:
    return Projections(build_options(Projections.Options, options, "projections"))


def prepare(z: np.ndarray, **options: Any) -> Frame:
    return make(**options).prepare(ArraySource(z))


def count(z: np.ndarray, frame: Frame, cuts: list[int] | None = None) -> dict[str, Any]:
    accumulator = make().accumulator(frame)
    for rows in np.split(np.arange(len(z)), cuts or []):
        accumulator.add(Batch(z[rows], rows))
    return accumulator.result()


def analyze(z: np.ndarray, repeats: int = 20, **options: Any) -> ResultSet:
    source = ArraySource(z.astype(np.float32))
    nulls = {"gaussian": gaussian_members(source, repeats)} if repeats else {}
    return run_analysis(make(**options), source, nulls=nulls)


def find(results: ResultSet, severity: str = "finding") -> list[Finding]:
    return [f for f in findings_of(Projections(), results) if f.severity == severity]


def test_it_keeps_the_contract() -> None:
    check_analysis(Projections())


def test_pairs_are_clipped_to_the_components_that_exist() -> None:
    assert prepare(normal(500, 40), axes=[])["names"] == "pc1_pc2|pc1_pc18|pc8_pc35"
    assert prepare(normal(500, 16), axes=[])["names"] == "pc1_pc2|pc1_pc16|pc8_pc16"
    assert prepare(normal(500, 5), axes=[])["names"] == "pc1_pc2|pc1_pc5|pc4_pc5"
    assert prepare(normal(500, 2), axes=[])["names"] == "pc1_pc2"


def test_auto_takes_the_most_elongated_axes_that_are_alive() -> None:
    z = normal(2000, 6) * np.array([1, 1, 1, 1, 1, 1e-3], np.float32)
    z[:, 4] = 0.9 * z[:, 1] + 0.3 * z[:, 4]
    assert prepare(z, components=[])["names"] == "axis1_axis4"
    assert prepare(z, components=[], n_axes=2)["names"].startswith("axis1_axis4|")


def test_windows_follow_from_moments_and_count_alone() -> None:
    source = ArraySource(normal(3000, 6) @ normal(6, 6, seed=1) + 3)
    frame = make().prepare(source)
    other = make().prepare(gaussian_members(source, 1)[0])
    np.testing.assert_allclose(frame["half_widths"], other["half_widths"], rtol=1e-6)
    np.testing.assert_array_equal(frame["tested"], other["tested"])


@pytest.mark.parametrize(("n", "windows"), [(100, 1), (900, 4), (20_000, 4)])
def test_zooms_end_at_about_200_points_of_a_gaussian(n: int, windows: int) -> None:
    z = normal(n, 2)
    frame = prepare(z, axes=[])
    widths = frame["half_widths"][0]
    assert widths[0] == WIDEST
    assert len(widths) == windows
    assert (np.diff(widths) < 0).all()
    if windows > 1:
        assert count(z, frame)["inside"][0, -1] == pytest.approx(200, abs=60)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_counts_are_those_of_a_histogram(offset: float) -> None:
    z = (normal(3000, 4) @ normal(4, 4, seed=1) + np.float32(offset)).astype(np.float32)
    frame = prepare(z, components=[], axes=[[0, 1], [1, 3]])
    result = count(z, frame)
    assert result["n"] == 3000
    for p, axes in enumerate([[0, 1], [1, 3]]):
        for k, width in enumerate(frame["half_widths"][p]):
            scores = (z[:, axes] - frame["mean"][axes]) / frame["std"][p]
            expected, _, _ = np.histogram2d(*scores.T, bins=64, range=[[-width, width]] * 2)
            # np.histogram counts the upper edge in; no float lies there.
            assert np.abs(result["parts"][p, k] - expected).sum() <= 2


def test_planes_of_unequal_numbers_of_windows_can_stand_together() -> None:
    z = normal(330, 3)
    z[:, 1] = 0.999 * z[:, 0] + 0.05 * z[:, 1]
    z = np.concatenate([z, z.mean(axis=0, keepdims=True)])
    frame = prepare(z, components=[[1, 2]], axes=[[0, 1]])
    missing = frame["half_widths"] == 0
    assert missing.any(axis=1).tolist() == [True, False]
    results = analyze(z, components=[[1, 2]], axes=[[0, 1]])
    assert not results.data["inside"][missing].any()
    assert len(figures_of(Projections(), results)) == 3


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 400), max_size=6).map(sorted), st.integers(0, 400))
def test_counts_do_not_depend_on_the_split(cuts: list[int], part: int) -> None:
    z = normal(400, 7)
    z[::7] = 0
    frame = prepare(z, cells=4)
    whole = count(z, frame)
    np.testing.assert_array_equal(count(z, frame, cuts)["parts"], whole["parts"])
    pieces = [make().accumulator(frame) for _ in range(3)]
    pieces[0].add(Batch(z[part:], np.arange(part, 400)))
    pieces[1].add(Batch(z[:part], np.arange(part)))
    pieces[2].merge(pickle.loads(pickle.dumps(pieces[0])))
    pieces[2].merge(pieces[1])
    pieces[2].merge(make().accumulator(frame))
    np.testing.assert_array_equal(pieces[2].result()["parts"], whole["parts"])


def test_permuted_rows_leave_all_counts_equal() -> None:
    z = normal(500, 4)
    frame = prepare(z)
    mixed = np.random.default_rng(1).permutation(z)
    np.testing.assert_array_equal(count(z, frame)["parts"], count(mixed, frame)["parts"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_counted_apart(bad: float) -> None:
    z = normal(300, 4)
    frame = prepare(z)
    clean = count(z[:200], frame)
    z[200:, 2] = bad
    result = count(z, frame)
    assert (result["n"], result["nonfinite"]) == (200, 100)
    np.testing.assert_array_equal(result["parts"], clean["parts"])
    assert any("NaN or infinity" in f.text for f in find(analyze(z, repeats=0), "note"))


def test_a_source_without_finite_rows_is_an_error() -> None:
    with pytest.raises(AnalysisError, match="at least one finite z-point"):
        make().accumulator(prepare(normal(50, 3))).result()


@pytest.mark.parametrize("scale", [[1, 0, 0], [1, 1e-9, 0]])
def test_a_plane_needs_two_directions(scale: list[float]) -> None:
    with pytest.raises(AnalysisError, match="at least two directions"):
        prepare(normal(60, 3) * np.array(scale, np.float32))
    with pytest.raises(AnalysisError, match="at least two directions"):
        prepare(normal(60, 1))


def test_z_points_that_are_all_alike_are_an_error() -> None:
    with pytest.raises(AnalysisError, match="different z-points"):
        prepare(np.ones((30, 4), np.float32))


@pytest.mark.parametrize(
    "options",
    [
        {"components": [[0, 1]]},
        {"components": [[2, 2]]},
        {"axes": [[0, 0]]},
        {"axes": [[0, 5]]},
        {"axes": [[0, 4]]},
    ],
)
def test_pairs_must_name_two_different_directions(options: dict[str, Any]) -> None:
    z = normal(50, 5)
    z[:, 4] = 1
    with pytest.raises(OptionError, match=r"projections\."):
        prepare(z, **options)


@pytest.mark.parametrize(
    "options", [{"zooms": 0}, {"cells": 2}, {"components": "all"}, {"axes": [[1]]}]
)
def test_bad_values_are_option_errors(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="projections"):
        make(**options)


def test_options_come_from_text() -> None:
    spec = parse_spec("projections:components=[1,2]:axes=[[0,1],[3,4]]")
    options = make(**spec.options).options
    assert options.components == ((1, 2),)
    assert options.axes == ((0, 1), (3, 4))


def test_a_gaussian_is_within_the_spread_of_its_null_at_every_zoom() -> None:
    results = analyze(normal(4000, 16) @ normal(16, 16, seed=1))
    assert not find(results)
    texts = [finding.text for finding in find(results, "note")]
    assert any(
        "What looks like filaments or voids in projection (1, 2), (1, 16), (8, 16)" in text
        and "is within the null's spread at every zoom" in text
        for text in texts
    )


def test_too_few_points_for_a_zoom_are_told_as_such() -> None:
    notes = [finding.text for finding in find(analyze(normal(60, 4)), "note")]
    assert any("too few z-points for a zoom" in text for text in notes)


def planted_lines(n: int, spacing: float, width: float) -> np.ndarray:
    """Return a Gaussian cloud whose points are drawn to parallel lines in the plane (0, 1)."""
    z = normal(n, 8).astype(np.float64)
    jitter = np.random.default_rng(1).standard_normal(n) * width
    z[:, 0] = np.round(z[:, 0] / spacing) * spacing + jitter
    return z


def test_planted_filaments_are_found_at_their_scale() -> None:
    results = analyze(planted_lines(8000, 0.2, 0.02), components=[], axes=[[0, 1]])
    found, *standard = find(results)
    assert "has filaments, clumps or voids at cells of" in found.text
    assert "grain, zoom 1 of axis0_axis1 " in found.text
    assert "grain_axis0_axis1_zoom1" in found.numbers
    assert not any("grain, zoom 1" in other.text for other in standard)
    assert not any("is within the null's spread" in f.text for f in find(results, "note"))


def test_lines_finer_than_all_cells_are_not_claimed() -> None:
    results = analyze(planted_lines(8000, 1e-3, 1e-4), components=[], axes=[[0, 1]])
    assert not find(results)


def test_a_planted_void_is_found() -> None:
    z = normal(12_000, 4).astype(np.float64)
    z = z[np.hypot(z[:, 0], z[:, 1]) > 0.3]
    results = analyze(z, components=[], axes=[[0, 1]])
    assert any("of axis0_axis1" in finding.text for finding in find(results))


def test_windows_without_points_are_undefined_and_say_so() -> None:
    ring = normal(3000, 2)
    ring /= np.linalg.norm(ring, axis=1, keepdims=True)
    results = analyze(ring, axes=[])
    assert np.isnan(results.data["dispersion_pc1_pc2_zoom3"])
    assert results.data["empty_pc1_pc2_zoom3"] == 1
    assert any("no z-point in projection (1, 2)" in f.text for f in find(results, "note"))
    assert any("dispersion_pc1_pc2_zoom1" in f.numbers for f in find(results))
    assert len(figures_of(Projections(), results)) == 2


def test_only_statistics_that_tell_something_are_calibrated_and_say_where() -> None:
    results = analyze(normal(4000, 4), repeats=0)
    for s, statistic in enumerate(("dispersion", "grain", "empty")):
        for p, plane in enumerate(results.frame["names"].split("|")):
            for k, window in enumerate(("whole", "zoom1", "zoom2", "zoom3")):
                scalar = results.data.scalars[f"{statistic}_{plane}_{window}"]
                assert scalar.calibrated == results.frame["tested"][s, p, k]
                assert (scalar.minimum_effect > 0) == scalar.calibrated
    text = results.data.scalars["grain_pc1_pc2_zoom1"].description
    assert "grain, zoom 1 of pc1_pc2: second differences" in text


def test_above_4096_dimensions_nothing_is_calibrated() -> None:
    results = analyze(normal(60, 4500), repeats=0, components=[[1, 2]])
    assert not any(scalar.calibrated for scalar in results.data.scalars.values())
    assert any("not calibrated" in finding.text for finding in find(results, "note"))


@pytest.mark.parametrize(
    "z",
    [
        normal(50, 16),
        normal(30, 200),
        np.repeat(normal(20, 4), 30, axis=0),
        normal(3, 4),
        normal(900, 24) / np.linalg.norm(normal(900, 24), axis=1, keepdims=True),
    ],
)
def test_odd_clouds_give_finite_results_and_figures(z: np.ndarray) -> None:
    results = analyze(z, repeats=2)
    for name, scalar in results.data.scalars.items():
        assert np.isfinite(scalar.value), name
    planes = len(results.frame["pairs"])
    figures = figures_of(Projections(), results)
    assert len(figures) == planes + 1
    assert all(figure.caption for figure in figures)
