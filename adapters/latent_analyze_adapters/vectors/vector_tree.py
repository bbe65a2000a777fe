"""Base of the data sets whose vectors are in a tree of groups and arrays: HDF5 and Zarr."""

from __future__ import annotations

import shlex
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from latent_analyze.plugin import DatasetError, Options, TensorSpec
from latent_analyze_adapters.files.damage import report_damage
from latent_analyze_adapters.vectors.chunked import (
    ID_NAMES,
    ChunkedOptions,
    ChunkedVectors,
    choose,
    chunk_bounds,
    limit_bounds,
    listing,
    require_vectors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from latent_analyze_adapters.vectors.tree import Tree


class VectorTreeOptions(ChunkedOptions):
    """Options of data sets in trees."""

    vectors: str | None = Field(
        None,
        description="path of the array of vectors inside, such as obsm/X_pca; "
        "by default the only one",
    )


class VectorTree(ChunkedVectors):
    """Vectors in one of the arrays of a `Tree`, with ids and labels in others."""

    Options: ClassVar[type[Options]] = VectorTreeOptions

    def __init__(self, location: str, options: VectorTreeOptions | None = None) -> None:
        self.path, self.options = Path(location), options or VectorTreeOptions()
        self._require_path()
        self.location = str(self.path.resolve())
        self._tree_class()
        with self._readable():
            name = self._choose_vectors()
            self._vectors = self._tree.nodes[name]
            self._tree.require_readable(self._vectors)
            self._columns = self._tree.columns(name)
            if self._tree.is_anndata:
                self.id_names = (self._tree.index_name, *ID_NAMES)
            count, dim = self._tree.shape(self._vectors)
            require_vectors(count, dim, self.path)
            bounds = chunk_bounds(count, dim, self._tree.rows_per_chunk(self._vectors))
        self._column_names = list(self._columns)
        self.bounds = limit_bounds(bounds, self.options.limit)
        self.count, self.item = int(self.bounds[-1]), TensorSpec(shape=(dim,))

    @abstractmethod
    def _require_path(self) -> None:
        """Raise DatasetError if there is no such file or folder."""

    @classmethod
    @abstractmethod
    def _tree_class(cls) -> type[Tree]:
        """Return the class that opens `path`; raises MissingDependencyError."""

    @cached_property
    def _tree(self) -> Tree:
        return self._tree_class()(self.path)

    def _read_chunk(self, index: int) -> NDArray[np.float32]:
        start, stop = self.bounds[index : index + 2].tolist()
        with self._readable():
            return self._tree.read_vectors(self._vectors, start, stop)

    def _default_columns(self) -> Sequence[str]:
        with self._readable():
            return [name for name, node in self._columns.items() if self._tree.is_label(node)]

    def _read_column(self, name: str) -> NDArray[np.generic]:
        with self._readable():
            return self._tree.read_labels(self._columns[name], self.count)

    def _choose_vectors(self) -> str:
        found = self._tree.find_vectors()
        if self.options.vectors is not None:
            return choose(self.options.vectors.strip("/"), list(found), self.path)
        if self._tree.is_anndata:
            found = {n: node for n, node in found.items() if n == "X" or n.startswith("obsm/")}
        if not found:
            raise DatasetError(
                f"an array of vectors (n, dim), real numbers, in {self.path}",
                found=listing(self._tree.list_arrays()),
            )
        if len(found) > 1:
            raise DatasetError(
                f"one array of vectors in {self.path}", found=listing(found),
                next_step=f"choose one: {shlex.quote(str(self.path))}:vectors={list(found)[-1]}",
            )  # fmt: skip
        return next(iter(found))

    def _readable(self) -> AbstractContextManager[None]:
        return report_damage(self.path, self._tree_class().damage)
