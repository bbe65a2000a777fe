"""A tree of groups and arrays in one file or folder, in AnnData's layout or any other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from latent_analyze.plugin import DatasetError
from latent_analyze_adapters.files.labels import as_labels, fixed_width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# Groups in which AnnData stores one column.
_CATEGORICAL = "categorical"
_NULLABLE = frozenset({"nullable-integer", "nullable-boolean", "nullable-string-array"})
_SPARSE = frozenset({"csr_matrix", "csc_matrix"})

_COLUMN_BYTES = 1 << 32


class Node(Protocol):
    """A group or an array, of h5py or of zarr. Only arrays have a shape, a dtype and slices."""

    @property
    def name(self) -> str:
        """The path inside the file."""
        ...

    @property
    def attrs(self) -> Mapping[str, Any]:  # a file can hold any type
        """The attributes."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an array."""
        ...

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of an array's values."""
        ...

    def __getitem__(self, rows: slice) -> NDArray[np.generic]:
        """Return some rows of an array."""
        ...


class Tree(ABC):
    """What HDF5 and Zarr have in common.

    The content is untrusted. The shapes that it declares are checked before they determine the size
    of memory, and subclasses hide everything outside the file: links, and arrays stored elsewhere.
    A damaged file raises any of the exceptions in `damage`.

    Parameters
    ----------
    path
        The file or folder.
    """

    damage: ClassVar[tuple[type[Exception], ...]]
    root: Node

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def find_nodes(self) -> Mapping[str, Node]:
        """Return groups and arrays by path."""

    @abstractmethod
    def is_group(self, node: Node) -> bool:
        """Whether this is a group."""

    @abstractmethod
    def is_array(self, node: Node, axes: int) -> bool:
        """Whether this is an array with this many axes and no `refusal`."""

    @abstractmethod
    def refusal(self, array: Node) -> str:
        """Return why an array must not be read, or an empty string."""

    @abstractmethod
    def is_text(self, array: Node) -> bool:
        """Whether an array holds strings of variable length."""

    @abstractmethod
    def read_texts(self, array: Node, count: int) -> NDArray[np.object_]:
        """Return the first values of such an array as Python strings."""

    @abstractmethod
    def member_names(self, group: Node) -> Sequence[str]:
        """Return the names of a group's members."""

    @abstractmethod
    def child(self, group: Node, name: str) -> Node:
        """Return the member with one of the `member_names`."""

    @abstractmethod
    def chunk_rows(self, array: Node) -> int:
        """Return how many rows of an array are stored, and decompressed, together."""

    @abstractmethod
    def dereference(self, reference: object) -> Node:
        """Return the array that the attribute ``categories`` of AnnData 0.7 refers to."""

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """Groups and arrays by path."""
        return self.find_nodes()

    @cached_property
    def is_anndata(self) -> bool:
        """Whether this is AnnData's layout."""
        return _encoding(self.root) == "anndata" or {"X", "obs", "var"} <= set(self.nodes)

    @property
    def index_name(self) -> str:
        """Name of the column with AnnData's obs_names."""
        return str(self.nodes["obs"].attrs.get("_index", "_index"))

    def find_vectors(self) -> dict[str, Node]:
        """Return everything that is (n, dim) of numbers, dense or sparse, by path."""
        return {name: node for name, node in self.nodes.items() if self._is_vectors(node)}

    def shape(self, vectors: Node) -> tuple[int, int]:
        """Return (n, dim) of vectors."""
        rows, dim = vectors.attrs["shape"] if self.is_group(vectors) else vectors.shape
        return int(rows), int(dim)

    def rows_per_chunk(self, vectors: Node) -> int:
        """Return how many rows of vectors are stored together."""
        return 1 if self.is_group(vectors) else self.chunk_rows(vectors)

    def require_readable(self, vectors: Node) -> None:
        """Raise DatasetError for sparse vectors that cannot be read row by row."""
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

    def read_vectors(self, vectors: Node, start: int, stop: int) -> NDArray[np.float32]:
        """Return rows of vectors, dense, shape (stop - start, dim)."""
        # Values beyond float32 become infinity, which is reported later like any other.
        with np.errstate(over="ignore"):
            if self.is_group(vectors):
                return self._read_sparse(vectors, start, stop)
            return np.asarray(vectors[start:stop], np.float32)

    def columns(self, vectors: str) -> dict[str, Node]:
        """Return the columns that go with vectors: AnnData's obs, or arrays in the same group.

        Raises
        ------
        DatasetError
            If obs has the layout of AnnData before version 0.7.
        """
        if not self.is_group(self.root):
            return {}
        above = "obs" if self.is_anndata else vectors.rpartition("/")[0]
        group = self.nodes[above] if above else self.root
        if not self.is_group(group):
            raise DatasetError(
                f"a group obs in {self.path}", found="a table, as AnnData before 0.7 wrote it",
                next_step="read it with a newer anndata and write it again",
            )  # fmt: skip
        count = self.shape(self.nodes[vectors])[0]
        found = {name: self.member(group, name) for name in self.member_names(group)}
        return {name: node for name, node in found.items() if self._length(node) == count}

    def is_label(self, column: Node) -> bool:
        """Whether a column is a label unless the user names others."""
        return self.is_group(column) or self.is_text(column) or column.dtype.kind in "SUbiu"

    def read_labels(self, column: Node, count: int) -> NDArray[np.generic]:
        """Return the first values of a column as int64 or text; missing ones are ""."""
        if not self.is_group(column):
            old = column.attrs.get("categories")
            values = self._read_column(column, count)
            return values if old is None else self._categories(self.dereference(old), values)
        if _encoding(column) == _CATEGORICAL:
            codes = self._read_column(self.member(column, "codes"), count)
            return self._categories(self.member(column, "categories"), codes)
        values = self._read_column(self.member(column, "values"), count)
        missing = self._read_column(self.member(column, "mask"), count)
        return np.where(missing, "", values.astype(str)) if missing.any() else values

    def member(self, group: Node, name: str) -> Node:
        """Return a member of a group; raises ValueError if it has no such member."""
        if name not in self.member_names(group):
            raise ValueError(f"{group.name} has no {name} of its own")
        return self.child(group, name)

    def list_arrays(self) -> list[str]:
        """Describe the arrays for a message."""
        arrays = {name: node for name, node in self.nodes.items() if not self.is_group(node)}
        why = {name: self.refusal(array) for name, array in arrays.items()}
        return [
            f"{name}, which {why[name]}" if why[name] else f"{name} {array.dtype} {array.shape}"
            for name, array in arrays.items()
        ]

    def _is_vectors(self, node: Node) -> bool:
        if self.is_group(node):
            return _encoding(node) in _SPARSE
        return self.is_array(node, 2) and node.dtype.kind in "fiu"

    def _sparse_parts(self, group: Node) -> list[Node]:
        names = ("indptr", "indices", "data")
        return [self._require_column(self.member(group, name)) for name in names]

    def _read_sparse(self, group: Node, start: int, stop: int) -> NDArray[np.float32]:
        indptr, indices, data = self._sparse_parts(group)
        dim = self.shape(group)[1]
        ends = np.asarray(indptr[start : stop + 1], np.int64)
        counts, inner = np.diff(ends), slice(int(ends[0]), int(ends[-1]))
        if inner.start < 0 or inner.stop > data.shape[0] or counts.min() < 0 or counts.max() > dim:
            raise ValueError(f"{group.name} has rows of impossible lengths")
        columns = np.asarray(indices[inner], np.int64)
        if len(columns) and not 0 <= columns.min() <= columns.max() < dim:
            raise ValueError(f"{group.name} has values beyond column {dim}")
        dense = np.zeros((stop - start, dim), np.float32)
        # The format allows several entries for one value, which add up.
        np.add.at(dense, (np.repeat(np.arange(len(counts)), counts), columns), data[inner])
        return dense

    def _categories(self, column: Node, codes: NDArray[np.generic]) -> NDArray[np.generic]:
        if codes.dtype != np.int64:
            raise ValueError("codes that are not integers")
        names, positions = self.read_labels(column, self._length(column) or 0), codes.astype(int)
        if np.all(positions >= 0):
            return names[positions]
        return np.append(names.astype(str), "")[np.maximum(positions, -1)]

    def _read_column(self, array: Node, count: int) -> NDArray[np.generic]:
        array = self._require_column(array)
        if array.shape[0] < count:
            raise ValueError(f"{array.name} has {array.shape[0]} values for {count} rows")
        if array.dtype.itemsize * count > _COLUMN_BYTES:
            raise ValueError(f"{array.name} is too large a column")
        if self.is_text(array):
            return fixed_width(self.read_texts(array, count))
        if array.dtype.hasobject:
            raise ValueError(f"{array.name} holds neither numbers nor strings")
        return as_labels(np.asarray(array[:count]))

    def _require_column(self, array: Node) -> Node:
        if not self.is_array(array, 1):
            raise ValueError(f"{array.name} is not a column of this file")
        return array

    def _length(self, column: Node) -> int | None:
        if not self.is_group(column):
            return int(column.shape[0]) if self.is_array(column, 1) else None
        kind = _encoding(column)
        if kind != _CATEGORICAL and kind not in _NULLABLE:
            return None
        values = self.member(column, "codes" if kind == _CATEGORICAL else "values")
        return int(self._require_column(values).shape[0])


def _encoding(node: Node) -> str:
    """Return the encoding that AnnData states for a group or array, or an empty string."""
    found = node.attrs.get("encoding-type", "")
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)
