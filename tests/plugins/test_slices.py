"""What `slices` counts: brute force, closed forms, invariances and documented errors."""

from __future__ import annotations

import math
import pickle
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze import AnalysisError, OptionError
from latent_analyze.host.options import build_options, parse_spec
from latent_analyze.plugin import ArraySource, Batch, Result, row_priority
from latent_analyze_plugins.slices import Slices
from latent_analyze_plugins.slices.compute import LowestPriority, SliceCounts

SMALL = {"density_sample": 200, "points": 50, "bins": 8}


def make(**options: Any) -> Slices:
    return Slices(build_options(Slices.Options, SMALL | options, "slices"))


def feed(accumulator: SliceCounts, z: np.ndarray, cuts: Any = ()) -> SliceCounts:
    for rows in np.split(np.arange(len(z)), cuts):
        accumulator.add(Batch(np.ascontiguousarray(z[rows], np.float32), rows))
    return accumulator


def analyze(z: np.ndarray, **options: Any) -> Result:
    analysis = make(**options)
    return found(analysis, feed(analysis.accumulator(analysis.prepare(ArraySource(z))), z))


def found(analysis: Slices, accumulator: SliceCounts) -> Result:
    frame = accumulator.frame
    source = ArraySource(np.zeros((0, frame["dim"])))
    return analysis.declare(frame, source).result(accumulator.result())


