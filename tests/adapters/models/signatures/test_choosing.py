"""Of signatures that were tried, the best, or the simplest of those as good."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from adapter_testing import one_line
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze import ModelError
from latent_analyze_adapters.models.signatures.choosing import choose, runner_up
from latent_analyze_adapters.models.signatures.outputs import Mean
from latent_analyze_adapters.models.signatures.trial import Half, Scale, Tried, Way
from latent_analyze_adapters.models.signatures.values import Scaling

MU = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
OTHER = MU[:, ::-1].copy()
AS_IS, SIGNED = Scaling(), Scaling((-1.0, 1.0), text="values in [-1, 1]", cost=1.0)
MOMENTS = Scaling(mean=(0.1,), std=(2.0,), text="normalized", cost=5.0)
UNUSED: Any = Half(None, None)  # of no decoder


def tried(explained, entry=AS_IS, end=None, output="y", mu=MU, scale=None):
    way = Way("HWC", entry, {})
    return Tried(way, Mean(output), scale or Scale(), UNUSED, end or entry, explained, mu)


def chosen(*every):
    return choose(sorted(every, key=lambda t: -t.explained))


def test_the_best_if_it_is_clearly_better():
    best = tried(0.9, SIGNED)
    assert chosen(best, tried(0.8)) is best


def test_the_simplest_of_those_as_good():
    simple = tried(0.90)
    assert chosen(tried(0.905, SIGNED), simple) is simple


def test_little_is_much_where_little_is_left():
    """What the best leaves unexplained is the measure: 0.999 against 0.98 is clear."""
    best = tried(0.999, SIGNED)
    assert chosen(best, tried(0.98)) is best
    simple = tried(0.89)
    assert chosen(tried(0.9, SIGNED), simple) is simple


def test_moments_of_the_data_must_be_better_by_more():
    """A nearly standardized table explains nearly as much without it."""
    simple = tried(0.88)
    assert chosen(tried(0.9, MOMENTS), simple) is simple
    best = tried(0.9, SIGNED)
    assert chosen(best, tried(0.88)) is best
    normalized = tried(0.9, MOMENTS)
    assert chosen(normalized, tried(0.8)) is normalized


def test_equal_costs_and_equal_means_take_the_better():
    better = tried(0.9001)
    assert chosen(better, tried(0.9, output="x", mu=MU.copy())) is better


def test_two_means_equally_good_are_refused():
    with pytest.raises(ModelError, match="both explain 90% of the variance") as error:
        chosen(tried(0.9), tried(0.9, output="x", mu=OTHER))
    text = one_line(error)
    assert "encoder.mu=y" in text
    assert "encoder.mu=x" in text


def test_a_name_breaks_a_tie():
    named = tried(0.9, output="z_mean", mu=OTHER)
    assert chosen(tried(0.9), named) is named


def test_a_worse_rival_is_no_tie():
    best = tried(0.9)
    assert chosen(best, tried(0.7, output="x", mu=OTHER)) is best


def test_minus_infinity_is_never_chosen():
    best = tried(0.1, SIGNED)
    assert chosen(best, tried(-np.inf), tried(-np.inf, output="x", mu=OTHER)) is best


def test_the_runner_up_gives_other_means():
    best, same, other = tried(0.9), tried(0.7, end=SIGNED), tried(0.5, output="x", mu=OTHER)
    assert runner_up(best, [best, same, other]) is other
    assert runner_up(best, [best, same]) is None


def test_costs():
    assert tried(0.9).cost < tried(0.9, SIGNED).cost < tried(0.9, MOMENTS).cost
    assert tried(0.9, SIGNED).cost < tried(0.9, SIGNED, end=MOMENTS).cost
    assert tried(0.9).cost < tried(0.9, scale=Scale(2.0, cost=2.0)).cost
    assert tried(0.9, output="mu").cost < tried(0.9).cost < tried(0.9, output="log_var").cost


@given(st.lists(st.tuples(st.floats(-2, 1), st.sampled_from([AS_IS, SIGNED, MOMENTS])), min_size=1))
def test_the_choice_does_not_depend_on_the_order(scores):
    every = [tried(*pair) for pair in scores]
    first, second = chosen(*every), chosen(*every[::-1])
    assert (first.explained, first.cost) == (second.explained, second.cost)
    best = max(t.explained for t in every)
    assert best - first.explained <= 0.05
