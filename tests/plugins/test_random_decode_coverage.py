"""Coverage of samplers of which it is known."""

from __future__ import annotations

import numpy as np
import pytest
from known_samplers import FIVE_TIMES, Classes, junk, only, without

from latent_analyze_plugins.random_decode.coverage import coverage, expected_coverage, fit_balls

WORLD = Classes()


@pytest.fixture(scope="module")
def held_out() -> np.ndarray:
    return WORLD.rows(2000, np.random.default_rng(0))


def test_expected_coverage_is_that_of_ranks() -> None:
    # Of one draw and two other rows, the draw is the nearest in one of three orders.
    assert expected_coverage(3, 1, 1) == pytest.approx(1 / 3)
    assert expected_coverage(3, 1, 2) == pytest.approx(2 / 3)
    assert expected_coverage(3, 1, 3) == 1
    assert expected_coverage(1000, 1000, 5) == pytest.approx(1 - 0.5**5, abs=0.001)
    rng, reached = np.random.default_rng(0), []
    for _ in range(4000):
        rows, draws = np.abs(rng.standard_normal(6)), np.abs(rng.standard_normal(4))
        reached.append(draws.min() <= np.sort(rows)[1])
    assert np.mean(reached) == pytest.approx(expected_coverage(7, 4, 2), abs=0.02)


@pytest.mark.parametrize("dropped", range(10))
def test_dropped_classes_are_missing_from_the_coverage(held_out: np.ndarray, dropped: int) -> None:
    draws = WORLD.rows(2000, np.random.default_rng(1), without(dropped))
    found = coverage(fit_balls(held_out), draws)
    assert found.share == pytest.approx(1 - dropped / 10, abs=0.05)
    assert found.low <= found.share <= found.high
    assert found.high - found.low < 0.06


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_junk_does_not_lower_the_coverage(held_out: np.ndarray, share: float) -> None:
    rng, bad = np.random.default_rng(2), int(2000 * share)
    draws = np.concatenate([WORLD.rows(2000 - bad, rng), junk(bad, 16, rng)])
    found = coverage(fit_balls(held_out), draws)
    assert found.share >= 0.95
    assert found.among / 2000 == pytest.approx(1 - share, abs=0.08)


def test_a_class_five_times_as_frequent_hides_no_other(held_out: np.ndarray) -> None:
    draws = WORLD.rows(2000, np.random.default_rng(3), FIVE_TIMES)
    assert coverage(fit_balls(held_out), draws).share >= 0.95


def test_junk_and_dropped_classes_are_told_apart(held_out: np.ndarray) -> None:
    rng = np.random.default_rng(4)
    draws = np.concatenate([WORLD.rows(1000, rng, without(5)), junk(1000, 16, rng)])
    found = coverage(fit_balls(held_out), draws)
    assert found.share == pytest.approx(0.5, abs=0.05)
    assert found.among / 2000 == pytest.approx(0.5, abs=0.05)


def test_collapse_lowers_coverage_and_invention_does_not(held_out: np.ndarray) -> None:
    rng, other = np.random.default_rng(5), Classes(seed=9)
    collapsed = WORLD.rows(2000, rng, only(3))
    inventing = np.concatenate([WORLD.rows(1000, rng), other.rows(1000, rng)])
    balls = fit_balls(held_out)
    assert coverage(balls, collapsed).share == pytest.approx(0.1, abs=0.05)
    assert coverage(balls, collapsed).among > 1700
    assert coverage(balls, inventing).share >= 0.95
    assert coverage(balls, inventing).among < 1100
    # With the two sides swapped it is the other way round.
    assert coverage(fit_balls(collapsed), held_out).share >= 0.95
    assert coverage(fit_balls(inventing), held_out).share == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("dim", "rows", "draws"), [(2, 500, 500), (16, 36, 200), (64, 1000, 300)])
def test_other_rows_of_the_data_cover_all_of_it(dim: int, rows: int, draws: int) -> None:
    world, found = Classes(dim), []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        found.append(coverage(fit_balls(world.rows(rows, rng)), world.rows(draws, rng)))
    assert np.mean([one.share for one in found]) >= 0.95
    assert sum(one.high > 0.995 for one in found) >= 8


def test_90_rows_show_a_collapse() -> None:
    rng = np.random.default_rng(6)
    found = coverage(fit_balls(WORLD.rows(36, rng)), WORLD.rows(500, rng, only(0)))
    assert found.share < 0.3
    assert found.high < 0.6


def test_interval_holds_over_samples() -> None:
    found = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found.append(coverage(fit_balls(WORLD.rows(400, rng)), WORLD.rows(600, rng, without(5))))
    mean = np.mean([one.share for one in found])
    assert sum(one.low <= mean <= one.high for one in found) >= 18
    assert max(one.high - one.low for one in found) < 0.15


def test_a_repeated_row_counts_as_often_as_it_is_there() -> None:
    rng = np.random.default_rng(7)
    held_out, draws = WORLD.rows(900, rng), WORLD.rows(900, rng)
    held_out[::3] = draws[::3] = np.ones(16)
    balls = fit_balls(held_out)
    assert coverage(balls, draws).share >= 0.95
    others = np.delete(draws, np.arange(0, 900, 3), axis=0)
    assert coverage(balls, others).share == pytest.approx(2 / 3, abs=0.05)
    assert coverage(balls, np.ones((900, 16))).share == pytest.approx(1 / 3, abs=0.05)


def test_every_row_twice_is_the_same_data() -> None:
    rng = np.random.default_rng(8)
    held_out, draws = WORLD.rows(500, rng), WORLD.rows(500, rng, without(5))
    once = coverage(fit_balls(held_out), draws)
    assert coverage(fit_balls(np.repeat(held_out, 2, axis=0)), draws).share == pytest.approx(
        once.share
    )


def test_units_and_origin_do_not_matter(held_out: np.ndarray) -> None:
    draws = WORLD.rows(1000, np.random.default_rng(10), without(3))
    one = coverage(fit_balls(held_out), draws)
    other = coverage(fit_balls(1000 + 50 * held_out), 1000 + 50 * draws)
    assert other.share == pytest.approx(one.share, abs=1e-6)
    assert other.low == pytest.approx(one.low, abs=1e-6)


def test_draws_that_are_all_off_the_data_cover_nothing(held_out: np.ndarray) -> None:
    found = coverage(fit_balls(held_out), np.full((50, 16), 1e3))
    assert (found.share, found.low, found.among) == (0, 0, 0)
    assert 0 < found.high < 0.01


def test_a_single_draw_and_rows_that_are_all_alike(held_out: np.ndarray) -> None:
    found = coverage(fit_balls(held_out), held_out[:1])
    assert 0 < found.share < 0.2
    assert found.low <= found.share <= found.high
    alike = fit_balls(np.ones((20, 3)))
    assert coverage(alike, np.ones((5, 3))).share == 1
    assert coverage(alike, np.zeros((5, 3))).share == 0
