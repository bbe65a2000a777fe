"""Vectors that are read from a file chunk by chunk: what all such data sets share."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import OrderedDict
from contextlib import contextmanager
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
    content_hash,
    file_sha256,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

ID_NAMES = ("id", "index", "__index_level_0__")
"""Columns taken as ids if none is named; the last is how pandas saves an unnamed index."""

CHUNK_BYTES = 1 << 25
"""Size of the chunks, as float32, of files whose rows can be read in any portion."""

_KEPT_CHUNKS = 2
_STORED_BYTES = 1 << 28
_MAX_DIM = 1 << 20


class VectorRowOptions(Options):
    """Options that all files of vectors with ids and labels have."""

    limit: PositiveInt | None = Field(None, description="only the first so many vectors")
    ids: str | None = Field(
        None, description="column of the ids; id or index, if there is one, if not given"
    )
    labels: tuple[str, ...] | None = Field(
        None,
        description="columns of the labels; all of texts, whole numbers or booleans if not given",
    )


class VectorRows(Dataset):
    """Vectors in a file, read by chunks of rows; ids and labels are kept in memory.

    Subclasses set `path`, `location`, `options`, `item`, `count`, `bounds` (first row of every
    chunk, then the number of rows), `_names` (of all columns) and perhaps `id_names`.
    """

    kind = "vectors"
    Options: ClassVar[type[Options]] = VectorRowOptions
    path: Path
    bounds: NDArray[np.int64]
    id_names: Sequence[str] = ID_NAMES
    _names: Sequence[str]

    @abstractmethod
    def _chunk(self, index: int) -> NDArray[np.float32]:
        """Return the vectors of a chunk, shape (rows, dim)."""

    @abstractmethod
    def _automatic(self) -> Sequence[str]:
        """Return the columns that are labels or ids unless the user says otherwise."""

    @abstractmethod
    def _values(self, name: str) -> NDArray[Any]:
        """Return a column as int64 or text, shape (count,)."""

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the file and of the options."""
        return content_hash(self.name, self._sha256(), self.options.model_dump_json())

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""
        return Items(
            x=self.vectors(rows),
            ids=self.ids(rows).tolist(),
            labels={name: values[rows] for name, values in self.columns[1].items()},
        )

    def source(self, label: str = "data") -> RowSource:
        """Return the vectors as z-points, called `label` in reports."""
        return RowSource(self, label)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return vectors, shape (len(rows), dim); each chunk is read once."""
        found = np.empty((len(rows), *self.item.shape), np.float32)
        chunks = np.searchsorted(self.bounds, rows, "right") - 1
        for index in np.unique(chunks).tolist():
            here = chunks == index
            found[here] = self._kept.get(index)[rows[here] - self.bounds[index]]
        return found

    def ids(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the ids of rows as texts; row numbers where the file has none."""
        ids = self.columns[0]
        return rows.astype(str) if ids is None else ids[rows]

    @property
    def label_names(self) -> Sequence[str]:
        """Columns that are labels."""
        return tuple(self.columns[1])

    @cached_property
    def columns(self) -> tuple[NDArray[Any] | None, Mapping[str, NDArray[Any]]]:
        """Ids, if the file has them, and labels."""
        labels = {name: self._values(name) for name in self._find_labels()}
        given = self.options.ids
        name = given or next((n for n in self.id_names if n in self._automatic()), None)
        if name is None:
            return None, labels
        ids = self._values(chosen(name, self._names, self.path)).astype(str)
        if given:
            require_unique(ids, name, self.path)
        elif not are_unique(ids):
            return None, labels
        if self.options.labels is None:
            labels.pop(name, None)
        return ids, labels

    def _find_labels(self) -> list[str]:
        if self.options.labels is None:
            return [n for n in self._automatic() if n != self.options.ids]
        return [chosen(name, self._names, self.path) for name in self.options.labels]

    @cached_property
    def _kept(self) -> _KeptChunks:
        return _KeptChunks(self)

    def _sha256(self) -> str:
        return file_sha256(self.path)

    def __reduce__(self) -> tuple[Any, ...]:
        # Open files and locks do not travel: another process opens the file again.
        return type(self), (self.location, self.options)


