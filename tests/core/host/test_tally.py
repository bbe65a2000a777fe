from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze import PluginError
from latent_analyze.plugin import Distribution, Tally, quantile_positions, share_below


class Everything(Tally):
    lowest, highest = frozenset({"min"}), frozenset({"max", "last"})

    def __init__(self) -> None:
        self.frame, self.label, self.inner = {"a": 1}, "text", Inner()
        self.count, self.min, self.max = 0, np.inf, -np.inf
        self.sums, self.counts = {"x": 0.0, "last": -1}, np.zeros(0, np.int64)

    def add(self, x: int) -> None:
        self.count += 1
        self.min, self.max = min(self.min, x), max(self.max, x)
        self.sums = {"x": self.sums["x"] + x, "last": max(self.sums["last"], x)}
        grown = np.zeros(max(len(self.counts), x + 1), np.int64)
        grown[: len(self.counts)] += self.counts
        grown[x] += 1
        self.counts = grown
        self.inner.seen |= {x}


class Inner:
    def __init__(self) -> None:
        self.seen: set[int] = set()

    def merge(self, other: Inner) -> None:
        self.seen |= other.seen


def state(tally: Everything) -> dict[str, Any]:
    return {**vars(tally), "inner": tally.inner.seen, "counts": tally.counts.tolist()}


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_merging_does_not_depend_on_the_split(values: list[int], a: int, b: int) -> None:
    whole = Everything()
    for value in values:
        whole.add(value)
    low, high = sorted((a, b))
    total = Everything()
    for part in (values[:low], [], values[low:high], values[high:]):
        piece = Everything()
        for value in part:
            piece.add(value)
        total.merge(piece)
    assert state(total) == state(whole)


def test_lists_of_another_length_are_an_error() -> None:
    one, two = Tally(), Tally()
    one.parts, two.parts = [1, 2], [1]  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="found 2 and 1; count in an array, or write merge"):
        one.merge(two)
    one.parts = two.parts = {1}  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="a number or array as parts of Tally, found set"):
        one.merge(two)


@given(st.lists(st.floats(0, 1e3, width=32), min_size=1, max_size=60), st.integers(0, 60))
def test_a_distribution_is_that_of_its_values(values: list[float], cut: int) -> None:
    x = np.array(values)
    total, part = Distribution(0.5, center=10.0), Distribution(0.5, center=10.0)
    total.add_values(x[:cut])
    part.add_values(x[cut:])
    total.merge(part)
    found = total.result()
    assert (found["count"], found["min"], found["max"]) == (len(x), x.min(), x.max())
    assert found["counts"].sum() == len(x)
    assert found["mean"] == pytest.approx(x.mean(), rel=1e-9, abs=1e-9)
    assert found["std"] == pytest.approx(x.std(), rel=1e-5, abs=1e-4)
    assert total.min <= total.quantile(0.5) <= total.max
    below = (x <= total.quantile(0.5) + 0.5).mean()
    assert below >= 0.5


def test_what_cannot_be_counted_is_counted_apart() -> None:
    found = Distribution(1e-3)
    found.add_values(np.array([1.0, np.nan, np.inf, 5000.0]))
    result = found.result()
    assert (result["count"], result["nonfinite"], result["outside"]) == (2, 2, 1)
    empty = Distribution(1.0).result()
    assert np.isnan([empty[name] for name in ("mean", "std", "min", "max", "mode")]).all()
    assert np.isnan(Distribution(1.0).quantile(0.5))


def test_quantiles_and_shares_are_interpolated_in_a_bin() -> None:
    counts = np.array([0, 4, 0, 4])
    np.testing.assert_allclose(quantile_positions(counts[None], 0.25), [1.5])
    assert share_below(counts, 1.5) == 0.25
    assert share_below(counts, 3.0) == 0.5
    assert share_below(np.zeros(3, np.int64), 1.0) == 0.0


def test_none_gives_way_and_booleans_merge_by_or() -> None:
    class Seen(Tally):
        def __init__(self, first: int | None, broken: bool) -> None:
            self.first, self.broken = first, broken

    one, two = Seen(None, False), Seen(7, True)
    one.merge(two)
    two.merge(Seen(None, False))
    assert (one.first, one.broken, two.first, two.broken) == (7, True, 7, True)


def test_quantiles_count_what_lies_beyond_the_bins() -> None:
    found = Distribution(1e-3)
    found.add_values(np.array([1.0, 2.0, 5000.0, 6000.0]))
    assert found.quantile(0.25) == pytest.approx(1.0, abs=2e-3)
    assert found.quantile(0.9) == 6000.0


def test_values_of_single_precision_are_summed_in_double() -> None:
    values = np.full(1000, 0.1, np.float32)
    found = Distribution(1.0, center=0.1)
    found.add_values(values)
    expected = float(values[0])
    assert found.result()["mean"] == pytest.approx(expected, abs=1e-12)
