"""Verdicts of the judge of digits, from answers of known meaning."""

from __future__ import annotations

import numpy as np
import pytest
from sampling.judge import Answers, DigitJudge, log_probabilities


def answers(*rows: dict[int, float], members: int = 2) -> Answers:
    """Log probabilities of images given as {class: probability}; the rest is spread evenly."""
    found = np.empty((len(rows), 11))
    for row, of in zip(found, rows, strict=True):
        row[:] = (1 - sum(of.values())) / (11 - len(of))
        row[list(of)] = list(of.values())
    return np.log(np.repeat(found[None], members, axis=0)).astype(np.float32)


@pytest.fixture(scope="module")
def judge() -> DigitJudge:
    """Real images are digits to 0.9 to 0.999, and 0.9 to all of that is one digit."""
    rng = np.random.default_rng(0)
    some, one = rng.uniform(0.9, 0.999, 1000), rng.uniform(0.9, 1, 1000)
    real = answers(
        *({i % 10: s * o, 10: 1 - s} for i, (s, o) in enumerate(zip(some, one, strict=True)))
    )
    return DigitJudge({"one": None, "two": None}, real)


def test_the_bound_passes_ninety_eight_percent_of_the_real_images(judge: DigitJudge) -> None:
    real = judge._real
    good = judge.verdicts(real, real).good.mean()
    assert 0.97 <= good <= 0.98


def test_a_clear_digit_is_good_and_junk_is_not(judge: DigitJudge) -> None:
    found = judge.verdicts(*[answers({3: 0.985, 10: 0.005}, {3: 0.3, 10: 0.6})] * 2)
    assert found.good.tolist() == [True, False]
    assert not found.ambiguous.any()
    assert found.label.tolist() == [3, 3]
    assert found.score[0] > 0 > found.score[1]


def test_a_clean_figure_between_two_digits_is_ambiguous_not_bad(judge: DigitJudge) -> None:
    found = judge.verdicts(*[answers({4: 0.5, 9: 0.49, 10: 0.005})] * 2)
    assert found.ambiguous[0]
    assert not found.good[0]
    assert found.score[0] > 0


def test_each_choice_of_members_has_a_bound_of_its_own(judge: DigitJudge) -> None:
    strict = judge._real.copy()
    strict[1, :, 10] += 3
    one = DigitJudge({"one": None, "two": None}, strict)
    for members in ([0], [1], [0, 1], [1, 1]):
        assert 0.96 <= one.verdicts(strict, strict, members).good.mean() <= 0.98


def test_logits_become_log_probabilities() -> None:
    logits = np.random.default_rng(1).standard_normal((1500, 11)).astype(np.float32)
    found = log_probabilities(lambda x, training: logits[x], np.arange(1500))
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found[:, 0] - found[:, 1], logits[:, 0] - logits[:, 1], atol=1e-5)
