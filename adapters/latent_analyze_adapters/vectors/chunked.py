"""Base of the data sets whose vectors are read from a file chunk by chunk."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, PositiveInt

from latent_analyze.plugin import (
    Batch,
    Block,
    BlockSource,
    Dataset,
    DatasetError,
    Items,
    Options,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from latent_analyze_adapters.files.contents import Kind

ID_NAMES = ("id", "index", "__index_level_0__", "", "Unnamed: 0")
"""Columns that hold ids unless others are named; the last three are an unnamed index of pandas: in
Parquet, in CSV, and read from CSV and saved again."""

CHUNK_BYTES = 1 << 25
"""Size of a chunk, as float32, in files whose rows can be read in any portions."""

_CACHED_CHUNKS = 2
_STORED_BYTES = 1 << 28
_MAX_DIM = 1 << 20
_LISTED = 20


class ChunkedOptions(Options):
    """Options of all files of vectors with ids and labels."""

    limit: PositiveInt | None = Field(None, description="read only the first N vectors")
    ids: str | None = Field(
        None, description="column of the ids; by default id or index, if there is one"
    )
    labels: tuple[str, ...] | None = Field(
        None,
        description="columns of the labels; by default all columns of strings, integers or "
        "booleans",
    )


class ChunkedVectors(Dataset):
    """Vectors in a file, read in chunks of rows; ids and labels are kept in memory.

    Subclasses set `path`, `location`, `options`, `item`, `count`, `bounds` (the first row of every
    chunk, then the number of rows), `_column_names`, and perhaps `id_names`.
    """

    kind: Kind = "vectors"
    Options: ClassVar[type[Options]] = ChunkedOptions
    path: Path
    bounds: NDArray[np.int64]
    id_names: Sequence[str] = ID_NAMES
    _column_names: Sequence[str]

    @abstractmethod
    def _read_chunk(self, index: int) -> NDArray[np.float32]:
        """Return the vectors of a chunk, shape (rows, dim)."""

    @abstractmethod
    def _default_columns(self) -> Sequence[str]:
        """Return the columns that are labels or ids unless the user names others."""

    @abstractmethod
    def _read_column(self, name: str) -> NDArray[np.generic]:
        """Return a column as int64 or text, shape (count,)."""

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""
        return Items(
            x=self.vectors(rows),
            ids=self.ids(rows).tolist(),
            labels={name: values[rows] for name, values in self.columns[1].items()},
        )

    def source(self, label: str = "data") -> ChunkedSource:
        """Return the vectors as z-points, called `label` in reports."""
        return ChunkedSource(self, label)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return vectors, shape (len(rows), *item.shape); each chunk is read once."""
        return self.gather(self._read_chunk, "", rows)

    def gather(
        self, read: Callable[[int], NDArray[Any]], name: str, rows: NDArray[np.int64]
    ) -> NDArray[Any]:
        """Return rows of an array `name` that is read by chunk; each chunk is read once."""
        cache = self._caches.setdefault(name, _ChunkCache(read, self._lock))
        chunks = np.searchsorted(self.bounds, rows, "right") - 1
        parts = [
            cache.get(index)[rows[chunks == index] - self.bounds[index]]
            for index in np.unique(chunks).tolist() or [0]
        ]
        if len(parts) == 1:
            return parts[0]
        joined = np.concatenate(parts)
        found = np.empty_like(joined)
        found[np.argsort(chunks, kind="stable")] = joined
        return found

    def ids(self, rows: NDArray[np.int64]) -> NDArray[np.str_]:
        """Return the ids of rows; the row numbers if the file has no ids."""
        ids = self.columns[0]
        return rows.astype(str) if ids is None else ids[rows]

    @property
    def label_names(self) -> Sequence[str]:
        """Columns that are labels."""
        return tuple(self.columns[1])

    def label_values(self, name: str) -> NDArray[np.generic]:
        """Return a label of all rows."""
        return self.columns[1][name]

    @cached_property
    def columns(self) -> tuple[NDArray[np.str_] | None, Mapping[str, NDArray[np.generic]]]:
        """Ids, if the file has them, and labels."""
        labels = {name: self._read_column(name) for name in self._find_labels()}
        given = self.options.ids
        name = given or next((n for n in self.id_names if n in self._default_columns()), None)
        if name is None:
            return None, labels
        ids = self._read_column(choose(name, self._column_names, self.path)).astype(str)
        if given:
            require_unique(ids, name, self.path)
        elif not are_unique(ids):
            return None, labels
        if self.options.labels is None:
            labels.pop(name, None)
        return ids, labels

    def _find_labels(self) -> list[str]:
        if self.options.labels is None:
            return [n for n in self._default_columns() if n != self.options.ids]
        return [choose(name, self._column_names, self.path) for name in self.options.labels]

    @cached_property
    def _caches(self) -> dict[str, _ChunkCache]:
        return {}

    @cached_property
    def _lock(self) -> threading.Lock:
        # Readers of files are not thread-safe.
        return threading.Lock()

    def __reduce__(self) -> tuple[object, ...]:
        # Open files and locks cannot be pickled: another process opens the file again.
        return type(self), (self.location, self.options)


