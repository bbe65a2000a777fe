"""The interface of sources: anything that yields z-points in blocks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from latent_analyze.errors import AnalysisError
from latent_analyze.sources.codes import NO_DISTANCES, Codes, codes_of, size_in_words
from latent_analyze.sources.seeding import keyed_rng
from latent_analyze.sources.summary import Summary, SummaryAccumulator

AnyArray = NDArray[Any]  # Any: labels are integers, floats or text; vectors of any real dtype

BLOCK_BYTES = 1 << 20
"""Size of a block of z-points; it stays in the CPU cache while several analyses process it."""

Z_ONLY = frozenset({"z"})


@dataclass(frozen=True)
class Block:
    """Rows `start` to `stop` (exclusive) of a source; its blocks cover every row once."""

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
        float32, shape (n, dim), C-contiguous, possibly read-only, in latent units. Of a source of
        codes: int64, shape (n, positions).
    rows
        Row numbers in the source, int64, shape (n,).
    mu, log_var
        float32, shape (n, dim); None unless requested and available.
    ids
        Text, shape (n,); None unless requested.
    labels
        Label name -> values, shape (n,); only the requested labels.
    outputs
        Name of a further output of the encoder -> values, float32 or int64, shape (n, values); only
        the requested ones.
    """

    z: NDArray[Any]  # Any: float32, or int64 for codes
    rows: NDArray[np.int64]
    mu: NDArray[np.float32] | None = None
    log_var: NDArray[np.float32] | None = None
    ids: AnyArray | None = None
    labels: Mapping[str, AnyArray] = field(default_factory=dict)
    outputs: Mapping[str, AnyArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.z)

    def take(self, index: NDArray[np.integer | np.bool_] | slice) -> Batch:
        """Return the rows at `index` (integers, mask or slice)."""
        return replace(
            self,
            z=self.z[index],
            rows=self.rows[index],
            mu=None if self.mu is None else self.mu[index],
            log_var=None if self.log_var is None else self.log_var[index],
            ids=None if self.ids is None else self.ids[index],
            labels={name: values[index] for name, values in self.labels.items()},
            outputs={name: values[index] for name, values in self.outputs.items()},
        )


@runtime_checkable
class Source(Protocol):
    """Anything that yields z-points in blocks: a store, a subset, a fitted sampler.

    `fields` always contains ``"z"``; ``"mu"``, ``"log_var"``, ``"id"``, ``"label:<name>"`` and
    ``"output:<name>"`` only if the source has them. Equal fingerprints mean equal rows. Sources are
    picklable. A source whose values are codes instead of coordinates says so by an attribute
    `codes`; see `Codes` and `codes_of`.
    """

    @property
    def label(self) -> str:
        """Name shown in reports: ``"data"``, ``"uniform:b=1.5"``."""
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
        """Names of the fields that `read` can return."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of the content."""
        ...

    def blocks(self) -> Sequence[Block]:
        """Return blocks that cover every row once; each can be read alone, in any process."""
        ...

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Read the rows of a block, with those of `fields` that the source has."""
        ...

    def sample(self, n: int, seed: int, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Return n rows without replacement (all rows if n >= count); the seed fixes them."""
        ...

    def summary(self) -> Summary:
        """Return count, mean, covariance and ranges; computed once and cached."""
        ...


class BlockSource(ABC):
    """Base class of sources. Subclasses set label, count and dim and implement `read`.

    Those that yield codes instead of coordinates set `codes`.
    """

    label: str
    count: int
    dim: int
    fields: frozenset[str] = Z_ONLY
    codes: Codes | None = None

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Hash of the content: equal fingerprints mean equal rows."""

    @abstractmethod
    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Read the rows of a block, with those of `fields` that the source has."""

    @property
    def block_rows(self) -> int:
        """Rows per block; the last block may be shorter."""
        return rows_per_block(self.dim)

    def blocks(self) -> Sequence[Block]:
        """Return consecutive blocks of `block_rows` rows."""
        return partition(self.count, self.block_rows)

    def sample(self, n: int, seed: int, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Return n rows, sampled without replacement, in row order; all rows if n >= count."""
        rng = keyed_rng(seed, "sample", self.count)
        if n >= self.count:
            return self.take(np.arange(self.count), fields)
        return self.take(np.sort(rng.choice(self.count, n, replace=False)), fields)

    def take(self, rows: NDArray[np.int64], fields: frozenset[str] = Z_ONLY) -> Batch:
        """Return the rows with these row numbers, in this order."""
        return take_rows(self, rows, fields)

    def summary(self) -> Summary:
        """Return count, mean, covariance and ranges; computed in one pass and cached.

        Raises
        ------
        AnalysisError
            If the values are codes.
        """
        require_coordinates(self)
        return self._summary

    @cached_property
    def _summary(self) -> Summary:
        accumulator = SummaryAccumulator(self.dim)
        for block in self.blocks():
            accumulator.add(self.read(block).z)
        return accumulator.result()

    def __repr__(self) -> str:
        size = size_in_words(self.count, self.dim, self.codes)
        return f"<{type(self).__name__} {self.label!r}: {size}>"


def require_coordinates(source: Source) -> None:
    """Raise AnalysisError if the values of a source are codes."""
    if codes_of(source) is not None:
        raise AnalysisError(
            f"coordinates in {source.label}", found=f"codes: {NO_DISTANCES}, mean or covariance"
        )


def rows_per_block(dim: int) -> int:
    """Return the default block size in rows: a power of two from 64 to 8192, about 1 MiB."""
    rows = max(BLOCK_BYTES // (4 * max(dim, 1)), 1)
    return min(max(1 << (rows.bit_length() - 1), 64), 8192)


def partition(count: int, block_rows: int) -> list[Block]:
    """Split `count` rows into blocks of `block_rows` rows; the last block may be shorter."""
    starts = range(0, count, block_rows)
    return [Block(i, s, min(s + block_rows, count)) for i, s in enumerate(starts)]


def take_rows(source: Source, rows: NDArray[np.int64], fields: frozenset[str] = Z_ONLY) -> Batch:
    """Return the rows with these row numbers, in this order; reads each block once."""
    ascending, inverse = np.unique(rows, return_inverse=True)
    parts = []
    for block in source.blocks():
        low, high = np.searchsorted(ascending, [block.start, block.stop])
        if low < high:
            parts.append(source.read(block, fields).take(ascending[low:high] - block.start))
    return concatenate(parts).take(inverse) if parts else _no_rows(source)


def common_rows(first: Source, second: Source) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Match two sources by id: return the rows of each, in the same order of ids."""
    if "id" not in first.fields & second.fields:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    _, in_first, in_second = np.intersect1d(_ids(first), _ids(second), return_indices=True)
    return in_first, in_second


def _ids(source: Source) -> NDArray[np.str_]:
    batches = [source.read(block, frozenset({"id"})) for block in source.blocks()]
    return np.concatenate([np.asarray(batch.ids, dtype=str) for batch in batches])


def concatenate(batches: Sequence[Batch]) -> Batch:
    """Join batches into one, in order."""
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
        outputs={k: np.concatenate([b.outputs[k] for b in batches]) for k in first.outputs},
        **optional,
    )


def _no_rows(source: Source) -> Batch:
    dtype = np.float32 if codes_of(source) is None else np.int64
    return Batch(z=np.zeros((0, source.dim), dtype), rows=np.zeros(0, np.int64))
