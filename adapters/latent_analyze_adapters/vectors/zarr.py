"""Vectors in Zarr folders, AnnData's among them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.plugin import Dataset, DatasetError, content_hash, file_sha256, hookimpl
from latent_analyze_adapters.files.zarr_layout import is_zarr, zarr_files
from latent_analyze_adapters.vectors.trees import VectorTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latent_analyze_adapters.vectors.tree_files import Tree


class VectorZarr(VectorTree):
    """Vectors in a Zarr folder: an array (n, dim), or X or one of obsm in AnnData's layout.

    Labels are the columns of AnnData's obs, ids its obs_names; elsewhere, arrays (n,) in the group
    of the vectors. Nothing outside the folder is read, and nothing is unpickled.

    Parameters
    ----------
    location
        Path of the folder.
    options
        `VectorTreeOptions`: limit, ids, labels, vectors.

    Raises
    ------
    DatasetError
        If the folder is damaged, or it cannot be told which array holds the vectors.
    """

    name = "vector_zarr"

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether it is a folder with the metadata of Zarr."""
        try:
            return is_zarr(Path(location))
        except (OSError, ValueError):
            return False

    def _require(self) -> None:
        if not self.path.is_dir():
            found = "a file" if self.path.exists() else "no such folder"
            raise DatasetError(f"a folder {self.path}", found=found, next_step="check the path")

    @classmethod
    def _tree_class(cls) -> type[Tree]:
        from latent_analyze_adapters.vectors.zarr_folders import ZarrTree

        return ZarrTree

    def _sha256(self) -> str:
        with self._readable():
            return content_hash({n: file_sha256(self.path / n) for n in zarr_files(self.path)})


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register vectors in Zarr folders."""
    return [VectorZarr]
