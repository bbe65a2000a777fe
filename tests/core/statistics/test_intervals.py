"""Intervals of shares and of their differences, against published examples."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze.statistics.intervals import difference_of_shares


def flags(true: int, total: int) -> np.ndarray:
    return np.arange(total) < true


def test_the_interval_of_a_difference_is_that_of_newcombes_example() -> None:
    # Newcombe 1998, "Interval estimation for the difference between proportions", table II (a).
    difference, interval = difference_of_shares(flags(56, 70), flags(48, 80))
    assert difference == pytest.approx(0.2)
    assert interval == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_shares_without_overlap_differ_by_one_at_most() -> None:
    difference, (low, high) = difference_of_shares(flags(50, 50), flags(0, 50))
    assert (difference, high) == (1, 1)
    assert 0.85 < low < 1
