"""Vectors in .npy and .npz files: z-points, or the input of a model of vectors."""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from latent_analyze.plugin import Dataset, DatasetError, Items, Options, TensorSpec, hookimpl
from latent_analyze_adapters.files import npy as _npy
from latent_analyze_adapters.files.array_rows import ArrayRows
from latent_analyze_adapters.files.contents import find_main, find_vectors, is_kind
from latent_analyze_adapters.files.fingerprint import file_fingerprint
from latent_analyze_adapters.files.labels import find_inputs, find_labels, is_label, load_labels
from latent_analyze_adapters.files.values import as_float32
from latent_analyze_adapters.vectors.chunked import (
    ChunkedOptions,
    ChunkedVectors,
    choose,
    chunk_bounds,
    limit_bounds,
    require_vectors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


NAMES = ("feature_names", "columns")
"""Arrays of texts that name the components."""


class VectorArrayOptions(ChunkedOptions):
    """Options of `VectorArrays`."""

    vectors: str | None = Field(
        None, description="array of the vectors in an .npz; by default the only one (n, dim)"
    )
    kind: Literal["auto", "arrays"] = Field(
        "auto",
        description="arrays: the input of a model, of several arrays (n, dim) the first with a "
        "usual name, or the widest, or the first",
    )


class VectorArrays(ChunkedVectors):
    """Vectors in an .npy file (n, dim), or in one of the arrays of an .npz, memory-mapped.

    Ids and labels are arrays (n,) in the same file. A single one of ``y``, ``labels`` and ``label``
    becomes the label "label"; other arrays of n rows of numbers are further inputs of a model. An
    array of texts (dim,) called ``feature_names`` or ``columns`` names the components. A compressed
    array is read into memory. Nothing is unpickled.

    Parameters
    ----------
    location
        Path of the file.
    options
        `VectorArrayOptions`: limit, ids, labels, vectors, kind.

    Raises
    ------
    DatasetError
        If there is no array of vectors, or it is unclear which one to use.
    """

    name = "vector_arrays"
    Options: ClassVar[type[Options]] = VectorArrayOptions

    def __init__(self, location: str, options: VectorArrayOptions | None = None) -> None:
        self.path, self.options = Path(location), options or VectorArrayOptions()
        self._infos = _npy.peek(self.path)
        self.location = str(self.path.resolve())
        info = self._find_vectors()
        count, dim = info.shape
        require_vectors(count, dim, self.path)
        self.kind = "arrays" if self.options.kind == "arrays" else "vectors"
        self._array_name = info.name
        self.array_name = "" if info.name == _npy.BARE else info.name
        inputs = find_inputs(self._infos, info)
        self._inputs = {name: ArrayRows(self.path, [self._infos[name]]) for name in inputs}
        labels = find_labels(self._infos, info, self.path)
        self._columns = {**labels, **{name: name for name in labels.values()}}
        self._labels = list(labels)
        self._column_names = list(self._columns)
        self.value_names = self._find_names(dim)
        self.bounds = limit_bounds(chunk_bounds(count, dim), self.options.limit)
        self.count, self.item = int(self.bounds[-1]), TensorSpec(shape=(dim,))

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether this is an .npy or .npz file that holds vectors and no images."""
        return is_kind(location, "vectors")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file and of the options."""
        return file_fingerprint(self, Path(self.location), later=("kind",))

    @property
    def input_names(self) -> Sequence[str]:
        """The other arrays of numbers with one row per vector."""
        return tuple(self._inputs)

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""
        inputs = {name: values.take(rows) for name, values in self._inputs.items()}
        return replace(super().read(rows), inputs=inputs)

    @cached_property
    def _array(self) -> NDArray[np.generic]:
        return _npy.map_rows(self.path, self._array_name)

    def _read_chunk(self, index: int) -> NDArray[np.float32]:
        start, stop = self.bounds[index : index + 2].tolist()
        # Values beyond float32 become infinity, which is reported later like any other.
        return as_float32(self._array[start:stop], self._array_name, self.path)

    def _default_columns(self) -> Sequence[str]:
        return [label for label in self._labels if is_label(self._infos[self._columns[label]])]

    def _read_column(self, name: str) -> NDArray[np.generic]:
        return load_labels(self.path, [self._columns[name]], self.count)

    def _find_names(self, dim: int) -> tuple[str, ...]:
        """Return the texts of an array with one of the usual names, one per component."""
        infos = [self._infos[name] for name in NAMES if name in self._infos]
        found = [i.name for i in infos if i.shape == (dim,) and i.dtype.kind in "US"]
        return tuple(load_labels(self.path, found[:1], dim).tolist()) if found else ()

    def _find_vectors(self) -> _npy.ArrayInfo:
        found = find_vectors(self._infos)
        if self.options.vectors is not None:
            return found[choose(self.options.vectors, list(found), self.path)]
        if found and self.options.kind == "arrays":
            return find_main(found) or next(iter(found.values()))
        if len(found) != 1:
            next_step = "save it with numpy.save"
            if found:
                name = shlex.quote(str(self.path))
                next_step = f"choose one: {name}:vectors={list(found)[-1]}, or take all as the "
                next_step += f"inputs of a model: {name}:kind=arrays"
            raise DatasetError(
                f"one array of vectors (n, dim), real numbers, in {self.path}",
                found=_npy.listing(found or self._infos), next_step=next_step,
            )  # fmt: skip
        return next(iter(found.values()))


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register vectors in .npy and .npz files."""
    return [VectorArrays]
