"""Base class of the adapters whose models are files."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from latent_analyze.plugin import Adapter, Model
from latent_analyze_adapters.models.location import find_bundle, folder_of, is_model_for
from latent_analyze_adapters.models.model import FileModel
from latent_analyze_adapters.models.session import Opener
from latent_analyze_adapters.models.session_cache import SessionCache


class FileAdapter(Adapter):
    """Opens models in files: a bundle, a folder with an encoder and a decoder, or a single file."""

    opener: ClassVar[type[Opener]]

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether this is a file of this runtime, or a folder with such files or its model.toml."""
        return is_model_for(path, cls.name)

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
            ``"cpu"``, ``"cuda"``, or None for CUDA if it can be loaded.
        trust
            Whether the model may run code, and the checks of it are skipped.
        image_shape
            (H, W, C) of the images at hand, for what neither model.toml nor the files state.

        Raises
        ------
        ModelError
            If there is nothing usable.
        MissingDependencyError
            If the runtime is not installed.
        """
        self.import_runtime()
        opener = self.opener(folder_of(path), device, trust)
        cache = SessionCache(opener)
        bundle = find_bundle(path, opener, cache.file)
        return FileModel(path, bundle, cache, image_shape=image_shape)
