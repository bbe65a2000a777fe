"""Intervals of shares and of their differences, against published examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from latent_analyze.statistics import combined, wilson
from latent_analyze.statistics.intervals import difference_of_shares


def flags(true: int, total: int) -> np.ndarray:
    return np.arange(total) < true


@pytest.mark.parametrize("total", [1, 20, 1000])
@given(share=st.floats(0, 1))
def test_intervals_are_those_of_wilson(total: int, share: float) -> None:
    passed = round(share * total)
    expected = binomtest(passed, total).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson(passed / total, total), expected, atol=1e-12)


def test_an_interval_that_is_known() -> None:
    # Newcombe (1998), table I: 81 of 263.
    np.testing.assert_allclose(wilson(81 / 263, 263), (0.2553, 0.3662), atol=5e-5)


def test_intervals_worked_out_by_hand() -> None:
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(0.0, 10)[0] == 0
    assert wilson(1.0, 10)[1] == 1
    assert combined(2.0, [(1.0, 5.0)]) == pytest.approx([1, 5])
    assert combined(0.0, [(-3.0, 6.0), (-4.0, 8.0)]) == pytest.approx([-5, 10])


def test_the_interval_of_a_difference_is_that_of_newcombes_example() -> None:
    # Newcombe 1998, "Interval estimation for the difference between proportions", table II (a).
    difference, interval = difference_of_shares(flags(56, 70), flags(48, 80))
    assert difference == pytest.approx(0.2)
    assert interval == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_shares_without_overlap_differ_by_one_at_most() -> None:
    difference, (low, high) = difference_of_shares(flags(50, 50), flags(0, 50))
    assert (difference, high) == (1, 1)
    assert 0.85 < low < 1
