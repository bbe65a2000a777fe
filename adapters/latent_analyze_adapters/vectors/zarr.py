"""Vectors in Zarr folders, including those of AnnData."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.plugin import Dataset, DatasetError, hookimpl
from latent_analyze_adapters.files.zarr_layout import is_zarr, zarr_files
from latent_analyze_adapters.vectors.vector_tree import VectorTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latent_analyze_adapters.vectors.tree import Tree


class VectorZarr(VectorTree):
    """Vectors in a Zarr folder: an array (n, dim) or, in AnnData's layout, X or one of obsm.

    In AnnData's layout, the columns of obs are labels, and obs_names are ids. Elsewhere both are
    arrays (n,) in the same group. Nothing outside the folder is read, and nothing is unpickled.

    Parameters
    ----------
    location
        Path of the folder.
    options
        `VectorTreeOptions`: limit, ids, labels, vectors.

    Raises
    ------
    DatasetError
        If the folder is damaged, or it is unclear which array holds the vectors.
    """

    name = "vector_zarr"

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether this is a folder with the metadata of Zarr."""
        try:
            return is_zarr(Path(location))
        except (OSError, ValueError):
            return False

    def _require_path(self) -> None:
        if not self.path.is_dir():
            found = "a file" if self.path.exists() else "no such folder"
            raise DatasetError(f"a folder {self.path}", found=found, next_step="check the path")

    @classmethod
    def _tree_class(cls) -> type[Tree]:
        from latent_analyze_adapters.vectors.zarr_tree import ZarrTree

        return ZarrTree

    @property
    def files(self) -> Sequence[Path]:
        """All files of the folder."""
        with self._readable():
            return [self.path / name for name in zarr_files(self.path)]


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register vectors in Zarr folders."""
    return [VectorZarr]
