"""Rows of one or several arrays of a file, read through the memory map where possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze_adapters.files.npy import map_rows
from latent_analyze_adapters.files.values import as_float32

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from latent_analyze_adapters.files.npy import ArrayInfo

BLOCK_VALUES = 1 << 22
"""Values per block while all are looked at: 16 MiB of float32."""


class LazyArrays(Mapping[str, Any]):
    """Arrays that are read when they are asked for: most columns of a table never are."""

    def __init__(self, readers: Mapping[str, Callable[[], NDArray[Any]]]) -> None:
        self._readers = readers

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._readers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


class ArrayRows:
    """The rows of arrays of one shape and dtype, one array after the other.

    It pickles as the path of the file and the names of the arrays.
    """

    def __init__(self, path: Path, infos: Sequence[ArrayInfo]) -> None:
        self.path, self.infos = path, list(infos)
        self.shape, self.dtype = self.infos[0].shape[1:], self.infos[0].dtype
        self.count = sum(info.shape[0] for info in self.infos)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        """Return these rows, in this order, in their own dtype (in native byte order)."""
        x, start = np.empty((len(rows), *self.shape), self.dtype.newbyteorder("=")), 0
        for info in self.infos:
            here = (rows >= start) & (rows < start + info.shape[0])
            if here.any():
                x[here] = self.array(info.name)[rows[here] - start]
            start += info.shape[0]
        return x

    def take_exact(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return these rows as float32; raises DatasetError if that would round whole numbers."""
        return as_float32(self.take(rows), self.infos[0].name, self.path)

    def blocks(self, count: int) -> Iterator[NDArray[np.generic]]:
        """Yield the first `count` rows in blocks."""
        step = max(BLOCK_VALUES // max(self.infos[0].row_size, 1), 1)
        for info in self.infos:
            array = self.array(info.name)[:count]
            for start in range(0, len(array), step):
                yield array[start : start + step]
            count -= len(array)

    def array(self, name: str) -> NDArray[np.generic]:
        """Return one of the arrays, whole."""
        if name not in self._arrays:
            self._arrays[name] = map_rows(self.path, name)
        return self._arrays[name]

    @cached_property
    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        return {}

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_arrays"}
