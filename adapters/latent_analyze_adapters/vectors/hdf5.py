"""Vectors in HDF5 files, including AnnData's .h5ad files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.plugin import Dataset, hookimpl, missing_dependency
from latent_analyze_adapters.files.damage import require_file
from latent_analyze_adapters.vectors.vector_tree import VectorTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latent_analyze_adapters.vectors.tree import Tree


class VectorHdf5(VectorTree):
    """Vectors in an HDF5 file: an array (n, dim) or, in AnnData's layout, X or one of obsm.

    In AnnData's layout, the columns of obs are labels, and obs_names are ids. Elsewhere both are
    arrays (n,) in the same group. Sparse rows are made dense chunk by chunk. Nothing outside the
    file is read.

    Parameters
    ----------
    location
        Path of the file.
    options
        `VectorTreeOptions`: limit, ids, labels, vectors.

    Raises
    ------
    DatasetError
        If the file is damaged, or it is unclear which array holds the vectors.
    MissingDependencyError
        If h5py is not installed.
    """

    name = "vector_hdf5"
    suffixes = (".h5ad", ".h5", ".hdf5", ".hdf")

    def _require_path(self) -> None:
        require_file(self.path)

    @classmethod
    def _tree_class(cls) -> type[Tree]:
        try:
            from latent_analyze_adapters.vectors.hdf5_tree import Hdf5Tree
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "h5py":
                raise
            raise missing_dependency("h5py", "hdf5", "HDF5 and AnnData files") from None
        return Hdf5Tree


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register vectors in HDF5 files."""
    return [VectorHdf5]
