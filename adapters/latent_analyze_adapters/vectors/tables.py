"""Tables: vectors in a column of lists or in several columns, labels and inputs in others."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from latent_analyze.plugin import (
    Dataset,
    DatasetError,
    Items,
    Options,
    TensorSpec,
    hookimpl,
    missing_dependency,
)
from latent_analyze_adapters.files.array_rows import LazyArrays
from latent_analyze_adapters.files.contents import MAIN_NAMES, is_kind
from latent_analyze_adapters.files.damage import report_damage, require_file
from latent_analyze_adapters.files.fingerprint import file_fingerprint
from latent_analyze_adapters.files.npy import SUFFIXES, peek
from latent_analyze_adapters.files.values import as_float32
from latent_analyze_adapters.vectors.chunked import (
    ChunkedOptions,
    ChunkedVectors,
    choose,
    limit_bounds,
    listing,
    require_vectors,
)
from latent_analyze_adapters.vectors.columns import choose_values
from latent_analyze_adapters.vectors.numpy_tables import DAMAGE, NumpyTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from types import ModuleType

    from numpy.typing import NDArray

    from latent_analyze_adapters.vectors.columns import Column, TableFile


class VectorTableOptions(ChunkedOptions):
    """Options of `VectorTables`."""

    labels: tuple[str, ...] | None = Field(
        None,
        description="columns of the labels, which are then no values; by default all of strings, "
        "booleans and categories, and those of whole numbers that are no values",
    )
    vectors: str | tuple[str, ...] | None = Field(
        None,
        description="column of lists, or columns of components (z* stands for all that begin with "
        "z); by default the only column of lists, or else all of numbers that are no labels",
    )
    integers: Literal["auto", "values", "labels"] = Field(
        "auto",
        description="columns of whole numbers, if there is no column of lists. auto: values, "
        "unless their name says that they are labels or all floats are numbered (z0, z1, ...); "
        "values: these and booleans are values unless named like labels; labels: all are labels",
    )
    kind: Literal["auto", "arrays"] = Field(
        "auto",
        description="arrays: the input of a model, of several columns of lists the first with a "
        "usual name, or the widest, or the first",
    )


class VectorTables(ChunkedVectors):
    """Vectors in a table: a Parquet, Arrow (IPC, Feather, stream) or CSV file, or one of NumPy.

    They are in a column of lists or in one column per component, and are read by row group or
    record batch, CSV files whole. Columns of strings, booleans and categories are labels, those of
    whole numbers as `choose_values` says; a column called id or index with unique values holds the
    ids. Other columns of numbers or lists are further inputs of a model. Tables of NumPy are
    structured arrays in an .npy file, and several arrays (n,) in an .npz.

    Parameters
    ----------
    location
        Path of the file.
    options
        `VectorTableOptions`: limit, ids, labels, vectors, integers, kind.

    Raises
    ------
    DatasetError
        If the file is damaged, or it is unclear which columns hold the vectors.
    MissingDependencyError
        If pyarrow is not installed.
    """

    name = "vector_tables"
    suffixes = (".parquet", ".pq", ".arrow", ".feather", ".ipc", ".arrows", ".csv", ".tsv")
    Options: ClassVar[type[Options]] = VectorTableOptions

    def __init__(self, location: str, options: VectorTableOptions | None = None) -> None:
        self.path, self.options = Path(location), options or VectorTableOptions()
        require_file(self.path)
        self.location = str(self.path.resolve())
        with self._readable():
            self._column_names = self._find_columns()
            self._vectors = self._find_vectors()
            if self._is_list:
                self.array_name = self._vectors[0]
                shape = self._table.shape(self.array_name)
                shape = (math.prod(shape),) if self.kind == "vectors" else shape
            else:
                self.value_names, shape = tuple(self._vectors), (len(self._vectors),)
        self.bounds = limit_bounds(self._table.bounds, self.options.limit)
        self.count = int(self.bounds[-1])
        require_vectors(self.count, math.prod(shape), self.path)
        self.item = TensorSpec(shape=shape, layout="flat" if len(shape) == 1 else "array")

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether this is a file with one of the suffixes, or a table of NumPy."""
        return super().recognizes(location) or is_kind(location, "table")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file, of the options, and of columns that version 0.1 read differently."""
        forms = {c.name: c.form for c in self._table.columns.values()}
        before = [n for n, form in forms.items() if form == ("list" if self._is_list else "float")]
        same = self.options.vectors is not None or list(self._vectors) == before
        more = () if same else tuple(self._vectors)
        return file_fingerprint(self, Path(self.location), later=("integers", "kind"), more=more)

    @property
    def input_names(self) -> Sequence[str]:
        """The columns of numbers or lists that are no values, labels or ids."""
        labels = self._default_columns() if self.options.labels is None else self.options.labels
        taken = {*self._vectors, *labels, self.options.ids}
        columns = self._table.columns.values()
        found = [c.name for c in columns if c.form == "list" or c.is_number]
        return tuple(name for name in found if name not in taken)

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""
        inputs = {name: partial(self._read_input, name, rows) for name in self.input_names}
        return replace(super().read(rows), inputs=LazyArrays(inputs))

    def without(self, columns: Sequence[str]) -> VectorTables:
        """Return the same table with fewer values in a row; see `Dataset`."""
        kept = tuple(name for name in self.value_names if name not in columns)
        if len(kept) == len(self.value_names):
            return self
        return type(self)(self.location, self.options.model_copy(update={"vectors": kept}))

    @cached_property
    def _table(self) -> TableFile:
        if self.path.suffix.lower() in SUFFIXES:
            return NumpyTable(self.path, peek(self.path))
        return _arrow().open_arrow(self.path)

    @property
    def _is_list(self) -> bool:
        return self._table.columns[self._vectors[0]].form == "list"

    def _read_chunk(self, index: int) -> NDArray[np.float32]:
        with self._readable():
            found = self._table.read(index, self._vectors)
        plain = [_as_float32(values, name, self.path) for name, values in found.items()]
        return plain[0].reshape(-1, *self.item.shape) if self._is_list else np.stack(plain, axis=1)

    def _read_column(self, name: str) -> NDArray[np.generic]:
        with self._readable():
            values = self._table.labels(name, len(self.bounds) - 1)
        return values[: self.count]

    def _read_input(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        return self.gather(partial(self._read_whole, name), name, rows)

    def _read_whole(self, name: str, index: int) -> NDArray[np.generic]:
        with self._readable():
            return self._table.read(index, [name])[name]

    def _find_vectors(self) -> list[str]:
        columns, options = self._table.columns, self.options
        lists = [c for c in columns.values() if c.form == "list"]
        if options.kind == "arrays":
            self.kind = "arrays"
        if options.vectors is not None:
            return self._given_vectors(lists)
        if lists:
            return [self._main_list(lists)]
        found = choose_values(
            columns, options.integers, options.labels, ids=options.ids, path=self.path
        )
        self.notes = found.notes
        if not found.values:
            raise DatasetError(
                f"a column of lists of numbers, or columns of numbers, in {self.path}",
                found=listing(f"{c.name} ({c.type})" for c in columns.values()),
                next_step="name the columns with the option vectors",
            )  # fmt: skip
        return list(found.values)

    def _main_list(self, lists: Sequence[Column]) -> str:
        """Return the column of lists that holds the rows; sets what kind they are."""
        names = [c.name for c in lists]
        if len(lists) > 1 and all(c.whole for c in lists):
            self.kind = "arrays"  # tokens and their mask
        if len(lists) > 1 and self.kind != "arrays":
            name = shlex.quote(str(self.path))
            raise DatasetError(
                f"one column of vectors in {self.path}", found=listing(names),
                next_step=f"choose one: {name}:vectors={names[0]}, or take all as the inputs of a "
                f"model: {name}:kind=arrays",
            )  # fmt: skip
        shapes = {name: self._table.shape(name) for name in names}
        widest = max(map(math.prod, shapes.values()))
        longest = [name for name in names if math.prod(shapes[name]) == widest]
        usual = [name for name in MAIN_NAMES if name in names]
        main = [*usual, *(longest if len(longest) == 1 else names)][0]
        if len(shapes[main]) > 1:
            self.kind = "arrays"
        return main

    def _given_vectors(self, lists: Sequence[Column]) -> list[str]:
        given = self.options.vectors
        patterns = [given] if isinstance(given, str) else list(given or ())
        names: list[str] = []
        for pattern in patterns:
            found = [pattern] if pattern in self._column_names else []
            found = found or [n for n in self._column_names if fnmatchcase(n, pattern)]
            names += found or [choose(pattern, self._column_names, self.path)]
        if len(names) == 1 and names[0] in [c.name for c in lists]:
            return names
        for column in map(self._table.columns.__getitem__, names):
            if not column.is_number:
                raise DatasetError(
                    f"numbers in the column {column.name!r} of {self.path}", found=column.type
                )
        return list(dict.fromkeys(names))

    def _default_columns(self) -> list[str]:
        columns = self._table.columns.values()
        return [c.name for c in columns if c.is_label and c.name not in self._vectors]

    def _find_columns(self) -> list[str]:
        names = list(self._table.names)
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise DatasetError(f"columns of different names in {self.path}", found=listing(twice))
        return names

    def _readable(self) -> AbstractContextManager[None]:
        numpy = self.path.suffix.lower() in SUFFIXES
        return report_damage(self.path, DAMAGE if numpy else _arrow().DAMAGE)


def _as_float32(values: NDArray[np.generic], name: str, path: Path) -> NDArray[np.float32]:
    option = shlex.quote(f"{path}:labels=[{name}]")
    advice = f"scale them, or leave the column out: {option}"
    return as_float32(values, name, path, next_step=advice)


def _arrow() -> ModuleType:
    try:
        from latent_analyze_adapters.vectors import arrow_files as _arrow_files
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise missing_dependency("pyarrow", "tables", "Parquet, Arrow and CSV files") from None
    return _arrow_files


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register tables."""
    return [VectorTables]
