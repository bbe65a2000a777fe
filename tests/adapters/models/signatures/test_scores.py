"""Scores of reconstructions, how sure a difference of two is, and what follows the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze_adapters.models.signatures.scores import (
    Score,
    correlation,
    distances,
    explained_of,
    fitted,
    squared_errors,
)

X = np.random.default_rng(0).standard_normal((40, 3, 2)).astype(np.float32)


def score(decoded, x=X):
    return Score(squared_errors(decoded, x), distances(x))


class TestExplained:
    def test_closed_forms(self):
        score = explained_of(X)
        assert score(X) == 1
        assert score(np.broadcast_to(X.mean(axis=0), X.shape)) == pytest.approx(0, abs=1e-6)
        middle = X.mean(axis=0) + 0.5 * (X - X.mean(axis=0))
        assert score(middle) == pytest.approx(0.75)

    def test_an_offset_costs(self):
        offset = X + X.std()
        assert explained_of(X)(offset.astype(np.float32)) < 0.1

    @given(st.floats(0.1, 100), st.floats(-100, 100))
    def test_units_do_not_matter(self, factor, offset):
        rng = np.random.default_rng(1)
        decoded = X + 0.3 * rng.standard_normal(X.shape)
        a, b = X * factor + offset, decoded * factor + offset
        assert explained_of(a.astype(np.float64))(b) == pytest.approx(
            explained_of(X.astype(np.float64))(decoded), abs=1e-4
        )

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_of_rows_that_are_not_finite_nothing_is_explained(self, value):
        decoded = X.mean(axis=0) + 0.5 * (X - X.mean(axis=0))
        decoded[3] = value
        far = ((X - X.mean(axis=0)) ** 2).reshape(len(X), -1).sum(axis=1)
        share = 1 - far[3] / far.sum()
        assert explained_of(X)(decoded) == pytest.approx(0.75 * share, abs=1e-3)
        decoded[:30] = value
        assert explained_of(X)(decoded) == -np.inf

    def test_a_row_far_off_explains_nothing(self):
        decoded = X.copy()
        decoded[3] = 3e38
        assert explained_of(X)(decoded) < -1e30

    def test_rows_that_do_not_differ(self):
        assert explained_of(np.ones((5, 3), np.float32))(np.ones((5, 3), np.float32)) == -np.inf


class TestLead:
    def test_of_itself_is_nothing(self):
        one = score(0.5 * X)
        assert one.lead(one) == (0.0, 0.0)

    def test_is_the_difference(self):
        better, worse = score(0.9 * X), score(0.5 * X)
        lead, error = better.lead(worse)
        assert lead == pytest.approx(better.explained - worse.explained)
        assert worse.lead(better) == pytest.approx((-lead, error))

    def test_what_is_hard_about_a_row_cancels(self):
        """Both are far off in the same rows; their difference is nearly the same in each."""
        rng = np.random.default_rng(1)
        noise = rng.standard_normal(X.shape) * rng.uniform(0, 2, (40, 1, 1))
        first, second = score(X + noise), score(X + 1.01 * noise)
        assert first.lead(second)[1] < 0.01
        spread = np.std(squared_errors(X + noise, X)) / np.sqrt(40) / distances(X).mean()
        assert spread > 0.1

    def test_the_standard_error_is_that_of_many_samples(self):
        """Against the spread of the lead over samples of rows from one population."""
        rng = np.random.default_rng(2)
        leads, errors = [], []
        for _ in range(400):
            x = rng.standard_normal((60, 8))
            a, b = (x + s * rng.standard_normal(x.shape) for s in (0.5, 0.6))
            lead, error = score(a, x).lead(score(b, x))
            leads.append(lead)
            errors.append(error)
        assert np.mean(errors) == pytest.approx(np.std(leads), rel=0.15)

    def test_on_the_rows_that_both_have(self):
        few = Score(squared_errors(0.5 * X[:10], X[:10]), distances(X[:10]))
        lead, _ = score(0.5 * X).lead(few)
        assert lead == 0.0
        assert few.lead(score(0.9 * X))[0] < 0

    def test_of_nothing(self):
        nothing = score(np.full_like(X, np.nan))
        assert score(X).lead(nothing) == (np.inf, 0.0)
        assert nothing.lead(nothing) == (0.0, 0.0)

    def test_rows_far_off_are_no_warning(self):
        decoded = X.copy()
        decoded[:3] = 3e38
        lead, error = score(X).lead(score(decoded))
        assert np.isfinite([lead, error]).all()


class TestCorrelation:
    @given(st.floats(0.1, 100), st.floats(-100, 100))
    def test_units_do_not_matter(self, factor, offset):
        assert correlation((X * factor + offset).astype(np.float64), X) == pytest.approx(
            1, abs=1e-4
        )

    def test_closed_forms(self):
        rng = np.random.default_rng(1)
        assert correlation(-X, X) == 0.0
        assert correlation(np.ones_like(X), X) == 0.0
        assert correlation(np.full_like(X, np.nan), X) == 0.0
        assert correlation(rng.permutation(X), X) < 0.1


class TestFitted:
    def test_scale_and_shift_of_each_channel_are_undone(self):
        decoded = (X * np.array([2.0, 0.3]) + np.array([5.0, -1.0])).astype(np.float32)
        np.testing.assert_allclose(fitted(decoded, X), X, atol=1e-5)

    def test_it_never_explains_less(self):
        rng = np.random.default_rng(2)
        score = explained_of(X)
        for _ in range(20):
            decoded = (X + rng.standard_normal(X.shape) * rng.uniform(0, 3)).astype(np.float32)
            assert score(fitted(decoded, X)) >= score(decoded) - 1e-6

    def test_a_constant_becomes_the_mean(self):
        constant = np.full(X.shape, 7, np.float32)
        expected = np.broadcast_to(X.mean(axis=(0, 1)), X.shape)
        np.testing.assert_allclose(fitted(constant, X), expected, atol=1e-6)
