"""Vectors in a tree of groups and arrays: what HDF5 and Zarr share."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from latent_analyze.plugin import DatasetError, Options, TensorSpec
from latent_analyze_adapters.vectors.rows import (
    ID_NAMES,
    VectorRowOptions,
    VectorRows,
    chosen,
    damage_named,
    even_bounds,
    limited,
    listing,
    require_vectors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from latent_analyze_adapters.vectors.tree_files import Tree


class VectorTreeOptions(VectorRowOptions):
    """Options of data sets in trees."""

    vectors: str | None = Field(
        None,
        description="path of the array of vectors inside, such as obsm/X_pca; "
        "the only one if not given",
    )


class VectorTree(VectorRows):
    """Vectors in one of the arrays of a `Tree`; ids and labels in others."""

    Options: ClassVar[type[Options]] = VectorTreeOptions

    def __init__(self, location: str, options: Any = None) -> None:
        self.path, self.options = Path(location), options or VectorTreeOptions()
        self._require()
        self.location = str(self.path.resolve())
        self._tree_class()
        with self._readable():
            name = self._find_vectors()
            self._vectors = self._tree.things[name]
            self._tree.require_readable(self._vectors)
            self._beside = self._tree.columns(name)
            if self._tree.is_anndata:
                self.id_names = (self._tree.index_name, *ID_NAMES)
            count, dim = self._tree.shape(self._vectors)
            require_vectors(count, dim, self.path)
            bounds = even_bounds(count, dim, self._tree.rows_together(self._vectors))
        self._names = list(self._beside)
        self.bounds = limited(bounds, self.options.limit)
        self.count, self.item = int(self.bounds[-1]), TensorSpec(shape=(dim,))

    @abstractmethod
    def _require(self) -> None:
        """Raise DatasetError if there is no such file or folder."""

    @classmethod
    @abstractmethod
    def _tree_class(cls) -> type[Tree]:
        """Return what opens `path`; raises MissingDependencyError."""

    @cached_property
    def _tree(self) -> Tree:
        return self._tree_class()(self.path)

    def _chunk(self, index: int) -> NDArray[np.float32]:
        start, stop = self.bounds[index : index + 2].tolist()
        with self._readable():
            return self._tree.read_vectors(self._vectors, start, stop)

    def _automatic(self) -> Sequence[str]:
        with self._readable():
            return [name for name, thing in self._beside.items() if self._tree.is_label(thing)]

    def _values(self, name: str) -> NDArray[Any]:
        with self._readable():
            return self._tree.label_values(self._beside[name], self.count)

    def _find_vectors(self) -> str:
        found = self._tree.vectors()
        if self.options.vectors is not None:
            return chosen(self.options.vectors.strip("/"), list(found), self.path)
        if self._tree.is_anndata:
            found = {n: t for n, t in found.items() if n == "X" or n.startswith("obsm/")}
        if not found:
            raise DatasetError(
                f"an array of vectors (n, dim), real numbers, in {self.path}",
                found=listing(self._tree.listed()),
            )
        if len(found) > 1:
            raise DatasetError(
                f"one array of vectors in {self.path}", found=listing(found),
                next_step=f"choose one: {self.path.name}:vectors={list(found)[-1]}",
            )  # fmt: skip
        return next(iter(found))

    def _readable(self) -> Any:
        return damage_named(self.path, self._tree_class().damage)
