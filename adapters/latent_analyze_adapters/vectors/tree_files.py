"""Groups and arrays in one file or folder, with AnnData's layout or without."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from latent_analyze.plugin import DatasetError
from latent_analyze_adapters.files.labels import as_labels, as_texts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# Groups in which AnnData keeps one column.
_CATEGORICAL = "categorical"
_NULLABLE = frozenset({"nullable-integer", "nullable-boolean", "nullable-string-array"})
_SPARSE = frozenset({"csr_matrix", "csc_matrix"})

_COLUMN_BYTES = 1 << 32


class Tree(ABC):
    """What h5py and zarr have in common: arrays are sliced, all things have ``attrs``.

    The content is untrusted. What is said here about shapes is checked before it sizes memory, and
    subclasses show nothing that lies outside the file: neither links nor arrays stored elsewhere.
    Damage is any exception of `damage`.

    Parameters
    ----------
    path
        The file or folder.
    """

    damage: ClassVar[tuple[type[BaseException], ...]]
    root: Any

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def find_things(self) -> dict[str, Any]:
        """Return groups and arrays by their paths."""

    @abstractmethod
    def is_group(self, thing: Any) -> bool:
        """Whether it is a group."""

    @abstractmethod
    def is_array(self, thing: Any, axes: int) -> bool:
        """Whether it is an array of so many axes that `refusal` says nothing about."""

    @abstractmethod
    def refusal(self, array: Any) -> str:
        """Return why an array must not be read, or an empty text."""

    @abstractmethod
    def is_text(self, array: Any) -> bool:
        """Whether an array holds texts of any length."""

    @abstractmethod
    def texts(self, array: Any, count: int) -> NDArray[Any]:
        """Return the first values of such an array as Python texts."""

    @abstractmethod
    def names(self, group: Any) -> Sequence[str]:
        """Return the members of a group."""

    @abstractmethod
    def child(self, group: Any, name: str) -> Any:
        """Return one of `names`."""

    @abstractmethod
    def stored_rows(self, array: Any) -> int:
        """Return how many rows are stored, and decompressed, together."""

    @abstractmethod
    def referred(self, reference: Any) -> Any:
        """Return what the attribute ``categories`` of AnnData 0.7 refers to."""

    @cached_property
    def things(self) -> Mapping[str, Any]:
        """Groups and arrays by their paths."""
        return self.find_things()

    @cached_property
    def is_anndata(self) -> bool:
        """Whether it has the layout of AnnData."""
        return _encoding(self.root) == "anndata" or {"X", "obs", "var"} <= set(self.things)

    @property
    def index_name(self) -> str:
        """Name of the column of AnnData's obs_names."""
        return str(self.things["obs"].attrs.get("_index", "_index"))

    def vectors(self) -> dict[str, Any]:
        """Return what is (n, dim) of numbers, dense or sparse, by path."""
        return {name: thing for name, thing in self.things.items() if self._is_vectors(thing)}

    def shape(self, vectors: Any) -> tuple[int, int]:
        """Return (n, dim) of vectors."""
        rows, dim = vectors.attrs["shape"] if self.is_group(vectors) else vectors.shape
        return int(rows), int(dim)

    def rows_together(self, vectors: Any) -> int:
        """Return how many rows of vectors are stored together."""
        return 1 if self.is_group(vectors) else self.stored_rows(vectors)

    def require_readable(self, vectors: Any) -> None:
        """Raise DatasetError for sparse vectors that cannot be read by rows."""
        if not self.is_group(vectors):
            return
        if _encoding(vectors) == "csc_matrix":
            raise DatasetError(
                f"vectors stored by rows in {vectors.name!r} of {self.path}",
                found="storage by columns", next_step="convert it with .tocsr() and save it again",
            )  # fmt: skip
        ends, indices, data = self._sparse_parts(vectors)
        if ends.shape[0] != self.shape(vectors)[0] + 1 or indices.shape != data.shape:
            raise ValueError(f"{vectors.name} has parts of wrong lengths")

    def read_vectors(self, vectors: Any, start: int, stop: int) -> NDArray[np.float32]:
        """Return rows of vectors, dense, shape (stop - start, dim)."""
        # Beyond float32's range is infinity, which is found later like any other.
        with np.errstate(over="ignore"):
            if self.is_group(vectors):
                return self._read_sparse(vectors, start, stop)
            return np.asarray(vectors[start:stop], np.float32)

    def columns(self, vectors: str) -> dict[str, Any]:
        """Return what stands beside vectors, one value per row: AnnData's obs, or their group.

        Raises
        ------
        DatasetError
            If obs has the layout of AnnData before version 0.7.
        """
        if not self.is_group(self.root):
            return {}
        above = "obs" if self.is_anndata else vectors.rpartition("/")[0]
        beside = self.things[above] if above else self.root
        if not self.is_group(beside):
            raise DatasetError(
                f"a group obs in {self.path}", found="a table, as AnnData before 0.7 wrote it",
                next_step="read and write it with a newer anndata",
            )  # fmt: skip
        count = self.shape(self.things[vectors])[0]
        found = {name: self.member(beside, name) for name in self.names(beside)}
        return {name: thing for name, thing in found.items() if self._length(thing) == count}

    def is_label(self, column: Any) -> bool:
        """Whether a column is a label unless the user says otherwise."""
        return self.is_group(column) or self.is_text(column) or column.dtype.kind in "SUbiu"

    def label_values(self, column: Any, count: int) -> NDArray[Any]:
        """Return the first values of a column as int64 or text; what is missing is ""."""
        if not self.is_group(column):
            old = column.attrs.get("categories")
            values = self._values(column, count)
            return values if old is None else self._categories(self.referred(old), values)
        if _encoding(column) == _CATEGORICAL:
            codes = self._values(self.member(column, "codes"), count)
            return self._categories(self.member(column, "categories"), codes)
        values = self._values(self.member(column, "values"), count)
        missing = self._values(self.member(column, "mask"), count)
        return np.where(missing, "", values.astype(str)) if missing.any() else values

    def member(self, group: Any, name: str) -> Any:
        """Return a member of a group; raises ValueError if it has none of this name."""
        if name not in self.names(group):
            raise ValueError(f"{group.name} has no {name} of its own")
        return self.child(group, name)

    def listed(self) -> list[str]:
        """Return the arrays as texts for a message."""
        arrays = {n: t for n, t in self.things.items() if not self.is_group(t)}
        why = {name: self.refusal(array) for name, array in arrays.items()}
        return [
            f"{name}, which {why[name]}" if why[name] else f"{name} {array.dtype} {array.shape}"
            for name, array in arrays.items()
        ]

    def _is_vectors(self, thing: Any) -> bool:
        if self.is_group(thing):
            return _encoding(thing) in _SPARSE
        return self.is_array(thing, 2) and thing.dtype.kind in "fiu"

    def _sparse_parts(self, group: Any) -> list[Any]:
        return [self._column(self.member(group, name)) for name in ("indptr", "indices", "data")]

    def _read_sparse(self, group: Any, start: int, stop: int) -> NDArray[np.float32]:
        ends, indices, data = self._sparse_parts(group)
        dim = self.shape(group)[1]
        ends = np.asarray(ends[start : stop + 1], np.int64)
        counts, inner = np.diff(ends), slice(int(ends[0]), int(ends[-1]))
        if inner.start < 0 or inner.stop > data.shape[0] or counts.min() < 0 or counts.max() > dim:
            raise ValueError(f"{group.name} has rows of impossible lengths")
        columns = np.asarray(indices[inner], np.int64)
        if len(columns) and not 0 <= columns.min() <= columns.max() < dim:
            raise ValueError(f"{group.name} has values beyond column {dim}")
        dense = np.zeros((stop - start, dim), np.float32)
        # The format lets a value stand in parts.
        np.add.at(dense, (np.repeat(np.arange(len(counts)), counts), columns), data[inner])
        return dense

    def _categories(self, column: Any, codes: NDArray[Any]) -> NDArray[Any]:
        names = self.label_values(column, self._length(column) or 0)
        if np.all(codes >= 0):
            return names[codes]
        return np.append(names.astype(str), "")[np.maximum(codes, -1)]

    def _values(self, array: Any, count: int) -> NDArray[Any]:
        array = self._column(array)
        if array.shape[0] < count:
            raise ValueError(f"{array.name} has {array.shape[0]} values for {count} rows")
        if array.dtype.itemsize * count > _COLUMN_BYTES:
            raise ValueError(f"{array.name} is too large a column")
        if self.is_text(array):
            return as_texts(self.texts(array, count))
        if array.dtype.hasobject:
            raise ValueError(f"{array.name} holds neither numbers nor texts")
        return as_labels(np.asarray(array[:count]))

    def _column(self, array: Any) -> Any:
        if not self.is_array(array, 1):
            raise ValueError(f"{array.name} is no column of this file")
        return array

    def _length(self, column: Any) -> int | None:
        if not self.is_group(column):
            return int(column.shape[0]) if self.is_array(column, 1) else None
        kind = _encoding(column)
        if kind != _CATEGORICAL and kind not in _NULLABLE:
            return None
        values = self.member(column, "codes" if kind == _CATEGORICAL else "values")
        return int(self._column(values).shape[0])


def _encoding(thing: Any) -> str:
    """Return what AnnData says about a thing, or an empty text."""
    found = thing.attrs.get("encoding-type", "")
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
