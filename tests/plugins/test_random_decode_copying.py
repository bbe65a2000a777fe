"""Copying by samplers of which the share of copies is known."""

from __future__ import annotations

import numpy as np
import pytest
from known_samplers import Classes, gaussian_like, junk, only

from latent_analyze.statistics import nearest, nearest_others
from latent_analyze_plugins.random_decode.cells import fit_cells
from latent_analyze_plugins.random_decode.copying import Originals, copying, fit_originals

WORLD = Classes()


def originals_of(world: Classes, rows: int = 10_000, held_out: int = 2000) -> Originals:
    rng = np.random.default_rng(0)
    others = world.rows(held_out, rng)
    return fit_originals(world.rows(rows, rng), others, fit_cells(others, 0))


@pytest.fixture(scope="module")
def originals() -> Originals:
    return originals_of(WORLD)


def pooled_rank(rows: np.ndarray, draws: np.ndarray, others: np.ndarray) -> float:
    """The chance that a draw is nearer to the reference than another row (Meehan et al. 2020)."""
    mine, theirs = nearest(draws, rows, 1)[0][:, 0], nearest(others, rows, 1)[0][:, 0]
    return float((mine[:, None] < theirs).mean())


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("dim", [16, 64])
def test_share_of_copies(originals: Originals, dim: int, share: float) -> None:
    world = WORLD if dim == 16 else Classes(dim)
    known = originals if dim == 16 else originals_of(world)
    rng, copies = np.random.default_rng(1), int(2000 * share)
    draws = np.concatenate([rng.permutation(known.rows)[:copies], world.rows(2000 - copies, rng)])
    found = copying(known, draws)
    assert found.share == pytest.approx(share, abs=0.02)
    assert found.low <= share <= found.high
    assert found.high - found.low < 0.06
    assert found.copies == (share >= 0.1)
    assert (found.p_value < 0.01) == (share > 0)
    assert found.nearer == pytest.approx(share + 0.01 * (1 - share), abs=0.02)


@pytest.mark.parametrize("dim", [16, 64])
def test_copies_are_found_among_draws_that_are_too_far(originals: Originals, dim: int) -> None:
    world = WORLD if dim == 16 else Classes(dim)
    known = originals if dim == 16 else originals_of(world)
    rng = np.random.default_rng(2)
    far = gaussian_like(known.rows, 1000, rng)
    draws = np.concatenate([rng.permutation(known.rows)[:1000], far])
    # Pooled, they are as near as new rows are.
    assert pooled_rank(known.rows, draws, world.rows(500, rng)) == pytest.approx(0.5, abs=0.03)
    found = copying(known, draws)
    assert found.copies
    assert found.share == pytest.approx(0.5, abs=0.05)
    assert copying(known, far).share == 0
    assert copying(known, far).p_value > 0.9
    few = copying(known, np.concatenate([known.rows[:100], junk(1900, dim, rng)]))
    assert few.share == pytest.approx(0.05, abs=0.03)
    assert few.p_value < 1e-4


def test_new_rows_of_a_dense_class_are_no_copies() -> None:
    world = Classes()
    world.shapes[1] *= 0.2
    known = originals_of(world)
    rng = np.random.default_rng(3)
    found = copying(known, world.rows(2000, rng, only(1)))
    assert found.nearer > 0.05  # pooled, they are nearer than other new rows
    assert not found.copies
    assert found.share < 0.02
    # Copies of that class alone are found, and where.
    draws = np.concatenate([world.rows(1800, rng), known.rows[:0]])
    dense = nearest_others(known.rows, 1)[0][:, 0]
    draws = np.concatenate([draws, known.rows[np.argsort(dense)[:200]]])
    found = copying(known, draws)
    assert found.share == pytest.approx(0.1, abs=0.03)
    own = np.bincount(known.cells.of(draws[-200:])).argmax()
    assert found.cells[own] > 0.3
    assert np.nanmedian(found.cells) < 0.05


