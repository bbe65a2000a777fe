"""Vectors in .npy and .npz files: z-points as they are, or the input of a model of vectors."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, PositiveInt

from latent_analyze import (
    ArraySource,
    Dataset,
    DatasetError,
    Items,
    Options,
    TensorSpec,
    content_hash,
    file_sha256,
    hookimpl,
)
from latent_analyze_adapters import _npy
from latent_analyze_adapters._labels import find_labels, load_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class VectorArrayOptions(Options):
    """Options of `VectorArrays`."""

    limit: PositiveInt | None = Field(None, description="only the first so many vectors")


class VectorArrays(Dataset):
    """Vectors in an .npy file (n, dim), memory-mapped, or as the only such array of an .npz.

    Labels as in `ImageArrays`: ``y``, ``labels`` or ``label``, and any array of shape (n,) by its
    own name. Files are never unpickled.

    Parameters
    ----------
    location
        Path of the file.
    options
        `VectorArrayOptions`: limit.

    Raises
    ------
    DatasetError
        If there is no array of vectors, or more than one.
    """

    name = "vector_arrays"
    kind = "vectors"
    Options: ClassVar[type[Options]] = VectorArrayOptions

    def __init__(self, location: str, options: Any = None) -> None:
        self.path, self.options = Path(location), options or VectorArrayOptions()
        infos = _npy.peek(self.path)
        self.location = str(self.path.resolve())
        info = _npy.find_vectors(infos)
        if info is None or 0 in info.shape:
            raise DatasetError(
                f"one array of vectors (n, dim), real numbers, in {self.path}",
                found=_npy.listing(infos), next_step="save it with numpy.save",
            )  # fmt: skip
        self._array_name = info.name
        self._label_arrays = find_labels(infos, info, self.path)
        self.count = min(info.shape[0], self.options.limit or info.shape[0])
        self.item = TensorSpec(shape=(info.shape[1],))

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether it is an .npy or .npz file that holds vectors and no images."""
        path = Path(location)
        return path.suffix.lower() in _npy.SUFFIXES and _npy.holds_vectors(path)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the file and of the options."""
        return content_hash(self.name, file_sha256(self.path), self.options.model_dump_json())

    @property
    def label_names(self) -> Sequence[str]:
        """Labels found in the file."""
        return tuple(self._label_arrays)

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""
        return Items(
            x=np.asarray(self._vectors[rows], np.float32),
            ids=[str(row) for row in rows],
            labels={name: values[rows] for name, values in self._labels.items()},
        )

    def source(self, label: str = "data") -> ArraySource:
        """Return the vectors as z-points, called `label` in reports."""
        return _FileSource(self, label)

    @cached_property
    def _vectors(self) -> NDArray[Any]:
        return _npy.load(self.path, self._array_name)[: self.count]

    @cached_property
    def _labels(self) -> dict[str, NDArray[Any]]:
        return {
            label: load_labels(self.path, [name], self.count)
            for label, name in self._label_arrays.items()
        }

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_vectors", "_labels")}


class _FileSource(ArraySource):
    """An `ArraySource` that goes to another process by its path, not with its rows."""

    def __init__(self, dataset: VectorArrays, label: str) -> None:
        super().__init__(dataset._vectors, label, labels=dataset._labels)
        self._dataset = dataset

    def __reduce__(self) -> tuple[Any, ...]:
        return _FileSource, (self._dataset, self.label)


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register vectors in .npy and .npz files."""
    return [VectorArrays]
