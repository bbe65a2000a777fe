"""Tables of NumPy: a structured array in an .npy file, or arrays (n,) by name in an .npz."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze_adapters.files.labels import as_labels
from latent_analyze_adapters.files.npy import map_rows, refuse_objects
from latent_analyze_adapters.vectors.chunked import chunk_bounds
from latent_analyze_adapters.vectors.columns import Column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from latent_analyze_adapters.files.npy import ArrayInfo
    from latent_analyze_adapters.vectors.columns import Form

FORMS: dict[str, Form] = {
    "f": "float", "i": "integer", "u": "integer", "b": "boolean", "U": "text", "S": "text",
}  # fmt: skip
"""Kind of a dtype -> what the values of a column are."""


DAMAGE = (OSError, ValueError, MemoryError)


class NumpyTable:
    """The fields of a structured array, or the arrays (n,) of an .npz; see `TableFile`.

    Parameters
    ----------
    path
        The file.
    infos
        Its arrays: one that is structured, or several of one length.

    Raises
    ------
    DatasetError
        If a column holds Python objects.
    """

    def __init__(self, path: Path, infos: Mapping[str, ArrayInfo]) -> None:
        refuse_objects(infos.values(), path)
        self.path = path
        name, first = next(iter(infos.items()))
        self._structured = name if first.dtype.names else ""
        self._dtypes = {name: info.dtype for name, info in infos.items()}
        if self._structured:
            self._dtypes = {name: field[0] for name, field in (first.dtype.fields or {}).items()}
        self.columns = {name: _column(name, dtype) for name, dtype in self._dtypes.items()}
        self.names = list(self.columns)
        width = sum(max(dtype.itemsize // 4, 1) for dtype in self._dtypes.values())
        self.bounds = chunk_bounds(first.shape[0], width)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a row of a field."""
        return self._dtypes[name].shape

    def read(self, index: int, names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
        """Return columns of a chunk, (rows, ...)."""
        rows = slice(*self.bounds[index : index + 2].tolist())
        return {name: np.asarray(self._array(name)[rows]) for name in names}

    def labels(self, name: str, chunks: int) -> NDArray[np.generic]:
        """Return a column of the first chunks as int64 or text."""
        return as_labels(np.asarray(self._array(name)[: int(self.bounds[chunks])]))

    def _array(self, name: str) -> NDArray[np.generic]:
        stored = self._structured or name
        if stored not in self._arrays:
            self._arrays[stored] = map_rows(self.path, stored)
        return self._arrays[stored][name] if self._structured else self._arrays[stored]

    @cached_property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {}


def _column(name: str, dtype: np.dtype[np.generic]) -> Column:
    inner = dtype.subdtype[0] if dtype.subdtype else dtype
    form = FORMS.get(inner.kind, "other")
    if dtype.subdtype:
        form = "list" if inner.kind in "fiu" else "other"
    return Column(name, form, str(inner), whole=inner.kind in "iu")
