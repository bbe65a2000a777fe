"""The adapters whose models are files: the part that they share."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from latent_analyze.plugin import Adapter, Model
from latent_analyze_adapters.models.location import bundle_at, folder_of, is_for
from latent_analyze_adapters.models.model import FileModel
from latent_analyze_adapters.models.opened import Opened
from latent_analyze_adapters.models.session import Opener


class FileAdapter(Adapter):
    """Opens models in files: a bundle folder, a folder with both halves, or one bare file."""

    opener: ClassVar[type[Opener]]

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether it is a file of this runtime, or a folder with one or with its model.toml."""
        return is_for(path, cls.name)

    @classmethod
    @abstractmethod
    def import_runtime(cls) -> object:
        """Import the runtime, or raise MissingDependencyError."""

    def open(
        self,
        path: Path,
        *,
        device: str | None = None,
        trust: bool = False,
        image_shape: tuple[int, ...] | None = None,
    ) -> Model:
        """Open a model.

        Parameters
        ----------
        path
            Folder or file.
        device
            ``"cpu"``, ``"cuda"``, or None for CUDA where it can load.
        trust
            Whether the model may run code and the checks of it are left out.
        image_shape
            (H, W, C) of the images at hand, for what neither model.toml nor the files tell.

        Raises
        ------
        ModelError
            If nothing usable is there.
        MissingDependencyError
            If the runtime is not installed.
        """
        self.import_runtime()
        opener = self.opener(folder_of(path), device, trust)
        opened = Opened(opener)
        bundle = bundle_at(path, opener, opened.file)
        return FileModel(path, bundle, opened, image_shape=image_shape)
