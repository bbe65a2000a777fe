"""Parquet, Arrow and CSV files in chunks. Import this inside functions only: it imports pyarrow."""

from __future__ import annotations

import math
import re
from csv import reader
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from latent_analyze.plugin import DatasetError
from latent_analyze_adapters.files.labels import as_labels
from latent_analyze_adapters.vectors.chunked import chunk_bounds
from latent_analyze_adapters.vectors.columns import Column

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from latent_analyze_adapters.vectors.columns import Form

PARQUET, CSV = (".parquet", ".pq"), (".csv", ".tsv")

DELIMITERS, LOOKED_AT, LINES = ",;\t|", 1 << 16, 20
"""What may separate columns of a CSV file, and the characters and lines that show what does."""

MISSING = ["", "?", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None"]
"""What stands for a missing number in a CSV file."""

DAMAGE = (pa.ArrowException, OSError, ValueError, MemoryError)


class ArrowTable:
    """A table of Arrow; see `TableFile`. Subclasses set `schema` and `bounds`."""

    schema: pa.Schema
    bounds: NDArray[np.int64]

    def take(self, index: int, names: Sequence[str]) -> pa.Table:
        """Return some columns of a chunk."""
        raise NotImplementedError

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        return list(self.schema.names)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Name -> column, in the order of the file."""
        return {field.name: _column(field) for field in self.schema}

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of the first row that is not null."""
        if name not in self._shapes:
            self._shapes[name] = _known_shape(self.schema.field(name).type) or self._found(name)
        return self._shapes[name]

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {}

    def _found(self, name: str) -> tuple[int, ...]:
        for index in range(len(self.bounds) - 1):
            present = _array(self.take(index, [name]), name).drop_null()
            if len(present):
                return _first_shape(present)
        raise DatasetError(f"lists of numbers in the column {name!r}", found="no row with one")

    def read(self, index: int, names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
        """Return columns of numbers or lists of a chunk, (rows, ...); missing values are NaN."""
        chunk = self.take(index, names)
        return {
            name: self._lists(_array(chunk, name), name)
            if self.columns[name].form == "list"
            else _numbers(_array(chunk, name))
            for name in names
        }

    def labels(self, name: str, chunks: int) -> NDArray[np.generic]:
        """Return a column of the first chunks as int64 or text; missing values are ""."""
        parts = [_array(self.take(index, [name]), name) for index in range(chunks)]
        plain = [p.dictionary_decode() if pa.types.is_dictionary(p.type) else p for p in parts]
        kind = plain[0].type
        known = _is_text(kind) or pa.types.is_boolean(kind) or _is_number(kind)
        if any(p.null_count for p in plain) or not known:
            plain = [pc.fill_null(p.cast(pa.string()), "") for p in plain]
        return as_labels(np.concatenate([_plain_numpy(p) for p in plain]))

    def _lists(self, lists: pa.Array, name: str) -> NDArray[np.generic]:
        """Return lists as (rows, ...); those that are missing are NaN."""
        shape, present = self.shape(name), np.asarray(lists.is_valid())
        values = _flat(lists.drop_null(), shape, name).reshape(-1, *shape)
        if present.all():
            return values
        floating = np.result_type(values.dtype, np.float32)
        found = np.full((len(present), *shape), np.nan, floating)
        found[present] = values
        return found


class ParquetTable(ArrowTable):
    """A Parquet file; a chunk is a row group."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, memory_map=True)
        self.schema = self._file.schema_arrow
        groups = range(self._file.metadata.num_row_groups)
        self.bounds = _bounds([self._file.metadata.row_group(i).num_rows for i in groups])

    def take(self, index: int, names: Sequence[str]) -> pa.Table:
        """Read some columns of a row group."""
        # "a" also reads a column called "a.b", which is dropped here.
        return self._file.read_row_group(index, columns=list(names)).select(list(names))


class IpcTable(ArrowTable):
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

    def take(self, index: int, names: Sequence[str]) -> pa.Table:
        """Take some columns of a record batch."""
        return pa.Table.from_batches([self._batch(index)]).select(list(names))


class CsvTable(ArrowTable):
    """A CSV file with a header, read whole; the type of a column is that of all its values."""

    def __init__(self, path: Path) -> None:
        delimiter, decimal = _marks(path)
        self._table = csv.read_csv(
            path,
            parse_options=csv.ParseOptions(delimiter=delimiter),
            convert_options=csv.ConvertOptions(null_values=MISSING, decimal_point=decimal),
        )
        self.schema = self._table.schema
        self.bounds = chunk_bounds(self._table.num_rows, self._table.num_columns)

    def take(self, index: int, names: Sequence[str]) -> pa.Table:
        """Take some columns of a chunk."""
        start, stop = self.bounds[index : index + 2].tolist()
        return self._table.slice(start, stop - start).select(list(names))


def open_arrow(path: Path) -> ArrowTable:
    """Open a file by its suffix."""
    suffix = path.suffix.lower()
    if suffix in CSV:
        return CsvTable(path)
    return ParquetTable(path) if suffix in PARQUET else IpcTable(path)


def _marks(path: Path) -> tuple[str, str]:
    """Return what separates columns, and decimals.

    Columns: what gives most of them, and as many in the first lines as in the header if it can.
    """
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        lines = stream.read(LOOKED_AT).splitlines()
    counts = {
        mark: [len(row) for row in reader(lines[:LINES], delimiter=mark)] or [0]
        for mark in DELIMITERS
    }
    even = {mark: found[0] > 1 and len({*found}) == 1 for mark, found in counts.items()}
    delimiter = max(DELIMITERS, key=lambda mark: (even[mark], counts[mark][0]))
    text = "\n".join(lines[1:])
    comma = delimiter != "," and re.search(r"\d,\d", text) and not re.search(r"\d\.\d", text)
    return delimiter, "," if comma else "."


def _column(field: pa.Field) -> Column:
    kind = _storage(field.type)
    inner = kind
    while _is_list(inner):
        inner = inner.value_type
    form = _form(kind)
    if inner is not kind:
        form = "list" if _is_number(inner) else "other"
    return Column(field.name, form, str(field.type), whole=pa.types.is_integer(inner))


def _form(kind: pa.DataType) -> Form:
    if pa.types.is_dictionary(kind):
        return "text" if _form(kind.value_type) in ("text", "integer", "boolean") else "other"
    if _is_text(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    return "float" if _is_number(kind) else "other"


def _is_text(kind: pa.DataType) -> bool:
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in texts)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)


def _is_list(kind: pa.DataType) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in lists)


def _known_shape(kind: pa.DataType) -> tuple[int, ...] | None:
    """Return the shape of a row if the type says it."""
    if isinstance(kind, pa.FixedShapeTensorType) and kind.permutation is None:
        return tuple(kind.shape)
    kind, shape = _storage(kind), list[int]()
    while pa.types.is_fixed_size_list(kind):
        shape.append(kind.list_size)
        kind = kind.value_type
    return None if _is_list(kind) or not shape else tuple(shape)


def _first_shape(lists: pa.Array) -> tuple[int, ...]:
    """Return the shape of the first list, whose inner lists are as long as their first."""
    shape, row = [], lists[0]
    while row is not None and _is_list(row.type):
        shape.append(len(row))
        row = row[0] if len(row) else None
    return tuple(shape)


def _flat(lists: pa.Array, shape: tuple[int, ...], name: str) -> NDArray[np.generic]:
    """Return the numbers in lists of a shape; raises DatasetError if one has another."""
    # A tensor is one list of all its values.
    lengths = list(shape) if _depth(lists.type) == len(shape) else [math.prod(shape)]
    for length in lengths:
        found = np.asarray(pc.list_value_length(lists).fill_null(0))
        if np.any(found != length):
            raise DatasetError(
                f"lists of one length in the column {name!r}",
                found=f"{length} and {found[found != length][0]} values",
                next_step="pad or cut them to one length",
            )
        lists = lists.flatten()
    return _numbers(lists)


def _depth(kind: pa.DataType) -> int:
    return 1 + _depth(kind.value_type) if _is_list(kind) else 0


def _plain_numpy(values: pa.Array) -> NDArray[np.generic]:
    found = values.to_numpy(zero_copy_only=False)
    return found.astype(str) if found.dtype.hasobject else found


def _numbers(values: pa.Array) -> NDArray[np.generic]:
    """Return numbers in their own type; decimals, and whole numbers with gaps, as floats."""
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    return values.to_numpy(zero_copy_only=False)


def _array(chunk: pa.Table, column: str) -> pa.Array:
    found = chunk.column(column).combine_chunks()
    return found.storage if isinstance(found.type, pa.BaseExtensionType) else found


def _storage(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _bounds(rows: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(rows, dtype=np.int64)])