@pytest.mark.parametrize("dim", [16, 64])
def test_shrunk_draws_are_near_to_all_rows_and_no_copies(originals: Originals, dim: int) -> None:
    world = WORLD if dim == 16 else Classes(dim)
    known = originals if dim == 16 else originals_of(world)
    rng = np.random.default_rng(4)
    center = known.rows.mean(axis=0)
    draws = center + 0.7 * (world.rows(2000, rng) - center)
    found = copying(known, draws)
    assert not found.copies
    assert found.share < 0.03


@pytest.mark.parametrize(("bandwidth", "copies"), [(0.01, 1.0), (0.1, 1.0), (1.0, 0.0)])
def test_a_narrow_kernel_copies(originals: Originals, bandwidth: float, copies: float) -> None:
    rng = np.random.default_rng(5)
    noise = gaussian_like(originals.rows, 2000, rng) - originals.rows.mean(axis=0)
    found = copying(originals, rng.permutation(originals.rows)[:2000] + bandwidth * noise)
    assert found.share == pytest.approx(copies, abs=0.05)
    assert found.copies == (copies == 1)


def test_new_rows_have_uniform_p_values() -> None:
    p_values, held = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        others = WORLD.rows(200, rng)
        known = fit_originals(WORLD.rows(500, rng), others, fit_cells(others, 0))
        found = copying(known, WORLD.rows(200, rng))
        p_values.append(found.p_value)
        held.append(found.low <= 0)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.13
    assert np.mean(np.array(p_values) <= 0.5) == pytest.approx(0.5, abs=0.2)
    assert np.mean(held) >= 0.9


def test_90_rows() -> None:
    rng = np.random.default_rng(6)
    others = WORLD.rows(36, rng)
    known = fit_originals(WORLD.rows(54, rng), others, fit_cells(others, 0))
    new = copying(known, WORLD.rows(500, rng))
    assert not new.copies
    assert new.low <= 0 <= new.high
    half = np.concatenate([known.rows[np.arange(250) % 54], WORLD.rows(250, rng)])
    found = copying(known, half)
    assert found.copies
    assert found.share == pytest.approx(0.5, abs=0.05)
    assert found.high - found.low > 0.05  # few held-out rows: less sure


def test_duplicates_in_the_data_are_no_copies() -> None:
    rng = np.random.default_rng(7)
    atoms = WORLD.rows(5, rng)

    def rows(n: int) -> np.ndarray:
        found = WORLD.rows(n, rng)
        found[: n // 5] = atoms[rng.integers(0, 5, n // 5)]
        return rng.permutation(found)

    others = rows(2000)
    known = fit_originals(rows(5000), others, fit_cells(others, 0))
    new = copying(known, rows(2000))
    assert not new.copies
    assert new.share < 0.03
    copies = copying(known, known.rows[:2000])
    assert copies.copies
    assert copies.share > 0.9


def test_cells_without_draws_have_no_share(originals: Originals) -> None:
    found = copying(originals, originals.rows[:1] + 1e-9)
    assert np.isfinite(found.cells).sum() == 1
    assert np.nanmax(found.cells) == pytest.approx(1)
    assert found.p_value == pytest.approx(0.02, abs=0.01)
    assert not found.copies


def test_units_and_origin_do_not_matter(originals: Originals) -> None:
    rng = np.random.default_rng(8)
    rows, others = WORLD.rows(2000, rng), WORLD.rows(500, rng)
    draws = np.concatenate([rows[:100], WORLD.rows(400, rng)])
    cells = fit_cells(others, 0)
    one = copying(fit_originals(rows, others, cells), draws)
    moved = type(cells)(1000 + 50 * cells.centers)
    other = copying(fit_originals(1000 + 50 * rows, 1000 + 50 * others, moved), 1000 + 50 * draws)
    assert other.share == pytest.approx(one.share)
    assert other.p_value == pytest.approx(one.p_value)