class RowSource(BlockSource):
    """Z-points of a data set that is read by chunks; goes to another process by its path."""

    def __init__(self, dataset: VectorRows, label: str) -> None:
        self.dataset, self.label = dataset, label
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

    def __reduce__(self) -> tuple[Any, ...]:
        return RowSource, (self.dataset, self.label)


class _KeptChunks:
    """The chunks used last: blocks of z-points are smaller than the chunks of a file."""

    def __init__(self, dataset: VectorRows) -> None:
        self._dataset, self._lock = dataset, threading.Lock()
        self._chunks: OrderedDict[int, NDArray[np.float32]] = OrderedDict()

    def get(self, index: int) -> NDArray[np.float32]:
        # The readers of files are not safe for threads, and one decoding is enough for all.
        with self._lock:
            if index not in self._chunks:
                self._chunks[index] = self._dataset._chunk(index)
            self._chunks.move_to_end(index)
            while len(self._chunks) > _KEPT_CHUNKS:
                self._chunks.popitem(last=False)
            return self._chunks[index]


def even_bounds(count: int, dim: int, stored: int = 1) -> NDArray[np.int64]:
    """Return the bounds of chunks of about `CHUNK_BYTES`, multiples of the `stored` rows."""
    if 4 * max(dim, 1) * stored > _STORED_BYTES:
        stored = 1  # read again for each of our chunks, but never held whole
    rows = max(CHUNK_BYTES // (4 * max(dim, 1) * stored), 1) * stored
    return np.append(np.arange(0, count, rows), count)


def require_vectors(count: int, dim: int, path: Path) -> None:
    """Raise DatasetError for a shape that is empty, or that only a hostile file has."""
    if count < 1 or not 1 <= dim <= _MAX_DIM:
        raise DatasetError(
            f"vectors (n, dim), dim 1 to {_MAX_DIM}, in {path}", found=f"shape ({count}, {dim})"
        )


def limited(bounds: NDArray[np.int64], limit: int | None) -> NDArray[np.int64]:
    """Return the bounds of the first `limit` rows."""
    count = int(bounds[-1]) if limit is None else min(limit, int(bounds[-1]))
    return np.append(bounds[:-1][bounds[:-1] < count], count)


def is_file_of(location: str, suffixes: Iterable[str]) -> bool:
    """Whether it is a file with one of these suffixes; never raises."""
    try:
        return Path(location).suffix.lower() in suffixes and Path(location).is_file()
    except (OSError, ValueError):
        return False


def require_file(path: Path) -> None:
    """Raise DatasetError if there is no file."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise DatasetError(f"a file {path}", found=found, next_step="check the path")


def chosen(name: str, candidates: Sequence[str], path: Path) -> str:
    """Return `name`; raises DatasetError that lists the candidates if it is none of them."""
    if name in candidates:
        return name
    raise DatasetError(
        f"{name!r} in {path}", found=listing(candidates), next_step="name one of these"
    )


def listing(names: Iterable[str]) -> str:
    """Return names as text for a message, the first 20 of them."""
    names = list(names)
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(names[:20]) + more or "none"


def are_unique(ids: NDArray[Any]) -> bool:
    """Whether no id stands twice."""
    return len(np.unique(ids)) == len(ids)


def require_unique(ids: NDArray[Any], name: str, path: Path) -> None:
    """Raise DatasetError, naming one of them, if an id stands twice."""
    values, counts = np.unique(ids, return_counts=True)
    if len(values) < len(ids):
        raise DatasetError(
            f"unique ids in {name!r} of {path}", found=f"{values[counts > 1][0]!r} more than once",
            next_step="name another column with the option ids",
        )  # fmt: skip


@contextmanager
def damage_named(path: Path, kinds: tuple[type[BaseException], ...]) -> Iterator[None]:
    """Turn what a library raises on a damaged file into a DatasetError that names the file."""
    try:
        yield
    except kinds as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise DatasetError(
            f"a readable {path.suffix or path.name} file",
            found=f"{path}: {reason}",
            next_step="write it again",
        ) from None
