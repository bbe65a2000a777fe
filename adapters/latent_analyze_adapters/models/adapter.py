"""Base class of the adapters whose models are files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from latent_analyze.plugin import Adapter, Bundle, Model, Sample, Signature
from latent_analyze_adapters.models.configs import folder_config
from latent_analyze_adapters.models.graph import Role
from latent_analyze_adapters.models.location import at_path, find_bundle, folder_of, is_model_for
from latent_analyze_adapters.models.model import FileModel
from latent_analyze_adapters.models.session import Opener
from latent_analyze_adapters.models.session_cache import SessionCache
from latent_analyze_adapters.models.signatures.checking import checked
from latent_analyze_adapters.models.signatures.find import Search
from latent_analyze_adapters.models.signatures.stated import apply_stated

ENDS = frozenset({"mu", "part"})
"""Keys that say where an encoder ends."""


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
        bundle, cache = self._found(path, device=device, trust=trust)
        return FileModel(path, bundle, cache, image_shape=image_shape)

    def open_for(
        self,
        path: Path,
        sample: Sample,
        *,
        device: str | None = None,
        trust: bool = False,
        stated: Mapping[str, str] = MappingProxyType({}),
    ) -> Model:
        """Open a model for data, and find out by trying what its files mean; see `Adapter`."""
        cut = not ENDS.isdisjoint(key.removeprefix("encoder.") for key in stated)
        bundle, cache = self._found(path, device=device, trust=trust, role="encoder", cut=cut)
        bundle = apply_stated(bundle, stated)
        if bundle.encoder is None:
            shape = tuple(sample.x.shape[1:]) if sample.kind == "images" else None
            return FileModel(path, bundle, cache, image_shape=shape)
        return open_with_signature(path, bundle, cache, sample=sample)

    def reopen(
        self, path: Path, signature: Signature, *, device: str | None = None, trust: bool = False
    ) -> Model:
        """Open a model with a signature that was found before; see `Adapter`."""
        self.import_runtime()
        cache = SessionCache(self.opener(folder_of(path), device, trust))
        bundle = at_path(signature.bundle, path, cache.opener, cache.file)
        return FileModel(path, bundle, cache, signature=signature)

    def _found(
        self,
        path: Path,
        *,
        device: str | None,
        trust: bool,
        role: Role | None = None,
        cut: bool = False,
    ) -> tuple[Bundle, SessionCache]:
        self.import_runtime()
        opener = self.opener(folder_of(path), device, trust)
        cache = SessionCache(opener)
        return find_bundle(path, opener, cache.file, role=role, cut=cut), cache


def open_with_signature(
    path: Path,
    bundle: Bundle,
    cache: SessionCache,
    *,
    sample: Sample,
    given: Collection[str] = (),
) -> FileModel:
    """Open a model with an encoder for data: its signature is found by trying, and checked.

    Parameters
    ----------
    path
        Where it is.
    bundle
        What is stated.
    cache
        Opens its files or objects.
    sample
        Some rows of the data.
    given
        Keys of the bundle that nobody stated, but that say how the rows are: ``encoder.range``.
    """
    completed, _ = cache.opener.complete(bundle, cache.file)
    facts = cache.opener.facts(bundle, cache.file)
    search = Search(cache, completed, facts, sample, folder_config(cache.opener.folder))
    signature = checked(search, given)
    return FileModel(path, signature.bundle, cache, signature=signature)
