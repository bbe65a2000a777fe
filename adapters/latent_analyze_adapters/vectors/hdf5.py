"""Vectors in HDF5 files, AnnData's .h5ad among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.plugin import Dataset, hookimpl, missing_dependency
from latent_analyze_adapters.vectors.rows import is_file_of, require_file
from latent_analyze_adapters.vectors.trees import VectorTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latent_analyze_adapters.vectors.tree_files import Tree

SUFFIXES = (".h5ad", ".h5", ".hdf5", ".hdf")


class VectorHdf5(VectorTree):
    """Vectors in an HDF5 file: an array (n, dim), or X or one of obsm in AnnData's layout.

    Labels are the columns of AnnData's obs, ids its obs_names; elsewhere, arrays (n,) in the group
    of the vectors. Sparse rows become dense chunk by chunk. Nothing outside the file is read.

    Parameters
    ----------
    location
        Path of the file.
    options
        `VectorTreeOptions`: limit, ids, labels, vectors.

    Raises
    ------
    DatasetError
        If the file is damaged, or it cannot be told which array holds the vectors.
    MissingDependencyError
        If h5py is not installed.
    """

    name = "vector_hdf5"

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether it is a file with a suffix of HDF5."""
        return is_file_of(location, SUFFIXES)

    def _require(self) -> None:
        require_file(self.path)

    @classmethod
    def _tree_class(cls) -> type[Tree]:
        try:
            from latent_analyze_adapters.vectors.hdf5_files import Hdf5Tree
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "h5py":
                raise
            raise missing_dependency("h5py", "hdf5", "HDF5 and AnnData files") from None
        return Hdf5Tree


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register vectors in HDF5 files."""
    return [VectorHdf5]
