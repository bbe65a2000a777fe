from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze.errors import AnalysisError
from latent_analyze.sources.arrays import ArraySource
from latent_analyze.sources.source import (
    BLOCK_BYTES,
    Batch,
    Block,
    Source,
    concatenate,
    partition,
    rows_per_block,
    take_rows,
)
from latent_analyze.testing import tiny_source

FIELDS = frozenset({"z", "mu", "id", "label:digit", "log_var"})


@given(st.integers(0, 5000), st.integers(1, 700))
def test_blocks_are_a_partition(count: int, rows: int) -> None:
    blocks = partition(count, rows)
    assert [b.index for b in blocks] == list(range(len(blocks)))
    assert [r for b in blocks for r in range(b.start, b.stop)] == list(range(count))
    assert all(b.size == rows for b in blocks[:-1])


@given(st.integers(0, 10**7))
def test_blocks_fit_a_cache(dim: int) -> None:
    rows = rows_per_block(dim)
    assert 64 <= rows <= 8192
    assert rows & (rows - 1) == 0
    assert rows == 64 or 4 * rows * dim <= BLOCK_BYTES


@pytest.mark.parametrize("numbers", [[], [3], [9999, 0, 3, 3, 8200], list(range(10_000))[::-1]])
def test_rows_come_in_the_order_asked_for(numbers: list[int]) -> None:
    z = np.random.default_rng(0).standard_normal((10_000, 16)).astype(np.float32)
    source = ArraySource(z)
    assert len(source.blocks()) > 1
    found = take_rows(source, np.array(numbers, np.int64))
    np.testing.assert_array_equal(found.z, z[numbers])
    np.testing.assert_array_equal(found.rows, numbers)


def test_an_array_is_a_source() -> None:
    assert isinstance(tiny_source(), Source)


def test_sample_is_without_replacement_and_seeded() -> None:
    source = tiny_source(5000, 200)
    assert len(source.blocks()) > 1
    sample, same, other = (source.sample(700, seed) for seed in (3, 3, 4))
    assert len(np.unique(sample.rows)) == 700
    assert (np.diff(sample.rows) > 0).all()
    assert np.array_equal(sample.rows, same.rows)
    assert np.array_equal(sample.z, source.z[sample.rows])
    assert not np.array_equal(sample.rows, other.rows)


def test_sample_carries_its_fields() -> None:
    source = tiny_source(300, 4, variational=True)
    sample = source.sample(50, 1, FIELDS)
    assert sample.log_var is not None
    assert sample.ids is not None
    assert np.array_equal(sample.log_var, source.log_var[sample.rows])
    assert sample.ids.tolist() == [str(row) for row in sample.rows]
    assert np.array_equal(sample.labels["digit"], source.labels["digit"][sample.rows])


@pytest.mark.parametrize("n", [300, 301, 10**9])
def test_a_sample_of_at_least_all_rows_is_all_rows(n: int) -> None:
    assert np.array_equal(tiny_source(300).sample(n, 1).rows, np.arange(300))


def test_an_empty_sample() -> None:
    assert tiny_source(300, 4).sample(0, 1).z.shape == (0, 4)


def test_every_row_is_sampled_equally_often() -> None:
    source, hits = tiny_source(40), np.zeros(40)
    for seed in range(1000):
        hits[source.sample(10, seed).rows] += 1
    assert np.abs(hits - 250).max() < 5 * np.sqrt(1000 * 0.25 * 0.75)


def test_summary_is_computed_once() -> None:
    source = tiny_source(1000, 4)
    assert source.summary() is source.summary()
    np.testing.assert_allclose(source.summary().mean, source.z.mean(axis=0), rtol=1e-5)


def test_take_by_mask_slice_and_numbers() -> None:
    batch = tiny_source(20, 3, variational=True).read(Block(0, 0, 20), FIELDS)
    mask = batch.rows % 2 == 0
    for part in (
        batch.take(mask),
        batch.take(slice(None, None, 2)),
        batch.take(np.arange(0, 20, 2)),
    ):
        assert np.array_equal(part.rows, np.arange(0, 20, 2))
        assert part.ids is not None
        assert len(part.ids) == len(part.labels["digit"]) == len(part) == 10


def test_concatenate_keeps_all_fields() -> None:
    source = tiny_source(20, 3, variational=True)
    parts = [source.read(block, FIELDS) for block in partition(20, 7)]
    whole = concatenate(parts)
    assert np.array_equal(whole.z, source.z)
    assert whole.log_var is not None
    assert whole.ids is not None
    assert whole.ids.tolist() == [str(i) for i in range(20)]
    with pytest.raises(AnalysisError):
        concatenate([])


def test_a_batch_knows_its_length() -> None:
    assert len(Batch(np.zeros((3, 2), np.float32), np.arange(3))) == 3


def test_repr_names_the_source() -> None:
    assert repr(tiny_source(10, 2)) == "<ArraySource 'data': 10 z-points of 2 dimensions>"
