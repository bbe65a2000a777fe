"""Vectors in .npy and .npz files: z-points as they are, or the input of a model of vectors."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from latent_analyze.plugin import Dataset, DatasetError, Options, TensorSpec, hookimpl
from latent_analyze_adapters.files import npy as _npy
from latent_analyze_adapters.files.labels import LABEL_NAMES, find_labels, load_labels
from latent_analyze_adapters.vectors.rows import (
    VectorRowOptions,
    VectorRows,
    chosen,
    even_bounds,
    limited,
    require_vectors,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class VectorArrayOptions(VectorRowOptions):
    """Options of `VectorArrays`."""

    vectors: str | None = Field(
        None, description="array of the vectors in an .npz; the only one (n, dim) if not given"
    )


class VectorArrays(VectorRows):
    """Vectors in an .npy file (n, dim), or in one of the arrays of an .npz, memory-mapped.

    Ids and labels are the arrays (n,) beside them; ``y``, ``labels`` or ``label``, if there is only
    one of them, is the label "label". A compressed array is read whole. Files are never unpickled.

    Parameters
    ----------
    location
        Path of the file.
    options
        `VectorArrayOptions`: limit, ids, labels, vectors.

    Raises
    ------
    DatasetError
        If there is no array of vectors, or it cannot be told which one it is.
    """

    name = "vector_arrays"
    Options: ClassVar[type[Options]] = VectorArrayOptions

    def __init__(self, location: str, options: Any = None) -> None:
        self.path, self.options = Path(location), options or VectorArrayOptions()
        self._infos = _npy.peek(self.path)
        self.location = str(self.path.resolve())
        info = self._find_vectors()
        count, dim = info.shape
        require_vectors(count, dim, self.path)
        self._array_name = info.name
        labels = find_labels(self._infos, info, self.path)
        self._columns = {**labels, **{name: name for name in labels.values()}}
        self._labels = list(labels)
        self._names = list(self._columns)
        self.bounds = limited(even_bounds(count, dim), self.options.limit)
        self.count, self.item = int(self.bounds[-1]), TensorSpec(shape=(dim,))

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether it is an .npy or .npz file that holds vectors and no images."""
        path = Path(location)
        return path.suffix.lower() in _npy.SUFFIXES and _npy.holds_vectors(path)

    @cached_property
    def _array(self) -> NDArray[Any]:
        return _npy.map_rows(self.path, self._array_name)

    def _chunk(self, index: int) -> NDArray[np.float32]:
        start, stop = self.bounds[index : index + 2].tolist()
        # Beyond float32's range is infinity, which is found later like any other.
        with np.errstate(over="ignore"):
            return np.asarray(self._array[start:stop], np.float32)

    def _automatic(self) -> Sequence[str]:
        return [label for label in self._labels if self._is_label(self._columns[label])]

    def _is_label(self, array: str) -> bool:
        return array in LABEL_NAMES or self._infos[array].dtype.kind in "SUbiu"

    def _values(self, name: str) -> NDArray[Any]:
        return load_labels(self.path, [self._columns[name]], self.count)

    def _find_vectors(self) -> _npy.ArrayInfo:
        found = _npy.find_vectors(self._infos)
        if self.options.vectors is not None:
            return found[chosen(self.options.vectors, list(found), self.path)]
        if len(found) != 1:
            next_step = "save it with numpy.save"
            if found:
                next_step = f"choose one: {self.path.name}:vectors={list(found)[-1]}"
            raise DatasetError(
                f"one array of vectors (n, dim), real numbers, in {self.path}",
                found=_npy.listing(found or self._infos), next_step=next_step,
            )  # fmt: skip
        return next(iter(found.values()))


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register vectors in .npy and .npz files."""
    return [VectorArrays]
