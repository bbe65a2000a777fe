from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze.files.hashing import content_hash
from latent_analyze.sources.seeding import keyed_rng, row_priority


def test_keyed_rng_is_the_same_in_another_process() -> None:
    code = (
        "import numpy as np\n"
        "from latent_analyze.plugin import keyed_rng, content_hash, row_priority\n"
        "print(keyed_rng(7, 'block', 3).integers(0, 2**62, 4).tolist(),"
        "row_priority(np.arange(3), 5).tolist(), content_hash('a', 1, np.eye(2)))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = keyed_rng(7, "block", 3).integers(0, 2**62, 4).tolist()
    priority = row_priority(np.arange(3), 5).tolist()
    assert other.stdout.split("\n")[0] == f"{here} {priority} {content_hash('a', 1, np.eye(2))}"


def test_keyed_rng_of_today_is_that_of_yesterday() -> None:
    # Results of older reports must be reproducible: change GENERATOR when this changes.
    assert keyed_rng(0, "block", 0).integers(0, 1000, 4).tolist() == PINNED


PINNED = [278, 963, 480, 467]


def test_keys_are_told_apart() -> None:
    keys: list[tuple[Any, ...]] = [(0,), (1,), (0, 0), (0, 1), (0, "0"), (0, "a"), (0, "a", 1)]
    firsts = {keyed_rng(*key).integers(0, 2**62) for key in keys}
    assert len(firsts) == len(keys)


def test_numpy_integers_are_integers() -> None:
    assert keyed_rng(np.int64(3), np.int32(4)).random() == keyed_rng(3, 4).random()


def test_streams_of_neighboring_keys_are_uncorrelated() -> None:
    draws = np.array([keyed_rng(0, k).standard_normal(2000) for k in range(20)])
    correlation = np.corrcoef(draws) - np.eye(20)
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)


@pytest.mark.parametrize("seed", [0, 1, -5, 2**70])
def test_row_priority_is_uniform(seed: int) -> None:
    priority = row_priority(np.arange(200_000), seed)
    assert len(np.unique(priority)) == len(priority)
    counts = np.bincount((priority >> np.uint64(58)).astype(int), minlength=64)
    chi2 = ((counts - 3125) ** 2 / 3125).sum()
    assert chi2 < 63 + 5 * np.sqrt(2 * 63)


def test_row_priority_chooses_every_row_equally_often() -> None:
    chosen = np.zeros(50)
    for seed in range(2000):
        chosen[np.argsort(row_priority(np.arange(50), seed))[:10]] += 1
    assert np.abs(chosen - 400).max() < 5 * np.sqrt(2000 * 0.2 * 0.8)


def test_row_priority_of_neighboring_rows_is_unrelated() -> None:
    priority = row_priority(np.arange(100_000), 3) / 2.0**64
    assert abs(np.corrcoef(priority[1:], priority[:-1])[0, 1]) < 5 / np.sqrt(100_000)


@given(st.lists(st.integers(0, 500), max_size=5), st.integers(-(2**40), 2**40))
def test_row_priority_does_not_depend_on_the_split(cuts: list[int], seed: int) -> None:
    rows = np.arange(500)
    parts = [row_priority(part, seed) for part in np.split(rows, sorted(cuts))]
    assert np.array_equal(np.concatenate(parts), row_priority(rows, seed))
