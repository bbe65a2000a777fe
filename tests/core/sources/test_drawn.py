from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Block, DrawnSource
from latent_analyze.sources.source import concatenate


class Cube(DrawnSource):
    def __init__(self, b: float = 1.0, *, count: int = 20_000, dim: int = 3, seed: int = 0) -> None:
        super().__init__(f"cube:b={b}", count=count, dim=dim, seed=seed)
        self.b = b

    @property
    def state(self) -> Mapping[str, Any]:
        return {"b": self.b}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        return rng.uniform(-self.b, self.b, (block.size, self.dim))


class OtherCube(Cube):
    pass


def rows(source: DrawnSource) -> NDArray[np.float32]:
    return concatenate([source.read(block) for block in source.blocks()]).z


def test_rows_are_float32_and_numbered() -> None:
    source = Cube()
    block = source.blocks()[-1]
    batch = source.read(block)
    assert batch.z.dtype == np.float32
    assert batch.z.shape == (block.size, 3)
    assert np.array_equal(batch.rows, np.arange(block.start, block.stop))
    assert batch.mu is None


def test_any_worker_makes_the_same_rows_in_any_order() -> None:
    source = Cube()
    copy = pickle.loads(pickle.dumps(source))
    assert len(source.blocks()) > 2
    backwards = [copy.read(block).z for block in reversed(copy.blocks())]
    assert np.array_equal(np.concatenate(backwards[::-1]), rows(source))


def test_a_longer_draw_begins_like_a_shorter_one() -> None:
    assert np.array_equal(rows(Cube(count=10_000)), rows(Cube(count=20_000))[:10_000])


def test_blocks_are_independent() -> None:
    first, second = (Cube().read(block).z for block in Cube().blocks()[:2])
    correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    assert abs(correlation) < 5 / np.sqrt(first.size)


def test_equal_fingerprints_only_for_equal_rows() -> None:
    base = Cube()
    assert base.fingerprint == Cube().fingerprint
    others = [Cube(2.0), Cube(seed=1), Cube(count=19_999), Cube(dim=4), OtherCube()]
    assert len({base.fingerprint, *(other.fingerprint for other in others)}) == 6


def test_a_label_changes_nothing() -> None:
    one, two = Cube(), Cube()
    two.label = "another"
    assert one.fingerprint == two.fingerprint


class Table(Cube):
    @property
    def state(self) -> Mapping[str, Any]:
        return {"tables": [np.arange(5000.0) * self.b]}


def test_state_in_lists_of_large_arrays_counts() -> None:
    assert Table(1.0).fingerprint != Table(1.0000001).fingerprint
