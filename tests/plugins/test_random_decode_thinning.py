"""Thinning: what is kept is good, and covers the data as they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_samplers import FIVE_TIMES, Classes

from latent_analyze_plugins.random_decode.cells import fit_cells
from latent_analyze_plugins.random_decode.thinning import lost_coverage, thin


@st.composite
def draws(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Qualities and cells of some draws, and shares of the cells."""
    number, n = draw(st.integers(1, 8)), draw(st.integers(0, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weight, frequent = rng.random(number) + 0.01, rng.random(number) + 0.01
    cell = rng.choice(number, n, p=frequent / frequent.sum())
    quality = rng.random(n) ** (1 + cell)
    return quality, cell, weight / weight.sum()


@given(draws(), st.floats(0, 1), st.sampled_from([0.0, 0.05, 0.3]))
def test_kept_rows_are_good_draws_in_order(
    some: tuple[np.ndarray, np.ndarray, np.ndarray], threshold: float, tolerance: float
) -> None:
    quality, cell, shares = some
    found = thin(quality, cell, shares, threshold=threshold, tolerance=tolerance)
    assert np.all(np.diff(found.kept) > 0)
    assert set(found.kept) <= set(np.flatnonzero(quality >= threshold))
    if len(found.kept):
        assert found.draws_per_kept == pytest.approx(len(quality) / len(found.kept))
    else:
        assert found.draws_per_kept == math.inf
        assert not (quality >= threshold).any()
    again = thin(quality, cell, shares, threshold=threshold, tolerance=tolerance)
    assert np.array_equal(found.kept, again.kept)


@given(draws(), st.floats(0, 1))
def test_shares_of_the_cells_are_those_of_the_data(
    some: tuple[np.ndarray, np.ndarray, np.ndarray], threshold: float
) -> None:
    quality, cell, shares = some
    found = thin(quality, cell, shares, threshold=threshold, tolerance=0)
    number = len(shares)
    counts = np.bincount(cell[quality >= threshold], minlength=number)
    kept = np.bincount(cell[found.kept], minlength=number)
    reached = counts > 0
    if not reached.any():
        return
    # As many as the scarcest cell allows; each cell has its share, rounded, and at least one.
    wanted = shares / shares[reached].sum()
    total = (counts[reached] / wanted[reached]).min()
    assert np.all(np.abs(kept - total * wanted)[reached] <= 1)
    assert not kept[~reached].any()
    assert found.lost == pytest.approx(lost_coverage(kept, shares))
    assert found.lost <= 1 - shares[reached].sum() + number / kept.sum() + 1e-9
    assert found.rates == pytest.approx(kept / np.maximum(counts, 1))


@given(draws(), st.floats(0, 1))
def test_tolerance_keeps_more_and_loses_no_more_than_it_allows(
    some: tuple[np.ndarray, np.ndarray, np.ndarray], threshold: float
) -> None:
    quality, cell, shares = some
    strict, loose = (
        thin(quality, cell, shares, threshold=threshold, tolerance=x) for x in (0.0, 0.2)
    )
    assert len(loose.kept) >= len(strict.kept)
    if len(loose.kept):
        rounding = len(shares) / len(loose.kept)
        reached = np.unique(cell[quality >= threshold])
        assert loose.lost <= 1 - shares[reached].sum() + 0.2 + rounding


def test_a_quality_that_prefers_a_class_does_not_make_it_more_frequent() -> None:
    rng, world = np.random.default_rng(0), Classes(apart=3.0)
    held_out, (rows, label) = world.rows(2000, rng), world.draw(4000, rng)
    # Simple classes are better: of class 0 nearly all pass, of class 9 one in four.
    quality = rng.random(4000) ** (1 + label / 3)
    cells = fit_cells(held_out, 0)
    shares = cells.counts(held_out) / len(held_out)
    plain = np.bincount(label[quality >= 0.5], minlength=10) / (quality >= 0.5).sum()
    found = thin(quality, cells.of(rows), shares, threshold=0.5)
    kept = np.bincount(label[found.kept], minlength=10) / len(found.kept)
    assert plain[0] > 0.15
    assert plain[9] < 0.06
    assert kept == pytest.approx([0.1] * 10, abs=0.03)
    assert found.lost < 0.06
    assert found.draws_per_kept < 8
    assert lost_coverage(cells.counts(rows[quality >= 0.5]), shares) > 0.1


def test_a_class_five_times_as_frequent_is_thinned() -> None:
    rng, world = np.random.default_rng(1), Classes(apart=3.0)
    held_out, (rows, label) = world.rows(2000, rng), world.draw(4000, rng, FIVE_TIMES)
    cells = fit_cells(held_out, 0)
    shares = cells.counts(held_out) / len(held_out)
    found = thin(np.ones(4000), cells.of(rows), shares, threshold=0.5)
    assert (label[found.kept] == 0).mean() == pytest.approx(0.1, abs=0.05)
    assert len(found.kept) > 2000


def test_further_draws_kept_at_the_rates_have_the_shares_too() -> None:
    rng = np.random.default_rng(2)
    shares = np.array([0.2, 0.3, 0.5])
    cell = rng.choice(3, 6000, p=[0.6, 0.3, 0.1])
    quality = rng.random(6000)
    found = thin(quality[:3000], cell[:3000], shares, threshold=0.4)
    later = (quality[3000:] >= 0.4) & (rng.random(3000) < found.rates[cell[3000:]])
    kept = np.bincount(cell[3000:][later], minlength=3) / later.sum()
    assert kept == pytest.approx(shares, abs=0.08)


def test_what_is_left_out_does_not_depend_on_quality() -> None:
    quality = np.linspace(0, 1, 1001)
    cell = np.concatenate([np.zeros(901, np.int64), np.ones(100, np.int64)])
    found = thin(quality, cell, np.array([0.5, 0.5]), threshold=0.0, tolerance=0)
    kept = quality[found.kept]
    assert np.median(kept[kept <= 0.9]) == pytest.approx(0.45, abs=0.01)
    assert len(found.kept) == 200


def test_closed_forms() -> None:
    assert lost_coverage(np.array([1, 1]), np.array([0.5, 0.5])) == 0
    assert lost_coverage(np.array([3, 1]), np.array([0.5, 0.5])) == pytest.approx(0.25)
    assert lost_coverage(np.array([0, 0]), np.array([0.5, 0.5])) == 1
    # A cell without a good draw is lost, and the others keep their proportions.
    quality, cell = np.array([1, 1, 1, np.nan, 0]), np.array([0, 1, 1, 2, 2])
    found = thin(quality, cell, np.array([0.25, 0.5, 0.25]), threshold=0.5)
    assert found.kept.tolist() == [0, 1, 2]
    assert found.lost == pytest.approx(0.25)
    assert found.rates.tolist() == [1, 1, 0]
    none = thin(quality, cell, np.array([0.25, 0.5, 0.25]), threshold=2)
    assert (len(none.kept), none.lost, none.draws_per_kept) == (0, 1, math.inf)
