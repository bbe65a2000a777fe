"""Classes of draws, of samplers that leave some out or make one more frequent."""

from __future__ import annotations

import numpy as np
import pytest
from known_samplers import FIVE_TIMES, Classes, only, without

from latent_analyze_plugins.random_decode.classes import Voters, class_shares, fit_voters

WORLD = Classes()
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


@pytest.fixture(scope="module")
def voters() -> Voters:
    rows, label = WORLD.draw(2000, np.random.default_rng(0))
    return fit_voters(rows, NAMES[label])


def test_error_of_the_votes_is_small_where_classes_are_apart(voters: Voters) -> None:
    rows, label = WORLD.draw(1000, np.random.default_rng(1))
    given = voters.names[voters.votes(rows)]
    assert voters.error < 0.03
    assert (given != NAMES[label]).mean() == pytest.approx(voters.error, abs=0.02)


@pytest.mark.parametrize("dropped", range(10))
def test_missing_classes_are_named_and_no_others(voters: Voters, dropped: int) -> None:
    draws, label = WORLD.draw(2000, np.random.default_rng(2), without(dropped))
    found = class_shares(voters, draws, 0)
    assert set(voters.names[found.missed]) == set(NAMES[:dropped])
    truth = [(NAMES[label] == name).mean() for name in voters.names]
    assert found.draws == pytest.approx(truth, abs=0.02)
    assert found.draws.sum() == pytest.approx(1)


def test_a_class_five_times_as_frequent_has_its_share(voters: Voters) -> None:
    found = class_shares(voters, WORLD.rows(2000, np.random.default_rng(3), FIVE_TIMES), 0)
    shares = dict(zip(voters.names, found.draws, strict=True))
    assert shares.pop("zero") == pytest.approx(5 / 14, abs=0.05)
    assert list(shares.values()) == pytest.approx([1 / 14] * 9, abs=0.05)
    assert not found.missed.any()


def test_a_missing_class_that_others_look_like_is_named() -> None:
    rng = np.random.default_rng(4)
    label = rng.integers(0, 3, 3000)
    rows = rng.standard_normal((3000, 8)) + 2.6 * np.eye(3, 8)[label]
    rows[:, 0] -= 1.8 * (label == 0)  # now between the two others
    voters = fit_voters(rows[:1500], label[:1500])
    draws = rows[1500:][label[1500:] != 0]
    raw = (voters.votes(draws) == 0).mean()
    found = class_shares(voters, draws, 0)
    assert voters.error > 0.1
    assert raw > 0.2 * found.data[0]  # by its votes alone the class is there
    assert found.missed.tolist() == [True, False, False]
    assert found.draws[0] < 0.05


def test_new_rows_miss_no_class(voters: Voters) -> None:
    held = []
    for seed in range(20):
        draws, label = WORLD.draw(500, np.random.default_rng(100 + seed))
        found = class_shares(voters, draws, seed)
        assert not found.missed.any()
        truth = np.array([(NAMES[label] == name).mean() for name in voters.names])
        held.append((found.low <= truth) & (truth <= found.high))
    assert np.mean(held) > 0.9


def test_a_few_draws_are_no_evidence(voters: Voters) -> None:
    draws = WORLD.rows(12, np.random.default_rng(5), only(3))
    assert not class_shares(voters, draws, 0).missed.any()


def test_90_rows_name_what_is_missing_from_many_draws() -> None:
    rng = np.random.default_rng(6)
    rows, label = Classes(apart=3.0).draw(90, rng)
    voters = fit_voters(rows, label)
    draws = Classes(apart=3.0).rows(2000, rng, only(3))
    found = class_shares(voters, draws, 0)
    assert not found.missed[voters.names == 3].any()
    assert found.draws[voters.names == 3] > 0.8


def test_the_nearest_row_decides_a_tie() -> None:
    rows = np.arange(60.0)[:, None]
    label = np.where(np.arange(60) % 2, "odd", "even")
    voters = fit_voters(rows, label)  # 3 of 60 vote
    assert voters.names[voters.votes(np.array([[10.1], [11.1]]))].tolist() == ["odd", "even"]
    two = fit_voters(rows[:40], label[:40])  # 2 of 40 vote: one of each kind
    assert two.names[two.votes(np.array([[10.1], [11.1]]))].tolist() == ["even", "odd"]


def test_copies_do_not_vouch_for_each_other() -> None:
    rng = np.random.default_rng(7)
    rows = np.repeat(rng.standard_normal((300, 4)), 2, axis=0)
    label = np.repeat(rng.integers(0, 2, 300), 2)
    assert fit_voters(rows, label).error == pytest.approx(0.5, abs=0.1)


def test_shares_are_the_same_every_time(voters: Voters) -> None:
    draws = WORLD.rows(300, np.random.default_rng(8))
    one, other = class_shares(voters, draws, 1), class_shares(voters, draws, 1)
    assert np.array_equal(one.low, other.low)
    assert np.array_equal(one.missed, other.missed)


def test_rows_that_are_all_alike() -> None:
    voters = fit_voters(np.ones((5, 2)), np.array(["a"] * 5))
    assert voters.error == 0
    assert class_shares(voters, np.zeros((3, 2)), 0).draws.tolist() == [1]
