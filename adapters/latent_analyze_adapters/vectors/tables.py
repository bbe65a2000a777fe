"""Vectors in Parquet and Arrow files: a column of lists, or one column per component."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from latent_analyze.plugin import (
    Dataset,
    DatasetError,
    Options,
    TensorSpec,
    hookimpl,
    missing_dependency,
)
from latent_analyze_adapters.files.damage import report_damage, require_file
from latent_analyze_adapters.vectors.chunked import (
    ChunkedOptions,
    ChunkedVectors,
    choose,
    limit_bounds,
    listing,
    require_vectors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from types import ModuleType

    import pyarrow as pa
    from numpy.typing import NDArray

    from latent_analyze_adapters.vectors.arrow_files import TableFile


class VectorTableOptions(ChunkedOptions):
    """Options of `VectorTables`."""

    vectors: str | tuple[str, ...] | None = Field(
        None,
        description="column of lists, or columns of components (z* stands for all that begin with "
        "z); by default the only column of lists, or else all floating-point columns",
    )


class VectorTables(ChunkedVectors):
    """Vectors in a Parquet file, an Arrow IPC file (Feather) or an Arrow stream.

    They are in a column of lists or in one column per component, and are read by row group or
    record batch. Columns of strings, integers, booleans and categories are labels; a column called
    id or index with unique values holds the ids.

    Parameters
    ----------
    location
        Path of the file.
    options
        `VectorTableOptions`: limit, ids, labels, vectors.

    Raises
    ------
    DatasetError
        If the file is damaged, or it is unclear which columns hold the vectors.
    MissingDependencyError
        If pyarrow is not installed.
    """

    name = "vector_tables"
    suffixes = (".parquet", ".pq", ".arrow", ".feather", ".ipc", ".arrows")
    Options: ClassVar[type[Options]] = VectorTableOptions

    def __init__(self, location: str, options: VectorTableOptions | None = None) -> None:
        self.path, self.options = Path(location), options or VectorTableOptions()
        require_file(self.path)
        self.location = str(self.path.resolve())
        with self._readable():
            self._column_names = self._find_columns()
            self._vectors, self._is_list = self._find_vectors()
            dim = len(self._vectors)
            if self._is_list:
                dim = _arrow().width(self._table, self._vectors[0], self.path)
        self.bounds = limit_bounds(self._table.bounds, self.options.limit)
        self.count = int(self.bounds[-1])
        require_vectors(self.count, dim, self.path)
        self.item = TensorSpec(shape=(dim,))

    @cached_property
    def _table(self) -> TableFile:
        return _arrow().open_table(self.path)

    def _read_chunk(self, index: int) -> NDArray[np.float32]:
        arrow = _arrow()
        with self._readable():
            chunk = self._table.read(index, self._vectors)
            if self._is_list:
                return arrow.vectors(chunk, self._vectors[0], self.item.shape[0])
            return arrow.components(chunk, self._vectors)

    def _read_column(self, name: str) -> NDArray[np.generic]:
        with self._readable():
            values = _arrow().read_labels(self._table, name, len(self.bounds) - 1)
        return values[: self.count]

    def _find_vectors(self) -> tuple[list[str], bool]:
        lists = [n for n in self._column_names if _arrow().is_list(self._type(n))]
        if self.options.vectors is not None:
            return self._given_vectors(lists)
        if len(lists) > 1:
            raise DatasetError(
                f"one column of vectors in {self.path}", found=listing(lists),
                next_step=f"choose one: {self.path.name}:vectors={lists[0]}",
            )  # fmt: skip
        floats = [n for n in self._column_names if self._is_float(n)]
        if not lists and not floats:
            raise DatasetError(
                f"a column of lists of numbers, or floating-point columns, in {self.path}",
                found=listing(f"{n} ({self._type(n)})" for n in self._column_names),
                next_step="name the columns with the option vectors",
            )
        return lists or floats, bool(lists)

    def _given_vectors(self, lists: Sequence[str]) -> tuple[list[str], bool]:
        given = self.options.vectors
        patterns = [given] if isinstance(given, str) else list(given)
        names: list[str] = []
        for pattern in patterns:
            found = [pattern] if pattern in self._column_names else []
            found = found or [n for n in self._column_names if fnmatchcase(n, pattern)]
            names += found or [choose(pattern, self._column_names, self.path)]
        if len(names) == 1 and names[0] in lists:
            return names, True
        for name in names:
            if not _arrow().is_number(self._type(name)):
                raise DatasetError(
                    f"numbers in the column {name!r} of {self.path}", found=str(self._type(name))
                )
        return list(dict.fromkeys(names)), False

    def _default_columns(self) -> list[str]:
        free = [n for n in self._column_names if n not in self._vectors]
        return [n for n in free if _arrow().is_label(self._type(n))]

    def _find_columns(self) -> list[str]:
        names = list(self._table.schema.names)
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise DatasetError(f"columns of different names in {self.path}", found=listing(twice))
        return names

    def _type(self, name: str) -> pa.DataType:
        return self._table.schema.field(name).type

    def _is_float(self, name: str) -> bool:
        arrow, kind = _arrow(), self._type(name)
        return arrow.is_number(kind) and not arrow.is_label(kind)

    def _readable(self) -> AbstractContextManager[None]:
        return report_damage(self.path, _arrow().DAMAGE)


def _arrow() -> ModuleType:
    try:
        from latent_analyze_adapters.vectors import arrow_files as _arrow_files
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise missing_dependency("pyarrow", "tables", "Parquet and Arrow files") from None
    return _arrow_files


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register vectors in Parquet and Arrow files."""
    return [VectorTables]
