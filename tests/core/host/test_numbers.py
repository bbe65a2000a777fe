import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze.host.numbers import show, show_range, show_signed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (70_000, "70,000"),
        (-3, "−3"),
        (True, "yes"),
        (np.int64(1234), "1,234"),
        (0.0, "0"),
        (1.5, "1.5"),
        (15.98123, "15.98"),
        (9.99996, "10"),
        (-2.5, "−2.5"),
        (1234.56, "1,235"),
        (1234567.8, "1,234,568"),
        (0.00012345, "0.0001234"),
        (1.25e-5, "1.25 × 10⁻⁵"),
        (-3e12, "−3 × 10¹²"),
        (float("nan"), "undefined"),
        (float("-inf"), "−∞"),
        (np.float32(0.5), "0.5"),
        ("as it is", "as it is"),
    ],
)
def test_numbers_are_shown_for_reading(value, text):
    assert show(value) == text


def test_signs_and_ranges():
    assert show_signed(12.345) == "+12.3"
    assert show_signed(-12.345) == "−12.3"
    assert show_signed(0.0) == "0"
    assert show_signed(math.inf) == "+∞"
    assert show_range(1, 2.5) == "1 to 2.5"


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_what_is_shown_is_the_number_to_four_digits(value):
    text = show(value).replace(",", "").replace("−", "-")
    mantissa, _, power = text.partition(" × 10")
    digits = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    assert math.isclose(float(f"{mantissa}e{digits or 0}"), value, rel_tol=6e-4)
