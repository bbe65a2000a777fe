"""Where a source leaves the data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom, ks_2samp

from latent_analyze.errors import AnalysisError
from latent_analyze.statistics import departures
from latent_analyze.statistics.directions import holm, kolmogorov_smirnov, l_ratios

RNG = np.random.default_rng(0)
NORMAL = RNG.standard_normal((1000, 5))
DATA = RNG.standard_normal((1000, 5))
EXPONENTIAL = RNG.exponential(size=(1000, 1)) - 1
HEAVY = RNG.laplace(0, np.sqrt(0.5), (1000, 1))
"""Both with mean 0 and variance 1."""


def test_a_standard_normal_source_misses_a_distant_shell_by_its_radius() -> None:
    rng = np.random.default_rng(0)
    data = rng.standard_normal((2000, 16))
    data *= 19.8 / np.linalg.norm(data, axis=1, keepdims=True)
    found = departures(rng.standard_normal((2000, 16)), data, seed=0)
    moment = found.first_moment
    assert moment is not None
    assert (moment.name, moment.kind, moment.number) == ("radius", None, None)
    assert moment.draws == pytest.approx(3.93, abs=0.1)
    assert moment.data == pytest.approx(19.8)
    assert {line.number for line in found.standing_out if line.kind == "axis"} == set(range(16))


@pytest.mark.parametrize(
    ("change", "name", "values"),
    [
        (lambda z: z + np.array([0, 0, 0.5, 0, 0]), "mean", (0, 0.5)),
        (lambda z: z * [1, 1, 1, 1.5, 1], "spread", (1, 1.5)),
        (lambda z: np.where(np.arange(5) == 1, np.exp(z) - 1, z), "mean", (0, 0.65)),
        (lambda z: np.where(np.arange(5) == 3, EXPONENTIAL, z), "skewness", (0, 1 / 3)),
        (lambda z: np.where(np.arange(5) == 2, HEAVY, z), "tails", (0.12, 0.236)),
    ],
    ids=["mean", "spread", "exponential of normal", "skewness", "tails"],
)
def test_the_first_moment_that_differs(
    change: Callable[..., np.ndarray], name: str, values: tuple[float, float]
) -> None:
    moment = departures(NORMAL, change(DATA), seed=0).first_moment
    assert moment is not None
    assert moment.name == name
    if moment.kind == "axis":
        assert (moment.draws, moment.data) == pytest.approx(values, abs=0.1)


def test_only_the_axis_that_differs_stands_out() -> None:
    found = departures(NORMAL, DATA + 0.6 * np.eye(5)[4], seed=0)
    axes = [line for line in found.standing_out if line.kind == "axis"]
    assert [line.number for line in axes] == [4]
    assert axes[0].distance == pytest.approx(0.236, abs=0.06)
    assert axes[0].data == pytest.approx((0.6, 1.0), abs=0.1)
    assert axes[0].draws == pytest.approx((0.0, 1.0), abs=0.1)


def test_a_principal_component_stands_out_where_no_axis_does() -> None:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    data = rng.standard_normal((1500, 40)) * np.where(np.arange(40) == 0, 2.5, 1) @ turn
    first = departures(rng.standard_normal((1500, 40)), data, seed=0).standing_out[0]
    assert (first.kind, first.number) == ("component", 0)
    assert first.data[1] == pytest.approx(2.5, abs=0.2)


@pytest.mark.parametrize(("rows", "dim"), [(90, 2), (90, 24), (300, 8)])
def test_draws_that_are_the_data_leave_nowhere(rows: int, dim: int) -> None:
    alarms = {"lines": 0, "moment": 0}
    for seed in range(60):
        rng = np.random.default_rng([seed, dim])
        x, y = rng.standard_normal((2, rows, dim)) / np.sqrt(rng.chisquare(3, (2, rows, 1)) / 3)
        found = departures(x, y, seed=seed)
        alarms["lines"] += bool(found.standing_out)
        alarms["moment"] += found.first_moment is not None
    assert max(alarms.values()) <= binom.ppf(0.999, 60, 0.025)


def test_constant_axes_are_left_out_unless_the_constants_differ() -> None:
    x, y = np.column_stack([DATA, np.ones(1000)]), np.column_stack([NORMAL, np.ones(1000)])
    assert departures(x, y, seed=0).first_moment is None
    y[:, 5] = 2
    found = departures(x, y, seed=0)
    assert [line.number for line in found.standing_out if line.kind == "axis"] == [5]
    assert found.standing_out[0].distance == 1.0
    assert found.first_moment is not None
    assert found.first_moment.name in ("mean", "radius")


def test_a_seed_gives_the_same_result_again() -> None:
    x, y = NORMAL, DATA * 1.3
    assert departures(x, y, seed=1) == departures(x, y, seed=1)


def test_rows_that_are_not_finite_are_an_error() -> None:
    broken = np.where(np.arange(1000)[:, None] == 0, np.inf, NORMAL)
    with pytest.raises(AnalysisError, match="finite values in draws, found other values in 1 of"):
        departures(broken, DATA, seed=0)


def test_the_distance_of_distribution_functions_is_that_of_scipy() -> None:
    x, y = np.round(DATA[:300].T, 1), np.round(NORMAL[:200].T + 0.3, 1)
    expected = [ks_2samp(a, b, method="asymp") for a, b in zip(x, y, strict=True)]
    distances, p_values = kolmogorov_smirnov(x, y)
    np.testing.assert_allclose(distances, [found.statistic for found in expected], rtol=1e-9)
    np.testing.assert_allclose(p_values, [found.pvalue for found in expected], rtol=0.15)


def test_holm_multiplies_the_smallest_by_the_number_of_tests() -> None:
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.5])), [0.04, 0.09, 0.09, 0.5])


def test_l_ratios_of_known_distributions() -> None:
    u = (np.arange(20_000) + 0.5) / 20_000
    found = l_ratios(np.array([u, -np.log(u), np.ones(20_000)]))
    np.testing.assert_allclose(found, [[0, 0], [1 / 3, 1 / 6], [0, 0]], atol=2e-3)
