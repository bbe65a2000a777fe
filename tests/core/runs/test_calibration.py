from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from latent_analyze.host.results import Calibration, Result, Scalar
from latent_analyze.runs import calibration
from latent_analyze.runs.calibration import ALPHA, MIN_REPEATS, calibrate


def result(values: Sequence[float], **kwargs: Any) -> Result:
    return Result({f"s{i}": Scalar(v, calibrated=True, **kwargs) for i, v in enumerate(values)})


def calibrated(
    data: Sequence[float], members: NDArray[np.float64] | Sequence[Sequence[float]], **kwargs: Any
) -> list[Calibration]:
    ensembles = {"gaussian": [result(member) for member in members]}
    return calibrate({"case": calibration.tests_of(result(data, **kwargs), ensembles)})["case"]


def draws(rng: np.random.Generator, count: int, *, correlation: float) -> NDArray[np.float64]:
    shared = rng.standard_normal((count, 1))
    own = rng.standard_normal((count, 10))
    return math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("direction", ["both", "high"])
def test_family_wise_error_is_at_most_alpha(correlation: float, direction: str) -> None:
    rng = np.random.default_rng(17)
    runs, false_alarms = 400, 0
    for _ in range(runs):
        values = draws(rng, 21, correlation=correlation)
        found = calibrated(values[0], values[1:], direction=direction)
        false_alarms += any(entry.stands_out for entry in found)
    # The exact rate is 1/21; four standard errors of 400 runs above it.
    assert false_alarms / runs < 1 / 21 + 4 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


@pytest.mark.parametrize("correlation", [0.0, 0.99])
def test_false_alarms_come_at_the_stated_rate(correlation: float) -> None:
    # The reference is one of 21 exchangeable draws: one run in 21 must call out (ties aside).
    rng = np.random.default_rng(18)
    alarms = 0
    for _ in range(400):
        values = draws(rng, 21, correlation=correlation)
        alarms += any(entry.stands_out for entry in calibrated(values[0], values[1:]))
    assert alarms / 400 > 1 / 21 - 4 * math.sqrt(ALPHA * (1 - ALPHA) / 400)


def test_skewed_scalars_raise_no_more_alarms() -> None:
    rng = np.random.default_rng(19)
    alarms = 0
    for _ in range(400):
        values = np.exp(2 * draws(rng, 21, correlation=0.3))
        alarms += any(entry.stands_out for entry in calibrated(values[0], values[1:]))
    assert alarms / 400 < 1 / 21 + 4 * math.sqrt(ALPHA * (1 - ALPHA) / 400)


def test_discrete_scalars_raise_no_more_alarms() -> None:
    rng = np.random.default_rng(20)
    alarms = 0
    for _ in range(400):
        values = rng.poisson(0.3, (21, 10)).astype(float)
        alarms += any(entry.stands_out for entry in calibrated(values[0], values[1:]))
    assert alarms / 400 < 1 / 21 + 4 * math.sqrt(ALPHA * (1 - ALPHA) / 400)


def test_two_nulls_raise_no_more_alarms() -> None:
    rng = np.random.default_rng(21)
    alarms = 0
    for _ in range(300):
        values = draws(rng, 41, correlation=0.5)
        ensembles = {
            "gaussian": [result(v) for v in values[1:21]],
            "shuffled": [result(v) for v in values[21:]],
        }
        found = calibrate({0: calibration.tests_of(result(values[0]), ensembles)})[0]
        alarms += any(entry.stands_out for entry in found)
    assert alarms / 300 < 1 / 21 + 4 * math.sqrt(ALPHA * (1 - ALPHA) / 300)


def test_one_scalar_far_off_stands_out_alone() -> None:
    rng = np.random.default_rng(1)
    found_rate = 0
    for _ in range(50):
        values = draws(rng, 21, correlation=0.5)
        values[0, 3] = 30.0
        found = {entry.scalar for entry in calibrated(values[0], values[1:]) if entry.stands_out}
        found_rate += "s3" in found
        assert len(found) <= 1 or values[0].argmax() == 3
    assert found_rate == 50


def test_p_values_count_the_members_as_extreme() -> None:
    members = np.arange(20.0)[:, None]
    (middle,) = calibrated([9.5], members)
    (outside,) = calibrated([1000.0], members)
    (inside,) = calibrated([18.5], members)
    assert middle.p_value == 1.0
    assert outside.p_value == outside.p_adjusted == pytest.approx(1 / 21)
    assert inside.p_value == pytest.approx(4 / 21)
    assert outside.stands_out
    assert not inside.stands_out


def test_correction_never_helps() -> None:
    rng = np.random.default_rng(2)
    values = draws(rng, 21, correlation=0.2) * np.arange(1, 11)
    for entry in calibrated(values[0], values[1:]):
        assert 1 / 21 <= entry.p_value <= entry.p_adjusted <= 1.0


def test_too_few_members_never_stand_out() -> None:
    rng = np.random.default_rng(3)
    assert not calibrated([1e6], rng.random((MIN_REPEATS - 1, 1)))[0].stands_out
    assert calibrated([1e6], rng.random((MIN_REPEATS, 1)))[0].stands_out


def test_units_do_not_matter() -> None:
    rng = np.random.default_rng(4)
    values = draws(rng, 21, correlation=0.2)
    scaled = values * 1e-12 + 1e-10
    for one, two in zip(
        calibrated(values[0], values[1:]), calibrated(scaled[0], scaled[1:]), strict=True
    ):
        assert (one.p_value, one.p_adjusted) == (two.p_value, two.p_adjusted)