class ChunkedSource(BlockSource):
    """Z-points of a data set that is read in chunks; it pickles as the path of the data set."""

    def __init__(self, dataset: ChunkedVectors, label: str) -> None:
        self.dataset, self.label, self.notes = dataset, label, tuple(dataset.notes)
        self.count, self.dim = dataset.count, dataset.item.shape[0]
        labels = (f"label:{name}" for name in dataset.label_names)
        self.fields = frozenset({"z", "mu", "id", *labels})

    @property
    def fingerprint(self) -> str:
        """Hash of the file and of the options of the data set."""
        return self.dataset.fingerprint

    def read(self, block: Block, fields: frozenset[str] = frozenset({"z"})) -> Batch:
        """Read the rows of a block."""
        rows = np.arange(block.start, block.stop)
        z = self.dataset.vectors(rows)
        wanted = [name for name in self.dataset.label_names if f"label:{name}" in fields]
        return Batch(
            z=z,
            rows=rows,
            mu=z if "mu" in fields else None,
            ids=self.dataset.ids(rows) if "id" in fields else None,
            labels={name: self.dataset.columns[1][name][rows] for name in wanted},
        )

    def __reduce__(self) -> tuple[object, ...]:
        return ChunkedSource, (self.dataset, self.label)


class _ChunkCache:
    """The chunks used last, because blocks of z-points are smaller than the chunks of a file."""

    def __init__(self, read: Callable[[int], NDArray[Any]], lock: threading.Lock) -> None:
        self._read, self._lock = read, lock
        self._chunks: OrderedDict[int, NDArray[Any]] = OrderedDict()

    def get(self, index: int) -> NDArray[Any]:
        # Decoding a chunk once is enough for all threads.
        with self._lock:
            if index not in self._chunks:
                self._chunks[index] = self._read(index)
            self._chunks.move_to_end(index)
            while len(self._chunks) > _CACHED_CHUNKS:
                self._chunks.popitem(last=False)
            return self._chunks[index]


def chunk_bounds(count: int, dim: int, stored: int = 1) -> NDArray[np.int64]:
    """Return the bounds of chunks of about `CHUNK_BYTES`, in multiples of the `stored` rows."""
    if 4 * max(dim, 1) * stored > _STORED_BYTES:
        stored = 1  # read again for each of our chunks, but never kept whole
    rows = max(CHUNK_BYTES // (4 * max(dim, 1) * stored), 1) * stored
    return np.append(np.arange(0, count, rows), count)


def require_vectors(count: int, dim: int, path: Path) -> None:
    """Raise DatasetError for a shape that is empty, or so wide that the file must be hostile."""
    if count < 1 or not 1 <= dim <= _MAX_DIM:
        raise DatasetError(
            f"vectors (n, dim), dim 1 to {_MAX_DIM}, in {path}", found=f"shape ({count}, {dim})"
        )


def limit_bounds(bounds: NDArray[np.int64], limit: int | None) -> NDArray[np.int64]:
    """Return the bounds of the first `limit` rows."""
    count = int(bounds[-1]) if limit is None else min(limit, int(bounds[-1]))
    return np.append(bounds[:-1][bounds[:-1] < count], count)


def choose(name: str, candidates: Sequence[str], path: Path) -> str:
    """Return `name`, or raise DatasetError with the candidates if it is not one of them."""
    if name in candidates:
        return name
    raise DatasetError(
        f"{name!r} in {path}", found=listing(candidates),
        next_step="name one of these" if candidates else "leave the option out",
    )  # fmt: skip


def listing(names: Iterable[str]) -> str:
    """List names for a message, the first 20 of them."""
    names = list(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more or "none"


def are_unique(ids: NDArray[np.generic]) -> bool:
    """Whether no id occurs twice."""
    return len(np.unique(ids)) == len(ids)


def require_unique(ids: NDArray[np.generic], name: str, path: Path) -> None:
    """Raise DatasetError, naming one of them, if an id occurs twice."""
    values, counts = np.unique(ids, return_counts=True)
    if len(values) < len(ids):
        raise DatasetError(
            f"unique ids in {name!r} of {path}",
            found=f"{str(values[counts > 1][0])!r} more than once",
            next_step="name another column with the option ids",
        )  # fmt: skip
