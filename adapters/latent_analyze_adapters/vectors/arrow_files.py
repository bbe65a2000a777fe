"""Parquet and Arrow files in chunks. Import this inside functions only: it imports pyarrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from latent_analyze.plugin import DatasetError
from latent_analyze_adapters.files.labels import as_labels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

PARQUET = (".parquet", ".pq")

DAMAGE = (pa.ArrowException, OSError, ValueError, MemoryError)


class TableFile(Protocol):
    """A table whose chunks can be read one by one."""

    schema: pa.Schema
    bounds: NDArray[np.int64]

    def read(self, index: int, columns: Sequence[str]) -> pa.Table:
        """Return some columns of a chunk."""
        ...


class ParquetTable:
    """A Parquet file; a chunk is a row group."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, memory_map=True)
        self.schema = self._file.schema_arrow
        groups = range(self._file.metadata.num_row_groups)
        self.bounds = _bounds([self._file.metadata.row_group(i).num_rows for i in groups])

    def read(self, index: int, columns: Sequence[str]) -> pa.Table:
        """Read some columns of a row group."""
        # "a" also reads a column called "a.b", which is dropped here.
        return self._file.read_row_group(index, columns=list(columns)).select(list(columns))


class ArrowTable:
    """An Arrow IPC file (Feather) or stream, memory-mapped; a chunk is a record batch."""

    def __init__(self, path: Path) -> None:
        mapped = pa.memory_map(str(path))
        if mapped.read(6) == b"ARROW1":
            self._file = pa.ipc.open_file(mapped)
            self._batch = self._file.get_batch
            count = self._file.num_record_batches
        else:
            mapped.seek(0)
            self._file = pa.ipc.open_stream(mapped)
            # Uncompressed batches of a stream stay in the file; compressed ones need memory.
            batches = list(self._file)
            self._batch, count = batches.__getitem__, len(batches)
        self.schema = self._file.schema
        self.bounds = _bounds([self._batch(i).num_rows for i in range(count)])

    def read(self, index: int, columns: Sequence[str]) -> pa.Table:
        """Take some columns of a record batch."""
        return pa.Table.from_batches([self._batch(index)]).select(list(columns))


def open_table(path: Path) -> TableFile:
    """Open a file by its suffix."""
    return ParquetTable(path) if path.suffix.lower() in PARQUET else ArrowTable(path)


def is_list(kind: pa.DataType) -> bool:
    """Whether a column of this type may hold vectors."""
    kind = _storage(kind)
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in lists) and is_number(kind.value_type)


def is_number(kind: pa.DataType) -> bool:
    """Whether this is a type of integers or floating-point numbers."""
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def is_label(kind: pa.DataType) -> bool:
    """Whether a column of this type is a label unless the user names others."""
    if pa.types.is_dictionary(kind):
        return is_label(kind.value_type)
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in (*texts, pa.types.is_integer, pa.types.is_boolean))


def width(table: TableFile, column: str, path: Path) -> int:
    """Return the length of the first vector in a list column; DatasetError if all are null."""
    kind = _storage(table.schema.field(column).type)
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size)
    for index in range(len(table.bounds) - 1):
        lengths = pc.list_value_length(_array(table.read(index, [column]), column)).drop_null()
        if len(lengths):
            return int(lengths[0].as_py())
    raise DatasetError(f"vectors in {column!r} of {path}", found="no row with one")


def components(chunk: pa.Table, columns: Sequence[str]) -> NDArray[np.float32]:
    """Return columns side by side, shape (rows, columns); missing values are NaN."""
    return np.stack([_numbers(_array(chunk, name)) for name in columns], axis=1)


def vectors(chunk: pa.Table, column: str, dim: int) -> NDArray[np.float32]:
    """Return a list column, shape (rows, dim); missing lists and values are NaN.

    Raises
    ------
    DatasetError
        If a list has a different length.
    """
    lists = _array(chunk, column)
    present = np.asarray(lists.is_valid())
    lists = lists.drop_null()
    lengths = np.asarray(pc.list_value_length(lists))
    if np.any(lengths != dim):
        other = int(lengths[lengths != dim][0])
        raise DatasetError(
            f"vectors of one length in the column {column!r}", found=f"{dim} and {other} numbers"
        )
    found = np.full((len(present), dim), np.nan, np.float32)
    found[present] = _numbers(lists.flatten()).reshape(-1, dim)
    return found


def read_labels(table: TableFile, column: str, chunks: int) -> NDArray[np.generic]:
    """Return a column of the first `chunks` chunks as int64 or text; missing values are ""."""
    parts = [_array(table.read(index, [column]), column) for index in range(chunks)]
    plain = [p.dictionary_decode() if pa.types.is_dictionary(p.type) else p for p in parts]
    known = is_label(plain[0].type) or is_number(plain[0].type)
    if any(p.null_count for p in plain) or not known:
        plain = [pc.fill_null(p.cast(pa.string()), "") for p in plain]
    return as_labels(np.concatenate([_plain_numpy(p) for p in plain]))


def _plain_numpy(values: pa.Array) -> NDArray[np.generic]:
    found = values.to_numpy(zero_copy_only=False)
    return found.astype(str) if found.dtype.hasobject else found


def _numbers(values: pa.Array) -> NDArray[np.float32]:
    # Values beyond float32 become infinity, which is reported later like any other.
    with np.errstate(over="ignore"):
        return np.asarray(values.to_numpy(zero_copy_only=False), np.float32)


def _array(chunk: pa.Table, column: str) -> pa.Array:
    found = chunk.column(column).combine_chunks()
    return found.storage if isinstance(found.type, pa.BaseExtensionType) else found


def _storage(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _bounds(rows: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(rows, dtype=np.int64)])
