"""HDF5 and both versions of Zarr behind one interface, so that one suite can test them all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import zarr
from adapter_testing import first_row, opener, refuser

from latent_analyze import DatasetError
from latent_analyze_adapters.vectors.hdf5 import VectorHdf5
from latent_analyze_adapters.vectors.zarr import VectorZarr

TEXT = h5py.string_dtype()


class Format:
    """A format with groups, arrays and attributes.

    Attributes
    ----------
    cls
        The data set that reads it.
    suffix
        Of a file or folder.
    """

    cls: type
    suffix: str

    def __init__(self) -> None:
        self.opened = opener(self.cls)
        self.refused = refuser(self.opened, first_row)

    @contextmanager
    def root(self, path: Path) -> Iterator[Any]:
        """Give the root group to write into, which is made if there is none."""
        raise NotImplementedError

    def create(self, parent: Any, name: str, values: Any, **storage: Any) -> Any:
        """Write an array; strings of any length for an array of text."""
        raise NotImplementedError

    def wide(self, path: Path, shape: tuple[int, int]) -> None:
        """Write the metadata alone of an array called z, float32."""
        raise NotImplementedError

    def reference(self, array: Any) -> Any:
        """Return what AnnData 0.7 puts into the attribute "categories"."""
        raise NotImplementedError

    def write(self, path: Path, **arrays: Any) -> Path:
        with self.root(path) as root:
            for name, values in arrays.items():
                self.create(root, name, values)
        return path

    def encoded(self, parent: Any, name: str, kind: str, **arrays: Any) -> Any:
        """Write a group of AnnData: a sparse matrix, a categorical, ..."""
        part = parent.create_group(name)
        part.attrs["encoding-type"], part.attrs["encoding-version"] = kind, "0.1.0"
        for key, values in arrays.items():
            self.create(part, key, values)
        return part

    def csr(self, parent: Any, name: str, z: np.ndarray, kind: str = "csr_matrix") -> Any:
        row, column = np.nonzero(z)
        ends = np.searchsorted(row, np.arange(len(z) + 1))
        part = self.encoded(parent, name, kind, data=z[row, column], indices=column, indptr=ends)
        part.attrs["shape"] = list(z.shape)
        return part

    def write_anndata(
        self, path: Path, z: np.ndarray, *, sparse: bool = False, obsm: tuple[str, ...] = ()
    ) -> Path:
        """Write the layout of anndata 0.8 and later."""
        count = len(z)
        with self.root(path) as root:
            root.attrs["encoding-type"] = "anndata"
            self.csr(root, "X", z) if sparse else self.create(root, "X", z)
            for name in obsm:
                self.create(root.require_group("obsm"), name, z[:, :2])
            self.create(root.create_group("layers"), "raw", z)
            root.create_group("var")
            obs = self.encoded(
                root, "obs", "dataframe", cell=[f"cell {i}" for i in range(count)],
                depth=np.arange(count), score=np.linspace(0, 1, count),
            )  # fmt: skip
            obs.attrs["_index"] = "cell"
            codes = np.arange(count) % 2
            lost = np.where(np.arange(count) == 1, -1, codes)
            self.categorical(obs, "type", codes)
            self.categorical(obs, "lost", lost)
            mask = np.arange(count) == 2
            self.encoded(obs, "batch", "nullable-integer", values=codes, mask=mask)
        return path

    def categorical(self, obs: Any, name: str, codes: np.ndarray) -> None:
        self.encoded(obs, name, "categorical", codes=codes.astype("i1"), categories=["B", "T"])

    def outcome(self, path: Path) -> str:
        """Return the message of an error, or "a result"."""
        try:
            dataset = self.opened(path)
            dataset.read(np.arange(min(dataset.count, 50)))
        except DatasetError as error:
            return str(error)
        return "a result"


class Hdf5(Format):
    cls, suffix = VectorHdf5, ".h5"

    @contextmanager
    def root(self, path: Path) -> Iterator[Any]:
        with h5py.File(path, "a") as file:
            yield file

    def create(self, parent: Any, name: str, values: Any, **storage: Any) -> Any:
        is_text = np.asarray(values).dtype.kind == "U"
        data = np.asarray(values).astype(object) if is_text else values
        return parent.create_dataset(name, data=data, dtype=TEXT if is_text else None, **storage)

    def wide(self, path: Path, shape: tuple[int, int]) -> None:
        with self.root(path) as root:
            root.create_dataset("z", shape, "f4", chunks=(1, 1024))

    def reference(self, array: Any) -> Any:
        return array.ref


class Zarr(Format):
    cls, suffix = VectorZarr, ".zarr"

    def __init__(self, version: int) -> None:
        super().__init__()
        self.version = version

    def group(self, path: Path) -> Any:
        return zarr.open_group(path, mode="a", zarr_format=self.version)

    @contextmanager
    def root(self, path: Path) -> Iterator[Any]:
        yield self.group(path)

    def create(self, parent: Any, name: str, values: Any, **storage: Any) -> Any:
        values = np.asarray(values)
        kind = str if values.dtype.kind == "U" else values.dtype
        array = parent.create_array(name, shape=values.shape, dtype=kind, **storage)
        array[:] = values.astype(object) if kind is str else values
        return array

    def wide(self, path: Path, shape: tuple[int, int]) -> None:
        self.group(path).create_array("z", shape=shape, chunks=(1, 1024), dtype="f4")

    def reference(self, array: Any) -> Any:
        return array.path


HDF5, ZARR_2, ZARR_3 = Hdf5(), Zarr(2), Zarr(3)
FORMATS = {"hdf5": HDF5, "zarr-2": ZARR_2, "zarr-3": ZARR_3}
