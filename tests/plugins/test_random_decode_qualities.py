"""Qualities and rates of draws whose scores have a known distribution."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from latent_analyze_plugins.random_decode.qualities import (
    conformal_quality,
    good_rate,
    good_relative,
    tail_probability,
)

SCORES = st.lists(st.integers(-50, 50), min_size=1, max_size=40).map(lambda x: np.array(x, float))


def truth(shift: float) -> float:
    """The share of N(shift, 1) below the 90 % quantile of N(0, 1)."""
    return float(norm.cdf(norm.ppf(0.9) - shift))


def test_quality_counts_held_out_rows_that_are_no_better() -> None:
    held_out = np.arange(1.0, 10)
    rows = np.array([0.0, 1.0, 5.0, 5.5, 9.0, 10.0, np.inf, np.nan])
    assert conformal_quality(held_out, rows).quality == pytest.approx(
        [1, 1, 0.6, 0.5, 0.2, 0.1, 0.1, 0.1]
    )


def test_held_out_rows_without_a_score_are_the_worst() -> None:
    found = conformal_quality(np.array([1.0, np.nan, np.inf]), np.array([2.0, np.nan]))
    assert found.quality == pytest.approx([0.75, 0.75])


def test_quality_of_a_new_row_is_a_p_value() -> None:
    # Every place of the new row among five is equally likely, with ties as without.
    for scores in ([1, 2, 3, 4, 5], [1, 1, 2, 2, 2], [7, 7, 7, 7, 7]):
        found = [
            conformal_quality(np.array(order[1:]), np.array(order[:1])).quality[0]
            for order in itertools.permutations(map(float, scores))
        ]
        for level in (0.2, 0.4, 0.6, 0.8, 1.0):
            assert np.mean(np.array(found) <= level + 1e-12) <= level + 1e-12


@given(SCORES, SCORES)
def test_quality_depends_on_the_order_of_scores_only(
    held_out: np.ndarray, rows: np.ndarray
) -> None:
    one = conformal_quality(held_out, rows).quality
    other = conformal_quality(np.exp(held_out / 10), np.exp(rows / 10)).quality
    assert np.array_equal(one, other)
    assert ((one > 0) & (one <= 1)).all()
    assert np.all(np.diff(one[np.argsort(rows, kind="stable")]) <= 0)


def test_groups_are_ranked_within_themselves() -> None:
    rng = np.random.default_rng(0)
    group, own = rng.integers(0, 3, 3000), rng.integers(0, 3, 1500)
    score, rows = 10 * group + rng.standard_normal(3000), 10 * own + rng.standard_normal(1500)
    pooled = conformal_quality(score, rows).quality
    found = conformal_quality(score, rows, (group, own)).quality
    for one in range(3):
        assert np.median(found[own == one]) == pytest.approx(0.5, abs=0.06)
    assert np.median(pooled[own == 2]) < 0.2
    alone = conformal_quality(score[group == 1], rows[own == 1]).quality
    assert np.array_equal(found[own == 1], alone)


def test_small_groups_are_ranked_among_all() -> None:
    score, group = np.arange(200.0), np.repeat([0, 1], [190, 10])
    rows, own = np.array([5.0, 195.0, 300.0]), np.array([0, 1, 7])
    found = conformal_quality(score, rows, (group, own))
    pooled = conformal_quality(score, rows).quality
    assert found.quality[1:] == pytest.approx(pooled[1:])
    assert found.quality[0] == pytest.approx((1 + 185) / 191)
    assert found.sizes[found.group].tolist() == [190, 200, 200]


def test_rate_is_the_share_of_draws_that_are_good() -> None:
    found = good_rate(conformal_quality(np.arange(99.0), np.arange(0.0, 120, 1)))
    assert found.value == pytest.approx(91 / 120)  # 0 to 90 are at most the tenth worst
    assert found.low < found.value < found.high


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
@pytest.mark.parametrize(
    ("rows", "draws", "groups"), [(18, 300, 1), (1000, 2000, 1), (1000, 800, 8)]
)
def test_interval_of_the_rate_holds(rows: int, draws: int, groups: int, shift: float) -> None:
    held, relative, p_values = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        parts = [np.arange(n) % groups for n in (rows, draws, rows)]
        score, drawn, control = (3 * part + rng.standard_normal(len(part)) for part in parts)
        ranked = conformal_quality(score, drawn + shift, (parts[0], parts[1]))
        found = good_rate(ranked)
        held.append(found.low <= truth(shift) <= found.high)
        own = conformal_quality(score, control, (parts[0], parts[2]))
        against = good_relative(ranked, own)
        relative.append(against.low <= truth(shift) / 0.9 <= against.high)
        p_values.append(found.p_value)
    assert np.mean(held) >= 0.85
    assert np.mean(relative) >= 0.85
    if shift:
        assert np.median(p_values) < 0.05
    else:
        assert np.mean(np.array(p_values) <= 0.05) <= 0.13


def test_interval_knows_of_few_held_out_rows() -> None:
    rng = np.random.default_rng(1)
    drawn = rng.standard_normal(5000) + 1
    few, many = (good_rate(conformal_quality(rng.standard_normal(n), drawn)) for n in (50, 5000))
    assert few.high - few.low > 5 * (many.high - many.low)
    assert many.high - many.low > 0.03  # more than the 0.027 of 5,000 draws alone


def test_relative_rate_of_the_data_is_1_and_may_be_larger() -> None:
    rng = np.random.default_rng(4)
    score, control = rng.standard_normal((2, 1000))
    own = conformal_quality(score, control)
    same = good_relative(conformal_quality(score, rng.standard_normal(2000)), own)
    assert same.low < 1 < same.high
    better = good_relative(conformal_quality(score, rng.standard_normal(2000) - 3), own)
    assert better.value == pytest.approx(1 / 0.9, abs=0.03)
    assert better.p_value > 0.9


def test_relative_rate_without_a_good_control() -> None:
    score = np.arange(100.0)
    draws, control = conformal_quality(score, score), conformal_quality(score, score + 200)
    found = good_relative(draws, control)
    assert math.isnan(found.value)
    assert (found.low, found.high, found.p_value) == (0, math.inf, 1)


def test_tail_probability_of_one_row_is_its_rank() -> None:
    one = np.array([1])
    assert tail_probability(1, one, np.array([3]), np.array([19])) == pytest.approx(3 / 20)
    assert tail_probability(0, one, np.array([3]), np.array([19])) == pytest.approx(1)
    assert tail_probability(1, one, np.array([0]), np.array([19])) == 0
    # Two rows of two groups: both beyond.
    both = tail_probability(2, np.array([1, 1]), np.array([3, 5]), np.array([19, 9]))
    assert both == pytest.approx(3 / 20 * 5 / 10)


def test_tail_probability_is_that_of_new_rows() -> None:
    rng, beyond = np.random.default_rng(3), []
    for _ in range(4000):
        count = 0
        for draws, rank, rows in ((20, 2, 30), (10, 5, 20)):
            bound = np.sort(rng.random(rows))[rank - 1]
            count += int((rng.random(draws) < bound).sum())
        beyond.append(count)
    draws, ranks, sizes = np.array([20, 10]), np.array([2, 5]), np.array([30, 20])
    for count in (2, 4, 7, 10):
        expected = np.mean(np.array(beyond) >= count)
        assert tail_probability(count, draws, ranks, sizes) == pytest.approx(expected, abs=0.03)
