"""What a source is: anything that yields z-points in blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from latent_analyze.errors import AnalysisError
from latent_analyze.sources.seeding import keyed_rng
from latent_analyze.sources.summary import Summary, SummaryAccumulator

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK_BYTES = 1 << 20
"""A block of z-points of this size stays in a core's cache while several kernels run over it."""

Z_ONLY = frozenset({"z"})


@dataclass(frozen=True)
class Block:
    """Rows `start` to `stop` of a source; blocks of a source are a partition of its rows."""

    index: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.stop - self.start


@dataclass(frozen=True)
class Batch:
    """Some rows of a source.

    Attributes
    ----------
    z
        float32, shape (n, dim), C-contiguous, possibly read-only, in latent units.
    rows
        Row numbers in the source, int64, shape (n,).
    mu, log_var
        float32, shape (n, dim), where the source has them and they were asked for.
    ids
        Texts, shape (n,), where asked for.
    labels
        Name of a label -> values, shape (n,); those that were asked for.
    """

    z: NDArray[np.float32]
    rows: NDArray[np.int64]
    mu: NDArray[np.float32] | None = None
    log_var: NDArray[np.float32] | None = None
    ids: NDArray[Any] | None = None
    labels: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.z)

    def take(self, index: NDArray[Any] | slice) -> Batch:
        """Return the rows at `index` (integers, mask or slice)."""
        return replace(
            self,
            z=self.z[index],
            rows=self.rows[index],
            mu=None if self.mu is None else self.mu[index],
            log_var=None if self.log_var is None else self.log_var[index],
            ids=None if self.ids is None else self.ids[index],
            labels={name: values[index] for name, values in self.labels.items()},
        )


@runtime_checkable
class Source(Protocol):
    """Anything that yields z-points in blocks: a store, a subset, a fitted sampler.

    `fields` holds ``"z"`` always, ``"mu"``, ``"log_var"``, ``"id"`` and ``"label:<name>"`` where
    there are any. Equal fingerprints mean equal rows. Sources are picklable.
    """

    @property
    def label(self) -> str:
        """Name in reports: ``"data"``, ``"uniform:b=1.5"``."""
        ...

    @property
    def count(self) -> int:
        """Number of z-points."""
        ...

    @property
    def dim(self) -> int:
        """Number of latent dimensions, flattened."""
        ...

    @property
    def fields(self) -> frozenset[str]:
        """What `read` can give besides z."""
        ...

    @property
    def fingerprint(self) -> str:
        """Content hash."""
        ...

    def blocks(self) -> Sequence[Block]:
        """Return a partition of the rows; each block can be read alone, in any process."""
        ...

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Read the rows of a block; of `fields` those that the source has."""
        ...

    def sample(self, n: int, seed: int, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Return n rows (all, if there are fewer) without replacement; same seed, same rows."""
        ...

    def summary(self) -> Summary:
        """Return count, mean, covariance and ranges; computed once."""
        ...


class BlockSource(ABC):
    """A source made of `read` alone: the rest follows. Subclasses set label, count and dim."""

    label: str
    count: int
    dim: int
    fields: frozenset[str] = Z_ONLY

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Content hash: equal fingerprint, equal rows."""

    @abstractmethod
    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Read the rows of a block; of `fields` those that the source has."""

    @property
    def block_rows(self) -> int:
        """Rows per block; the last block may be shorter."""
        return rows_per_block(self.dim)

    def blocks(self) -> Sequence[Block]:
        """Return consecutive blocks of `block_rows` rows."""
        return partition(self.count, self.block_rows)

    def sample(self, n: int, seed: int, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Return n rows in row order, drawn without replacement; all rows if n >= count."""
        rng = keyed_rng(seed, "sample", self.count)
        if n >= self.count:
            return self.take(np.arange(self.count), fields)
        return self.take(np.sort(rng.choice(self.count, n, replace=False)), fields)

    def take(self, rows: NDArray[np.int64], fields: frozenset[str] = Z_ONLY) -> Batch:
        """Return the rows of these numbers, in this order."""
        return take_rows(self, rows, fields)

    def summary(self) -> Summary:
        """Return moments and ranges, computed by one pass and kept."""
        return self._summary

    @cached_property
    def _summary(self) -> Summary:
        accumulator = SummaryAccumulator(self.dim)
        for block in self.blocks():
            accumulator.add(self.read(block).z)
        return accumulator.result()

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.label!r}: {self.count} z-points, {self.dim} dimensions>"
        )


def rows_per_block(dim: int) -> int:
    """Return the default block size: about `BLOCK_BYTES` of float32, a power of two, 64 to 8192."""
    rows = max(BLOCK_BYTES // (4 * max(dim, 1)), 1)
    return min(max(1 << (rows.bit_length() - 1), 64), 8192)


def partition(count: int, block_rows: int) -> list[Block]:
    """Return the blocks of `block_rows` rows that cover `count` rows; the last may be shorter."""
    starts = range(0, count, block_rows)
    return [Block(i, s, min(s + block_rows, count)) for i, s in enumerate(starts)]


def take_rows(source: Source, rows: NDArray[np.int64], fields: frozenset[str] = Z_ONLY) -> Batch:
    """Return the rows of these numbers of any source, in this order; reads each block once."""
    ascending, back = np.unique(rows, return_inverse=True)
    parts = []
    for block in source.blocks():
        low, high = np.searchsorted(ascending, [block.start, block.stop])
        if low < high:
            parts.append(source.read(block, fields).take(ascending[low:high] - block.start))
    return concatenate(parts).take(back) if parts else _no_rows(source.dim)


def common_rows(one: Source, two: Source) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row numbers in both sources of the ids that both have, in the same order."""
    if "id" not in one.fields & two.fields:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    _, here, there = np.intersect1d(_ids(one), _ids(two), return_indices=True)
    return here, there


def _ids(source: Source) -> NDArray[Any]:
    batches = [source.read(block, frozenset({"id"})) for block in source.blocks()]
    return np.concatenate([np.asarray(batch.ids, dtype=str) for batch in batches])


def concatenate(batches: Sequence[Batch]) -> Batch:
    """Return one batch with the rows of all, in order."""
    if not batches:
        raise AnalysisError("at least one batch of rows", found="none")
    first = batches[0]
    optional = {
        name: np.concatenate([getattr(b, name) for b in batches])
        for name in ("mu", "log_var", "ids")
        if getattr(first, name) is not None
    }
    return Batch(
        z=np.concatenate([b.z for b in batches]),
        rows=np.concatenate([b.rows for b in batches]),
        labels={k: np.concatenate([b.labels[k] for b in batches]) for k in first.labels},
        **optional,
    )


def _no_rows(dim: int) -> Batch:
    return Batch(z=np.zeros((0, dim), np.float32), rows=np.zeros(0, np.int64))
