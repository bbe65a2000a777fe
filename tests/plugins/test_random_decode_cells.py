"""Cells of the data, and their shares among draws."""

from __future__ import annotations

import numpy as np
import pytest
from known_samplers import FIVE_TIMES, Classes, only, without

from latent_analyze_plugins.random_decode.cells import Cells, compare_cells, discovered, fit_cells
from latent_analyze_plugins.random_decode.intervals import combined, wilson

WORLD = Classes(apart=3.0)


@pytest.fixture(scope="module")
def held_out() -> np.ndarray:
    return WORLD.rows(2000, np.random.default_rng(0))


@pytest.fixture(scope="module")
def cells(held_out: np.ndarray) -> Cells:
    return fit_cells(held_out, 0)


def test_every_cell_has_enough_rows(held_out: np.ndarray, cells: Cells) -> None:
    counts = cells.counts(held_out)
    assert 10 <= len(cells.centers) <= 20
    assert counts.min() >= 50
    assert counts.sum() == 2000
    assert np.array_equal(np.bincount(cells.of(held_out)), counts)


def test_cells_are_the_same_every_time(held_out: np.ndarray, cells: Cells) -> None:
    assert np.array_equal(fit_cells(held_out, 0).centers, cells.centers)


def test_few_or_equal_rows_are_one_cell(held_out: np.ndarray) -> None:
    assert len(fit_cells(held_out[:90], 0).centers) == 1
    assert len(fit_cells(np.ones((500, 4)), 0).centers) == 1
    assert len(fit_cells(held_out, 0, number=3).centers) <= 3


def test_rare_rows_are_given_to_other_cells() -> None:
    rng = np.random.default_rng(1)
    rows = np.concatenate([rng.standard_normal((990, 2)), 100 + rng.standard_normal((10, 2))])
    assert fit_cells(rows, 0).counts(rows).min() >= 50


def test_classes_that_are_missing_are_cells_that_are_missed(
    held_out: np.ndarray, cells: Cells
) -> None:
    draws, label = WORLD.draw(2000, np.random.default_rng(2), without(4))
    found = compare_cells(cells.counts(held_out), cells.counts(draws))
    missing = found.data[found.missed].sum()
    assert missing == pytest.approx(0.4, abs=0.05)
    assert not set(cells.of(draws[label == 7])) & set(np.flatnonzero(found.missed))
    assert found.different[found.missed].all()
    assert found.p_value < 1e-100


def test_a_class_five_times_as_frequent_is_seen(held_out: np.ndarray, cells: Cells) -> None:
    draws = WORLD.rows(2000, np.random.default_rng(3), FIVE_TIMES)
    found = compare_cells(cells.counts(held_out), cells.counts(draws))
    own = np.unique(cells.of(WORLD.rows(300, np.random.default_rng(4), only(0))))
    assert found.draws[own].sum() == pytest.approx(5 / 14, abs=0.05)
    assert found.data[own].sum() == pytest.approx(1 / 10, abs=0.05)
    assert not found.missed.any()
    assert found.p_value < 1e-50


def test_new_rows_seldom_look_different(held_out: np.ndarray, cells: Cells) -> None:
    data, found = cells.counts(held_out), []
    for seed in range(60):
        draws = WORLD.rows(1000, np.random.default_rng(100 + seed))
        found.append(compare_cells(data, cells.counts(draws)))
    assert sum(one.p_value < 0.05 for one in found) <= 8
    # The number of different bins that chance makes: one in twenty.
    assert np.mean([one.different.mean() for one in found]) == pytest.approx(0.05, abs=0.04)
    assert not any(one.missed.any() for one in found)


def test_shares_and_tests_of_counts_worked_out_by_hand() -> None:
    found = compare_cells(np.array([50, 50]), np.array([80, 20]))
    assert found.p_value == pytest.approx(8.69e-6, rel=0.01)  # chi square 19.78
    assert found.different.all()
    assert np.array_equal(found.draws, [0.8, 0.2])
    assert found.low[1] == pytest.approx(0.1333, abs=1e-3)
    assert found.high[1] == pytest.approx(0.2888, abs=1e-3)
    same = compare_cells(np.array([30, 70, 0]), np.array([30, 70, 0]))
    assert same.p_value == 1
    assert not same.different.any()
    assert compare_cells(np.array([9]), np.array([4])).p_value == 1


def test_a_cell_is_missed_only_if_there_were_enough_draws() -> None:
    # 0 of m draws where a fifth of a tenth is expected: chance (1 - 0.02)^m, about.
    assert not compare_cells(np.array([100, 900]), np.array([0, 50])).missed.any()
    assert compare_cells(np.array([100, 900]), np.array([0, 500])).missed.tolist() == [True, False]


def test_false_discoveries_are_held_at_five_percent() -> None:
    # Benjamini & Hochberg (1995), table 1: four of fifteen.
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
                0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]  # fmt: skip
    assert discovered(np.array(p_values)[::-1]).sum() == 4
    assert not discovered(np.array([0.04, 0.06, 0.9])).any()


def test_intervals_worked_out_by_hand() -> None:
    assert wilson(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(0.0, 10)[0] == 0
    assert wilson(1.0, 10)[1] == 1
    assert combined(2.0, [(1.0, 5.0)]) == pytest.approx([1, 5])
    assert combined(0.0, [(-3.0, 6.0), (-4.0, 8.0)]) == pytest.approx([-5, 10])
