"""The two-sample test: false alarms, power, effect, bound, what does not change it, and errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom, norm

from latent_analyze.errors import AnalysisError
from latent_analyze.statistics import TwoSample, distinct_rows, two_sample

RNG = np.random.default_rng(0)
NORMAL = RNG.standard_normal((300, 4))
OTHER = RNG.standard_normal((300, 4))
FAR = OTHER + 0.5
MAP = RNG.standard_normal((4, 4)) * [[1.0], [30.0], [0.1], [1.0]]


def alike(repeats: int, rows: int, dim: int) -> list[TwoSample]:
    """Return the results of pairs of normal samples."""
    samples = np.random.default_rng(dim).standard_normal((repeats, 2, rows, dim))
    return [two_sample(x, y, seed=seed) for seed, (x, y) in enumerate(samples)]


def test_p_values_of_equal_samples_are_uniform() -> None:
    results = alike(200, 60, 3)
    p_values = np.array([result.p_value for result in results])
    for level in (0.1, 0.25, 0.5, 0.75, 0.9):
        low, high = binom.ppf([0.0005, 0.9995], len(p_values), level)
        assert low <= np.sum(p_values <= level) <= high


def test_samples_without_overlap_are_told_apart_row_by_row() -> None:
    result = two_sample(NORMAL, NORMAL[::-1] + 100, seed=0)
    assert result.effect == 1.0
    assert result.interval[0] > 0.95
    assert result.interval[1] == 1.0
    assert result.p_value == 1 / 500


def test_the_effect_bounds_the_total_variation_distance_from_below() -> None:
    distance = 2 * norm.cdf(0.5) - 1
    effects, lows = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((2, 500, 3))
        result = two_sample(x + np.eye(3)[0], y, seed=seed)
        effects.append(result.effect)
        lows.append(result.interval[0])
    assert distance - 0.05 < np.mean(effects) < distance + 0.01
    assert sum(low > distance for low in lows) <= 3


def test_the_interval_of_equal_samples_holds_zero() -> None:
    results = alike(100, 100, 4)
    missed = sum(not low <= 0 <= high for low, high in (result.interval for result in results))
    assert missed <= binom.ppf(0.999, 100, 0.05)


def test_a_shift_of_the_size_of_the_bound_is_found_four_times_of_five() -> None:
    bound = float(np.mean([result.bound for result in alike(10, 300, 6)]))
    shift = 2 * norm.ppf((1 + bound) / 2)
    found = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((2, 300, 6))
        x[:, 0] += shift
        found += two_sample(x, y, seed=seed).p_value <= 0.05
    assert 0.6 <= found / 60 <= 0.95


def test_more_rows_see_smaller_differences() -> None:
    rng = np.random.default_rng(0)
    bounds = [
        two_sample(*rng.standard_normal((2, rows, 8)), seed=0).bound for rows in (40, 200, 1000)
    ]
    assert 1 >= bounds[0] > bounds[1] > bounds[2] > 0


def test_what_is_seen_is_named() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 800, 6))
    longer = y * np.exp(0.5 * rng.standard_normal((800, 1)))
    assert two_sample(x, longer, seed=0).seen_by == "radius"
    split = y + 3 * rng.choice([-1, 1], (800, 1)) * np.eye(6)[2]
    assert two_sample(x * [1, 1, 3, 1, 1, 1], split, seed=0).seen_by == "component"


@pytest.mark.parametrize("y", [OTHER, FAR], ids=["alike", "different"])
def test_no_shift_turn_or_unit_changes_the_test(y: np.ndarray) -> None:
    turn = 30 * np.linalg.qr(MAP)[0]
    same(two_sample(NORMAL, y, seed=3), two_sample(NORMAL @ turn - 2, y @ turn - 2, seed=3))


def same(first: TwoSample, second: TwoSample) -> None:
    assert first.p_value == pytest.approx(second.p_value, abs=0.005)
    assert first.effect == pytest.approx(second.effect, abs=0.01)
    assert first.bound == pytest.approx(second.bound, rel=0.1)


def test_a_seed_gives_the_same_result_again() -> None:
    assert two_sample(NORMAL, FAR, seed=1) == two_sample(NORMAL, FAR, seed=1)
    assert two_sample(NORMAL, FAR, seed=1) != two_sample(NORMAL, FAR, seed=2)


def test_an_axis_that_is_constant_in_both_changes_nothing() -> None:
    x, y = (np.column_stack([rows, np.full(300, 1e4)]) for rows in (NORMAL, FAR))
    same(two_sample(x, y, seed=1), two_sample(NORMAL, FAR, seed=1))


def test_constants_that_differ_are_a_difference() -> None:
    x, y = np.column_stack([NORMAL, np.zeros(300)]), np.column_stack([OTHER, np.ones(300)])
    assert two_sample(x, y, seed=1).effect > 0.95


def test_copies_inside_one_sample_are_a_difference_that_distinct_rows_mend() -> None:
    copies = NORMAL[np.arange(300) % 60]
    assert two_sample(copies, OTHER, seed=1).p_value < 0.01
    assert two_sample(copies[distinct_rows(copies)], OTHER, seed=1).p_value > 0.05


def test_copies_of_the_other_sample_are_not_seen() -> None:
    assert two_sample(NORMAL, NORMAL, seed=1).p_value > 0.5


def test_values_that_are_mostly_alike_are_compared() -> None:
    rng = np.random.default_rng(0)
    x, y = np.maximum(rng.standard_normal((2, 200, 3)) - 1.5, 0)
    assert two_sample(x, y, seed=0).p_value > 0.05
    assert two_sample(x, y + (y > 0), seed=0).p_value < 0.01


def test_a_part_of_many_rows_is_compared() -> None:
    result = two_sample(NORMAL, FAR[:100], seed=1, max_rows=150)
    assert result.rows == (150, 100)


def broken(rows: np.ndarray) -> np.ndarray:
    return np.where(np.arange(300)[:, None] < 2, np.nan, rows)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (NORMAL[:19], OTHER, "expected at least 20 rows in x.*found shape .19, 4."),
        (NORMAL, OTHER[:, 0], "expected at least 20 rows in y.*found shape .300,."),
        (NORMAL, broken(OTHER), "expected finite values in y, found other values in 2 of 300 rows"),
        (NORMAL, OTHER[:, :3], "same number of axes, found 4 in x, 3 in y"),
        (np.ones((30, 2)), np.ones((40, 2)), "rows that differ in x and y, found 70"),
        (7 + NORMAL * 1e-9, 7 + OTHER * 1e-9, "rows that differ in x and y, found 600"),
    ],
    ids=["few rows", "no axes", "not finite", "other axes", "all alike", "rounding"],
)
def test_what_cannot_be_compared(x: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        two_sample(x, y, seed=0)


@pytest.mark.parametrize("shape", [(5000, 3), (30, 700)], ids=str)
def test_all_shapes_are_compared(shape: tuple[int, int]) -> None:
    draw: Callable[..., np.ndarray] = np.random.default_rng(0).standard_normal
    assert two_sample(draw(shape), draw(shape), seed=0, max_rows=500).p_value > 0.05