def normal(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def assert_same(first: Result, second: Result) -> None:
    assert first.scalars == second.scalars
    for name in first.arrays:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize("dim", [2, 3, 4, 7])
def test_survivors_of_every_pair_and_b_equal_brute_force(dim: int) -> None:
    z = normal(500, dim) + np.float32(0.3)
    pairs = list(combinations(range(dim), 2))
    result = analyze(z, pairs=pairs)
    for p, pair in enumerate(pairs):
        others = np.delete(np.abs(z), pair, axis=1)
        for i, b in enumerate(result["half_width"]):
            assert result["survivors"][p, i] == (others <= b).all(axis=1).sum()
        smallest = others.max(axis=1).min() if dim > 2 else 0
        assert result["smallest_b"][p] == np.float32(smallest)


def test_share_over_all_pairs_is_the_mean_over_pairs() -> None:
    z, pairs = normal(400, 5), list(combinations(range(5), 2))
    result = analyze(z, pairs=pairs, b=0.9)
    shares = [result[f"survivor_share_{i}_{j}"] for i, j in pairs]
    assert result["survivor_share_all_pairs"] == pytest.approx(np.mean(shares), abs=1e-12)


def test_two_dimensions_have_no_other_axis_so_all_survive() -> None:
    result = analyze(normal(100, 2))
    assert result["survivors_0_1"] == 100
    assert result["survivor_share_all_pairs"] == 1


def test_counts_of_projection_and_zoom_equal_brute_force() -> None:
    z = normal(800, 4)
    analysis = make(pairs=[[0, 2], [3, 1]], zoom=0.5)
    frame = analysis.prepare(ArraySource(z))
    wide = 1.5 * z
    result = found(analysis, feed(analysis.accumulator(frame), wide))
    scale = (8 / frame["width"]).astype(np.float32)
    for p, pair in enumerate([[0, 2], [3, 1]]):
        cell = np.floor((wide[:, pair] - frame["low"][p]) * scale[p]).astype(int)
        inside = ((cell >= 0) & (cell < 8)).all(axis=1)
        expected = np.zeros((8, 8), int)
        np.add.at(expected, tuple(cell[inside].T), 1)
        np.testing.assert_array_equal(result["cells"][p], expected)
        assert result["outside"][p] == (~inside).sum() > 0
        near = (np.abs(wide[:, pair]) <= np.float32(frame["zoom"])).all(axis=1)
        assert result["zoom_count"][p] == near.sum()


def test_no_point_of_the_reference_is_outside_its_window() -> None:
    assert analyze(normal(300, 4) + np.float32(1000))["outside"].sum() == 0


@pytest.mark.parametrize("dim", [3, 8])
def test_gaussian_survival_is_a_power_of_the_error_function(dim: int) -> None:
    result = analyze(normal(40_000, dim), b=1.2, pairs=[[0, 1]])
    share = math.erf(1.2 / math.sqrt(2)) ** (dim - 2)
    spread = math.sqrt(share * (1 - share) / 40_000)
    assert result["survivor_share_0_1"] == pytest.approx(share, abs=4 * spread)


def test_cube_survival_is_a_power_of_b() -> None:
    z = np.random.default_rng(1).uniform(-1, 1, (40_000, 6)).astype(np.float32)
    result = analyze(z, b=0.8, pairs=[[2, 4]])
    assert result["survivor_share_2_4"] == pytest.approx(0.8**4, abs=0.01)


def test_b_is_the_spread_of_the_reference_unless_given() -> None:
    z = normal(300, 5) * np.float32(3)
    assert analyze(z)["b"] == pytest.approx(ArraySource(z).summary().spread)
    assert analyze(z, b=0.25)["b"] == 0.25


def test_points_kept_of_a_slice_are_survivors_of_lowest_priority() -> None:
    z = normal(900, 3)
    result = analyze(z, pairs=[[0, 2]], b=0.5, seed=7)
    rows = np.flatnonzero(np.abs(z[:, 1]) <= np.float32(0.5))
    lowest = rows[np.argsort(row_priority(rows, 7))][:50]
    np.testing.assert_array_equal(result["slice"][0], z[lowest][:, [0, 2]])


@given(
    cuts=st.lists(st.integers(0, 300), max_size=6).map(sorted),
    part=st.integers(0, 300),
    swap=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_split_and_order_of_merges_gives_the_same_result(
    cuts: list[int], part: int, swap: bool
) -> None:
    z = normal(300, 5) + np.float32(0.2)
    z[::9] = 0  # exactly as far from the mean as the origin
    analysis = make(density_sample=40)
    frame = analysis.prepare(ArraySource(z))
    whole = feed(analysis.accumulator(frame), z, cuts)
    parts = [analysis.accumulator(frame) for _ in range(3)]
    for accumulator, rows in zip(parts, (slice(part), slice(part, None)), strict=False):
        numbers = np.arange(300)[rows]
        accumulator.add(Batch(z[rows], numbers))
    first, second, empty = parts
    merged, other = (second, first) if swap else (first, second)
    empty.merge(merged)
    empty.merge(pickle.loads(pickle.dumps(other)))
    empty.merge(analysis.accumulator(frame))
    assert_same(found(analysis, empty), found(analysis, whole))


def test_permuted_rows_leave_all_counts_equal() -> None:
    z = normal(500, 6)
    analysis = make()
    frame = analysis.prepare(ArraySource(z))
    turned = np.random.default_rng(0).permutation(z)
    straight, mixed = (found(analysis, feed(analysis.accumulator(frame), x)) for x in (z, turned))
    for name in ("survivors", "cells", "zoom_count", "outside", "smallest_b"):
        np.testing.assert_array_equal(straight[name], mixed[name])
    name = "origin_mahalanobis_percentile"
    assert straight[name] == mixed[name]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(1, 30))
@settings(deadline=None)
def test_lowest_priority_keeps_exactly_the_lowest(sizes: list[int], size: int) -> None:
    kept = LowestPriority(size, (1,))
    priority = row_priority(np.arange(sum(sizes)), 3)
    for part in np.split(np.arange(len(priority)), np.cumsum(sizes)[:-1]):
        kept.add(priority[part], part[:, None].astype(np.float32))
    expected = np.argsort(priority)[:size]
    np.testing.assert_array_equal(kept.values[:, 0], expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_counted_apart(bad: float) -> None:
    z = normal(300, 5)
    clean = analyze(z[:200])
    z[200:, 3] = bad
    result = analyze(z)
    assert result["n"] == 200
    assert_same(result, clean)
    assert any("left out: 100" in note for note in result.notes)


def test_an_empty_source_is_an_error() -> None:
    analysis = make()
    empty = analysis.accumulator(analysis.prepare(ArraySource(normal(50, 3))))
    with pytest.raises(AnalysisError, match="at least one finite z-point"):
        empty.result()


def test_one_row_has_no_density() -> None:
    analysis = make()
    frame = analysis.prepare(ArraySource(normal(50, 3)))
    result = found(analysis, feed(analysis.accumulator(frame), normal(1, 3, seed=5)))
    assert "origin_density_percentile" not in result.scalars
    assert any("needs two" in note for note in result.notes)


def test_options_come_from_text() -> None:
    spec = parse_spec("slices:pairs=[[0,1],[3,4]]:b=1.5")
    options = build_options(Slices.Options, spec.options, "slices")
    assert options.pairs == ((0, 1), (3, 4))
    assert options.b == 1.5
    assert make(pairs=[2, 0]).options.pairs == ((2, 0),)


@pytest.mark.parametrize(
    "options",
    [{"b": 0}, {"b": -1}, {"b": math.inf}, {"pairs": []}, {"pairs": "all"}, {"pairs": [[1]]}],
)
def test_bad_values_are_option_errors(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="slices"):
        make(**options)


@pytest.mark.parametrize("pairs", [[[0, 0]], [[0, 5]], [[-1, 2]], [[0, 1], [1, 0]]])
def test_pairs_must_be_two_different_axes_once(pairs: list[list[int]]) -> None:
    with pytest.raises(OptionError, match=r"slices\.pairs"):
        make(pairs=pairs).prepare(ArraySource(normal(30, 5)))


def test_one_dimension_has_no_pair() -> None:
    with pytest.raises(AnalysisError, match="at least 2 dimensions"):
        make().prepare(ArraySource(normal(30, 1)))


def test_z_points_that_are_all_alike_are_an_error() -> None:
    with pytest.raises(AnalysisError, match="different z-points"):
        make().prepare(ArraySource(np.ones((30, 4), np.float32)))
