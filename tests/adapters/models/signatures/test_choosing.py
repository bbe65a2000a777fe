"""Of signatures that were tried, the best, or the simplest of those as good."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from adapter_testing import one_line
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze import ModelError
from latent_analyze_adapters.models.signatures.choosing import (
    NEAR,
    choose,
    is_better,
    near,
    not_worse,
    rivals,
    runner_up,
    survivors,
    undecided_values,
)
from latent_analyze_adapters.models.signatures.decoders import Scale
from latent_analyze_adapters.models.signatures.outputs import Mean
from latent_analyze_adapters.models.signatures.runs import Half
from latent_analyze_adapters.models.signatures.scores import Score
from latent_analyze_adapters.models.signatures.trial import Route, Tried, Way
from latent_analyze_adapters.models.signatures.values import Scaling

MU = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
OTHER = MU[:, ::-1].copy()
AS_IS, SIGNED = Scaling(), Scaling((-1.0, 1.0), text="values in [-1, 1]", cost=1.0)
MOMENTS = Scaling(mean=(0.1,), std=(2.0,), text="normalized", cost=5.0, moments="all")
FIRST, SECOND = (Scaling(mean=(m,), std=(0.3,), text=f"less {m}", cost=4.0) for m in (0.1, 0.2))
UNUSED: Any = Half(None, None)  # of no decoder
FAR = np.full(20, 1.0)


ROWS_LAST, ROWS_FIRST = (SimpleNamespace(layout=layout) for layout in ("HWC", "CHW"))


def tried(explained, entry=AS_IS, end=None, output="y", mu=MU, noise=0.0, **more):
    """Return a signature; `noise` is the standard deviation of what rows explain."""
    encoder, scale = more.get("encoder", ROWS_LAST), more.get("scale")
    way = Way(encoder, entry, FAMILIES.get(entry, 0), {output: mu}, len(mu))
    route = Route(way, Mean(output), UNUSED, scale or Scale())
    off = np.random.default_rng(1).standard_normal(len(FAR))
    off = noise * (off - off.mean()) / off.std()
    errors = np.full(len(FAR), np.inf) if explained == -np.inf else FAR * (1 - explained) + off
    score = Score(errors, FAR)
    return Tried(route, end or entry, score, score.explained)


FAMILIES = {SIGNED: 1, FIRST: 2, SECOND: 2}


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


class TestSurvivors:
    """20 rows; a standard error is noise / sqrt(20) where one of two is noisy."""

    def test_what_is_surely_worse_is_out(self):
        best, worse = tried(0.9, SIGNED), tried(0.9 - NEAR - 0.05, FIRST, noise=0.01)
        assert survivors([best, worse]) == [best]

    def test_what_may_be_as_good_stays(self):
        best, worse = tried(0.9, SIGNED), tried(0.8, FIRST, noise=0.2)
        assert survivors([best, worse]) == [best, worse]

    def test_a_more_complicated_one_of_the_same_values_is_out(self):
        best, other = tried(0.9), tried(0.9, AS_IS, SIGNED)
        assert survivors([best, other]) == [best]

    def test_a_more_complicated_one_that_may_be_clearly_better_stays(self):
        simple, other = tried(0.9), tried(0.905, AS_IS, SIGNED, noise=0.2)
        assert survivors([other, simple]) == [other, simple]

    def test_other_values_stay(self):
        best, other = tried(0.9), tried(0.9, SIGNED)
        assert survivors([best, other]) == [best, other]

    def test_where_nothing_is_decoded_all_stay(self):
        every = [tried(-np.inf), tried(-np.inf, SIGNED)]
        assert survivors(every) == every

    @given(st.lists(st.tuples(st.floats(-2, 1), st.sampled_from([AS_IS, SIGNED, FIRST, MOMENTS])),
                    min_size=1))  # fmt: skip
    def test_the_choice_is_among_them(self, scores):
        every = sorted((tried(*pair) for pair in scores), key=lambda t: -t.explained)
        kept = survivors(every)
        assert choose(every) in kept
        assert kept == [t for t in every if t in kept]


class TestRivals:
    """What may be right beside the choice."""

    def of(self, chosen, *others, least=0.0):
        every = sorted([chosen, *others], key=lambda t: -t.explained)
        return rivals(chosen, near(chosen, every), least)

    def test_as_simple_and_not_surely_worse(self):
        best = tried(0.9, FIRST)
        rival = tried(0.895, SECOND, mu=OTHER, noise=0.05)
        assert self.of(best, rival) == [rival]

    def test_surely_worse(self):
        best, other = tried(0.9, FIRST), tried(0.895, SECOND, mu=OTHER, noise=0.001)
        assert self.of(best, other) == []

    def test_surely_worse_by_less_than_training_left_to_chance(self):
        best, other = tried(0.9, FIRST), tried(0.895, SECOND, mu=OTHER, noise=0.001)
        assert self.of(best, other, least=0.006) == [other]

    def test_other_reconstructions_of_the_same_z_points(self):
        best, other = tried(0.9, FIRST), tried(0.9, FIRST, end=SECOND)
        assert self.of(best, other) == []

    def test_one_that_is_less_simple_only_if_it_surely_explains_more(self):
        simple, best = tried(0.9), tried(0.91, FIRST, mu=OTHER, noise=0.001)
        assert self.of(simple, best) == [best]
        assert self.of(simple, tried(0.91, FIRST, mu=OTHER, noise=0.05)) == []

    def test_one_format_in_and_another_out_is_no_rival_of_one(self):
        simple, mixed = tried(0.9), tried(0.91, FIRST, AS_IS, mu=OTHER)
        assert self.of(simple, mixed) == []
        assert self.of(tried(0.9, AS_IS, SIGNED), mixed) == [mixed]

    def test_another_layout(self):
        best, other = tried(0.9), tried(0.9, mu=OTHER, encoder=ROWS_FIRST)
        assert self.of(best, other) == [other]
        assert self.of(best, tried(0.9, encoder=ROWS_FIRST)) == []

    def test_another_mean_is_another_question(self):
        assert self.of(tried(0.9, FIRST), tried(0.9, SECOND, output="x", mu=OTHER)) == []

    @pytest.mark.parametrize(("noise", "sure"), [(0.05, False), (0.005, True)])
    def test_the_usual_one_of_published_ones_needs_no_margin(self, noise, sure):
        """A lead of 0.005, where a standard error is noise / sqrt(20)."""
        usual = Scaling(mean=(0.1,), std=(0.3,), cost=4.0, usual=True)
        own = Scaling(mean=(0.2,), std=(0.3,), cost=4.0, moments="all")
        best, other = tried(0.9, usual), tried(0.895, SECOND, mu=OTHER, noise=noise)
        assert self.of(best, other) == ([] if sure else [other])
        other = tried(0.895, own, mu=OTHER, noise=0.01)
        assert self.of(best, other) == [other]

    def test_what_a_file_states(self):
        stated = Scaling(mean=(0.1,), std=(0.3,), cost=4.0, file="preprocessor_config.json")
        assert self.of(tried(0.9, stated), tried(0.9, SECOND, mu=OTHER)) == []

    def test_not_worse_and_better(self):
        first, second = tried(0.9, FIRST), tried(0.91, SECOND, mu=OTHER, noise=0.001)
        unsure = tried(0.91, SECOND, mu=OTHER, noise=0.1)
        assert not_worse(second, [first, unsure]) == [unsure]
        assert not_worse(first, [second, unsure]) == [second, unsure]
        assert is_better(second, first)
        assert not is_better(first, second)
        assert not is_better(unsure, first)


class TestUndecidedValues:
    def test_both_are_named_with_what_states_them(self):
        error = undecided_values(tried(0.9, FIRST), tried(0.895, SECOND, mu=OTHER))
        assert "less 0.1 in, 90.0% of the variance explained" in str(error)
        assert "less 0.2 in, 89.5%" in str(error)
        assert "--signature 'mean=[0.1]' --signature 'std=[0.3]' or " in error.next_step
        assert "layout" not in str(error)

    def test_of_the_encoder_alone(self):
        error = undecided_values(tried(0.9, FIRST, AS_IS), tried(0.9, SIGNED, AS_IS, mu=OTHER))
        assert "'encoder.mean=[0.1]'" in error.next_step
        assert error.next_step.endswith("or --signature 'encoder.range=[-1.0, 1.0]'")

    def test_layouts(self):
        error = undecided_values(tried(0.9), tried(0.9, mu=OTHER, encoder=ROWS_FIRST))
        flags = "--signature encoder.layout=HWC or --signature encoder.layout=CHW"
        assert error.next_step == f"say which: {flags}"
        assert "as HWC in, " in str(error)


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
