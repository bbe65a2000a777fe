"""Figures of merit of a statistic against a judge, in cases of known answers."""

from __future__ import annotations

import numpy as np
import pytest
from sampling import merit
from sampling.judge import Verdicts
from sklearn.metrics import roc_auc_score


def scored(quality: list[float], good: list[int], label: list[int] | None = None) -> merit.Scored:
    values = np.array(quality, float)
    classes = np.zeros(len(values), int) if label is None else np.array(label)
    return merit.Scored(values, values >= merit.GOOD, np.array(good, bool), classes)


def mixed(shift: float, seed: int, n: int = 2000) -> merit.Scored:
    """Half of the images good, their quality higher by `shift` spreads."""
    rng = np.random.default_rng(seed)
    good = rng.random(n) < 0.5
    quality = rng.standard_normal(n) + shift * good
    return merit.Scored(quality, quality >= 0, good, rng.integers(0, 10, n))


def test_auc_counts_ties_as_one_half_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(0)
    score, good = rng.integers(0, 5, 300).astype(float), rng.random(300) < 0.3
    assert merit.auc(score, good) == pytest.approx(roc_auc_score(good, score))


def test_auc_of_one_verdict_alone_is_not_a_number() -> None:
    assert np.isnan(merit.auc(np.arange(3.0), np.ones(3, bool)))


def test_rank_is_the_share_of_held_out_rows_that_are_no_better() -> None:
    calibration = np.array([1.0, 2.0, 3.0, 4.0])
    assert merit.rank(np.array([0.0, 2.0, 2.5, 9.0]), calibration).tolist() == [0, 0.5, 0.5, 1]


def test_held_out_rows_are_good_to_ninety_percent() -> None:
    score = np.random.default_rng(0).standard_normal(5000)
    assert (merit.rank(score, score) >= merit.GOOD).mean() == pytest.approx(0.9, abs=0.001)


def test_a_sampler_all_good_has_no_auc_of_its_own() -> None:
    even = scored([0, 1, 2, 3], [0, 1, 0, 1])
    assert merit.inside_samplers({"even": even}) == pytest.approx(0.75)
    with_sure = {"even": even, "sure": scored([0, 1], [1, 1])}
    assert merit.inside_samplers(with_sure) == pytest.approx(0.75)


def test_a_statistic_that_knows_only_the_class_is_a_coin_inside_a_class() -> None:
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, 4000)
    good = rng.random(4000) < np.where(label == 1, 0.8, 0.2)
    source = merit.Scored(label + 1e-3 * rng.random(4000), label == 1, good, label)
    assert merit.inside_samplers({"s": source}) > 0.75
    assert merit.inside_classes({"s": source}) == pytest.approx(0.5, abs=0.03)


def test_a_statistic_that_knows_only_the_sampler_is_a_coin_inside_it() -> None:
    rng = np.random.default_rng(2)
    sources = {
        name: merit.Scored(
            np.full(1000, level) + 1e-3 * rng.random(1000),
            np.full(1000, level >= 0.1),
            rng.random(1000) < level,
            np.zeros(1000, int),
        )
        for name, level in (("low", 0.1), ("high", 0.9))
    }
    assert merit.pooled(sources) > 0.85
    assert merit.inside_samplers(sources) == pytest.approx(0.5, abs=0.06)


def test_rate_difference_is_the_mean_distance_of_the_rates() -> None:
    sources = {"a": scored([0.5, 0.5], [1, 0]), "b": scored([0.0, 0.0], [0, 0])}
    assert merit.rate_difference(sources) == pytest.approx(0.25)


def test_the_relative_difference_forgives_a_bad_model() -> None:
    """The judge passes half of the held-out data; the sampler is as good as these."""
    held_out, source = scored([0.5] * 4, [1, 0, 1, 0]), scored([0.5] * 4, [1, 0, 0, 1])
    assert merit.rate_difference({"s": source}) == 0.5
    assert merit.rate_difference({"s": source}, held_out=held_out) == 0


def test_the_best_half_reports_what_it_prefers() -> None:
    source = scored([4, 3, 2, 1], [1, 1, 0, 0], [1, 1, 0, 2])
    half = merit.best_half(source, simple=1, classes=3)
    assert (half["good"], half["good of all"]) == (1.0, 0.5)
    assert (half["simple"], half["simple of all"]) == (1.0, 0.5)
    assert (half["rarest"], half["rarest of all"]) == (0.0, 0.25)


def test_ambiguous_images_count_neither_way() -> None:
    verdicts = Verdicts(
        np.zeros(3), np.array([True, False, False]), np.array([False, True, False]), np.arange(3)
    )
    both = merit.scored(np.array([0.9, 0.8, 0.0]), verdicts)
    assert both.good.tolist() == [True, False]
    assert both.rate == 0.5


def test_qualities_of_other_images_are_refused() -> None:
    none = np.zeros(3, bool)
    with pytest.raises(ValueError, match="3 qualities"):
        merit.scored(np.zeros(2), Verdicts(np.zeros(3), none, none, np.zeros(3, int)))


def test_two_members_that_agree_have_a_ceiling_of_one() -> None:
    score = np.linspace(-1, 1, 200)
    same = Verdicts(score, score >= 0, np.zeros(200, bool), np.zeros(200, int))
    found = merit.agreement({"s": [same, same], merit.HELD_OUT: [same, same]}, merit.figures)
    assert found["all samplers"] == 1
    assert found["rate difference"] == 0


def test_intervals_hold_the_value_and_shrink_with_the_images() -> None:
    def width(n: int) -> tuple[float, float]:
        sources = {"s": mixed(1.0, 3, n), merit.HELD_OUT: mixed(1.0, 5, n)}
        low, high = merit.bootstrap(
            lambda _: sources, merit.figures, members=3, resamples=100
        )["all samplers"]  # fmt: skip
        assert low < merit.pooled({"s": sources["s"]}) < high
        return high - low

    assert width(4000) < width(400) / 2


def test_the_bootstrap_draws_the_judges_members_too() -> None:
    """Two members of opposite opinions: the interval reaches from one to the other."""
    one = mixed(2.0, 4)
    other = merit.Scored(-one.quality, one.called, one.good, one.label)
    low, high = merit.bootstrap(
        lambda members: {"s": one if members == (0, 0) else other, merit.HELD_OUT: one},
        merit.figures, members=2, resamples=60,
    )["all samplers"]  # fmt: skip
    assert low < 0.2
    assert high > 0.8
