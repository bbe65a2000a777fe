"""A tenth of the counts of the benchmark of the two-sample tests."""

from __future__ import annotations

import pytest
import two_sample_rates as rates
from scipy.stats import binom


def cases(group: str) -> list[object]:
    """Return the cases of a group as parameters; the ones with the most repeats are quick."""
    slow, found = pytest.mark.slow, rates.CASES[group]
    most = max(case.repeats for case in found)
    return [
        pytest.param(case, id=str(case), marks=[] if case.repeats == most else [slow])
        for case in found
    ]


@pytest.mark.parametrize("case", cases("alike"))
def test_false_alarms_are_as_frequent_as_the_level(case: rates.Case) -> None:
    repeats = case.repeats // 10
    row = rates.measure(case, range(repeats))
    assert row.alarms <= binom.ppf(0.999, repeats, rates.LEVEL)
    above = sum(result.interval[0] > 0 for result in row.results)
    assert above <= binom.ppf(0.999, repeats, rates.LEVEL)
    for departed in zip(*row.departed, strict=True):
        assert sum(departed) <= binom.ppf(0.999, repeats, rates.LEVEL / 2)


@pytest.mark.parametrize("case", cases("different"))
def test_differences_are_found(case: rates.Case) -> None:
    repeats = case.repeats // 10
    assert rates.measure(case, range(repeats)).alarms == repeats