def test_constant_members() -> None:
    (same,) = calibrated([3.0], [[3.0]] * 20)
    assert (same.p_value, same.effect, same.stands_out) == (1.0, 0.0, False)
    (above,) = calibrated([4.0], [[3.0]] * 20)
    (below,) = calibrated([2.0], [[3.0]] * 20)
    assert (above.effect, below.effect) == (math.inf, -math.inf)
    assert above.stands_out
    assert below.stands_out


def test_rounding_noise_of_equal_numbers_is_no_effect() -> None:
    (entry,) = calibrated([0.1 + 0.2], [[0.3]] * 20, minimum_effect=1e-9)
    assert not entry.stands_out


@pytest.mark.parametrize(("direction", "high", "low"), [
    ("both", True, True), ("high", True, False), ("low", False, True),
])  # fmt: skip
def test_direction(direction: str, high: bool, low: bool) -> None:
    members = np.random.default_rng(5).standard_normal((20, 1))
    assert calibrated([50.0], members, direction=direction)[0].stands_out is high
    assert calibrated([-50.0], members, direction=direction)[0].stands_out is low


def test_minimum_effect_is_in_units_of_the_value() -> None:
    members = np.linspace(0.99, 1.01, 20)[:, None]
    assert calibrated([1.5], members, minimum_effect=0.4)[0].stands_out
    assert not calibrated([1.5], members, minimum_effect=0.6)[0].stands_out


def test_numbers_of_a_calibration() -> None:
    members = np.arange(20.0)[:, None]
    (entry,) = calibrated([30.0], members)
    assert entry.null_mean == 9.5
    assert entry.null_std == pytest.approx(np.arange(20).std(ddof=1))
    assert (entry.null_low, entry.null_high) == pytest.approx((0.95, 18.05))
    assert entry.effect == pytest.approx(20.5 / entry.null_std)
    assert (entry.null, entry.scalar, entry.value, entry.repeats) == ("gaussian", "s0", 30.0, 20)


def test_what_is_not_tested() -> None:
    members = [result([1.0])] * 20
    scalars = {
        "s0": Scalar(1.0, calibrated=True),
        "plain": Scalar(1.0),
        "text": Scalar("auto", calibrated=True),
        "nan": Scalar(math.nan, calibrated=True),
        "missing": Scalar(2.0, calibrated=True),
    }
    assert [t.name for t in calibration.tests_of(Result(scalars), {"n": members})] == ["s0"]
    assert calibration.tests_of(Result(scalars), {"n": members[:1]}) == []
    assert calibration.tests_of(Result(scalars), {}) == []
    assert calibration.tests_of(result([1.0]), {"n": [*members, result([math.nan])]}) == []


def test_ensembles_of_other_sizes_share_alpha() -> None:
    rng = np.random.default_rng(6)
    families: Mapping[Any, Any] = {
        "a": calibration.tests_of(result([99.0]), {"n": [result([v]) for v in rng.random(39)]}),
        "b": calibration.tests_of(result([99.0]), {"n": [result([v]) for v in rng.random(20)]}),
        "c": [],
    }
    found = calibrate(families)
    assert found["a"][0].p_adjusted == pytest.approx(2 / 40)
    assert found["a"][0].stands_out
    assert found["b"][0].p_adjusted == pytest.approx(2 / 21)
    assert not found["b"][0].stands_out
    assert found["c"] == []


def test_scalars_of_all_cases_are_corrected_together() -> None:
    rng = np.random.default_rng(7)
    values = rng.standard_normal((20, 200))
    alone = calibrate(
        {0: calibration.tests_of(result([3.5]), {"n": [result([v]) for v in values[:, 0]]})}
    )
    together = calibrate(
        {
            0: calibration.tests_of(result([3.5]), {"n": [result([v]) for v in values[:, 0]]}),
            1: calibration.tests_of(result([0.0] * 199), {"n": [result(v) for v in values[:, 1:]]}),
        }
    )
    assert together[0][0].p_adjusted > alone[0][0].p_adjusted


def test_nothing_to_calibrate() -> None:
    assert calibrate({}) == {}
    assert calibrate({"a": []}) == {"a": []}


def test_a_rare_count_of_one_member_costs_the_others_no_power() -> None:
    # One survivor in one of 20 members is sqrt(20) standard deviations out: as far as 21 values go.
    rng = np.random.default_rng(3)
    members = np.column_stack([rng.normal(0.7, 0.01, 20), np.eye(1, 20, 7)[0] / 20_000])

    def both(values: Sequence[float]) -> Result:
        width, share = values
        return Result(
            {
                "width": Scalar(float(width), calibrated=True, minimum_effect=0.05),
                "share": Scalar(float(share), calibrated=True, minimum_effect=0.001),
            }
        )

    ensembles = {"gaussian": [both(m) for m in members]}
    width, share = calibrate({0: calibration.tests_of(both((0.05, 0.0)), ensembles)})[0]
    assert width.stands_out
    assert width.p_adjusted == pytest.approx(1 / 21)
    assert share.p_adjusted == 1
    assert not share.stands_out


def test_family_wise_error_holds_where_small_deviations_count_as_none() -> None:
    rng = np.random.default_rng(23)
    runs, alarms = 400, 0
    for _ in range(runs):
        data, *members = [result(v, minimum_effect=1.0) for v in draws(rng, 21, correlation=0.3)]
        found = calibrate({0: calibration.tests_of(data, {"gaussian": members})})[0]
        alarms += any(entry.stands_out for entry in found)
    assert alarms / runs < 1 / 21 + 4 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
