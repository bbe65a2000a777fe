from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze.errors import AnalysisError, OptionError
from latent_analyze.sources.arrays import ArraySource
from latent_analyze.sources.source import Source, concatenate
from latent_analyze.sources.views import (
    PosteriorSource,
    RelabeledSource,
    SubsetSource,
    finite_rows,
    select,
)
from latent_analyze.testing import tiny_source

ALL = frozenset({"z", "mu", "log_var", "id", "label:digit", "label:split"})


def whole(source: Source, fields: frozenset[str] = ALL):
    return concatenate([source.read(block, fields) for block in source.blocks()])


@settings(max_examples=20)
@given(st.sets(st.integers(0, 4999), min_size=1, max_size=60))
def test_subset_holds_the_chosen_rows(chosen: set[int]) -> None:
    base = tiny_source(5000, 200, variational=True)
    rows = np.array(list(chosen))
    subset = SubsetSource(base, rows, "some")
    batch = whole(subset)
    assert np.array_equal(batch.z, base.z[np.sort(rows)])
    assert np.array_equal(batch.rows, np.arange(len(rows)))
    assert batch.ids is not None
    assert batch.ids.tolist() == [str(r) for r in sorted(chosen)]
    assert np.array_equal(batch.labels["digit"], base.labels["digit"][np.sort(rows)])
    assert subset.blocks()[-1].stop == subset.count == len(rows)


def test_subset_of_a_subset() -> None:
    base = tiny_source(5000, 200)
    outer = SubsetSource(base, np.arange(0, 5000, 2), "even")
    inner = SubsetSource(outer, np.arange(0, 2500, 5), "tenth")
    assert np.array_equal(whole(inner).z, base.z[::10])


def test_subset_samples_and_summarizes_its_own_rows() -> None:
    base = tiny_source(5000, 200)
    subset = SubsetSource(base, np.arange(100, 4000), "middle")
    sample = subset.sample(50, 1)
    assert np.array_equal(sample.z, base.z[100:4000][sample.rows])
    assert subset.summary().count == 3900


def test_subset_fingerprint_does_not_depend_on_the_order_of_rows() -> None:
    base = tiny_source()
    one = SubsetSource(base, np.array([3, 1, 2]), "a").fingerprint
    assert one == SubsetSource(base, np.array([1, 2, 3]), "b").fingerprint
    assert one != SubsetSource(base, np.array([1, 2, 4]), "a").fingerprint
    assert one != base.fingerprint


def test_posterior_draws_have_the_right_moments() -> None:
    mu, log_var = np.full((40_000, 2), 3.0), np.full((40_000, 2), np.log(0.25))
    source = PosteriorSource(ArraySource(mu, log_var=log_var), 1, "data@posterior")
    z = whole(source, frozenset({"z"})).z
    assert abs(z.mean() - 3.0) < 5 * 0.5 / np.sqrt(z.size)
    assert abs(z.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * z.size)
    assert source.label == "data@posterior"


def test_posterior_draws_are_seeded_and_keep_mu() -> None:
    base = tiny_source(900, 4, variational=True)
    one, same, other = (PosteriorSource(base, seed, "p") for seed in (1, 1, 2))
    batch = whole(one)
    assert np.array_equal(batch.z, whole(same).z)
    assert np.array_equal(batch.z, whole(pickle.loads(pickle.dumps(one))).z)
    assert not np.array_equal(batch.z, whole(other).z)
    assert np.array_equal(batch.mu, base.z)
    assert len({one.fingerprint, other.fingerprint, base.fingerprint}) == 3


def test_posterior_with_no_variance_is_mu() -> None:
    base = ArraySource(np.ones((5, 2)), log_var=np.full((5, 2), -np.inf))
    assert np.array_equal(whole(PosteriorSource(base, 0, "p")).z, base.z)


def test_posterior_needs_log_var() -> None:
    with pytest.raises(OptionError, match="variational store"):
        PosteriorSource(tiny_source(), 0, "p")


class WithoutLogVar(ArraySource):
    def __init__(self) -> None:
        super().__init__(np.zeros((3, 2)))
        self.fields = self.fields | {"log_var"}


def test_posterior_of_a_source_without_a_listed_field() -> None:
    source = PosteriorSource(WithoutLogVar(), 0, "p")
    with pytest.raises(AnalysisError):
        source.read(source.blocks()[0])


def test_another_label_changes_no_row() -> None:
    base = tiny_source()
    named = RelabeledSource(base, "named")
    assert named.label == "named"
    assert named.fingerprint == base.fingerprint
    assert named.summary() is base.summary()
    assert np.array_equal(whole(named).z, base.z)
    assert np.array_equal(named.sample(9, 4).rows, base.sample(9, 4).rows)


def test_select_by_text_and_number() -> None:
    base = tiny_source(500)
    test = select(base, {"split": "test"}, "data[split=test]")
    assert test.count == 100
    assert test.label == "data[split=test]"
    both = select(base, {"split": "test", "digit": "7"}, "x")
    wanted = (base.labels["split"] == "test") & (base.labels["digit"] == 7)
    assert np.array_equal(whole(both).z, base.z[wanted])


def test_select_by_an_unknown_label_or_value() -> None:
    base = tiny_source(50)
    with pytest.raises(OptionError, match="did you mean split"):
        select(base, {"splt": "test"}, "x")
    with pytest.raises(OptionError, match=r"none; choose from: split = test, train"):
        select(base, {"split": "val"}, "x")
    with pytest.raises(OptionError, match="no label of data is available"):
        select(ArraySource(np.zeros((3, 2))), {"split": "val"}, "x")


def test_finite_rows() -> None:
    z = tiny_source(9000, 40).z.copy()
    z[5, 0], z[8000] = np.nan, np.inf
    kept = finite_rows(ArraySource(z, "mine"))
    assert kept.count == 8998
    assert kept.label == "mine"
    assert np.array_equal(whole(kept, frozenset({"z"})).z, np.delete(z, [5, 8000], axis=0))
    assert kept.summary().nonfinite == 0
