"""Round bin widths, quantiles of counts, and numbers as text."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze.plugin import quantile_positions, share_below
from latent_analyze.statistics import freedman_diaconis, nice_width, rounded


def test_nice_widths():
    assert [nice_width(w) for w in (0.1, 0.12, 0.17, 3.3, 7.5, 9e-4)] == [
        0.1,
        0.1,
        0.2,
        5,
        10,
        1e-3,
    ]
    assert [nice_width(w, up=True) for w in (0.1, 0.11, 2.0, 5.01)] == [0.1, 0.2, 2.0, 10.0]


@given(st.floats(1e-20, 1e20))
def test_nice_widths_are_near(width):
    assert 0.6 < nice_width(width) / width < 1.7
    assert 1 - 1e-8 < nice_width(width, up=True) / width < 2.6


def test_quantile_positions_and_shares():
    counts = np.array([[0, 4, 0, 4], [0, 0, 0, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(quantile_positions(counts, 0.25), [1.5, np.nan, 0.25])
    assert share_below(counts[0], 1.5) == 0.25
    assert share_below(counts[0], 9.0) == 1.0


def test_rounded_follows_the_scale():
    assert rounded(1000.1234, 0.5) == "1000.123"
    assert rounded(12345.678, 400.0) == "12346"
    assert rounded(0.000123456, 0.0) == "0.000123"
    assert rounded(math.nan, 1.0) == "nan"


def test_freedman_diaconis_of_known_quartiles():
    values = np.arange(101.0)
    assert freedman_diaconis(values, 1000) == 2 * 50 / 10
    np.testing.assert_allclose(freedman_diaconis(np.c_[values, 2 * values], 8), [50.0, 100.0])
