"""The adapter of Keras: .keras files, and behind trust .h5 files and SavedModels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from latent_analyze.plugin import (
    Adapter,
    DecoderSpec,
    EncoderSpec,
    Layout,
    content_hash,
    file_sha256,
    hookimpl,
)
from latent_analyze_adapters.models import entries as entries
from latent_analyze_adapters.models.adapter import FileAdapter
from latent_analyze_adapters.models.location import is_model
from latent_analyze_adapters.models.session import (
    FolderOpener,
    ModelFile,
    Read,
    Session,
    inside,
    unchanged,
)
from latent_analyze_adapters.runtimes.keras.files import load_model, load_signature, not_keras
from latent_analyze_adapters.runtimes.keras.loading import import_keras
from latent_analyze_adapters.runtimes.keras.parts import part_of
from latent_analyze_adapters.runtimes.keras.session import (
    KerasSession,
    SavedModelSession,
    on_device,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class KerasOpener(FolderOpener):
    """Reads and opens files of Keras; see `Opener`."""

    name: ClassVar[str] = "keras"
    suffixes: ClassVar[tuple[str, ...]] = (".keras", "", ".h5")
    layout: ClassVar[Layout] = "HWC"

    def halves(self, name: str, read: Read) -> tuple[EncoderSpec | None, DecoderSpec | None]:
        """Tell what a file is: both halves if it has sub-models called encoder and decoder."""
        path = self.folder / name
        if not path.is_dir():
            whole = self._load(EncoderSpec(file=name), path)
            models = {layer.name for layer in whole.layers if hasattr(layer, "layers")}
            if {"encoder", "decoder"} <= models:
                return (
                    EncoderSpec(file=name, part="encoder"),
                    DecoderSpec(file=name, part="decoder"),
                )
        return super().halves(name, read)

    def read(self, half: EncoderSpec | DecoderSpec) -> ModelFile:
        """Hash a file or the files of a SavedModel, without opening it, and import its entry."""
        path = inside(self.folder, half.file)
        try:
            files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
            size = sum(file.stat().st_size for file in files)
            hashes = [(f.relative_to(self.folder).as_posix(), file_sha256(f)) for f in files]
        except OSError as error:
            raise not_keras(path, (error.strerror or str(error)).lower()) from None
        if path.is_dir() and not is_model(path):
            raise not_keras(path, "a folder that is no SavedModel")
        sha256 = hashes[0][1] if len(hashes) == 1 else content_hash(*map(str, hashes))
        facts = {"part": half.part}
        entry = self._entry(half)
        if entry is not None:
            sha256 = content_hash(sha256, entries.entry_sha256(entry, str(half.entry)))
            facts["entry"] = half.entry
        return ModelFile(path, sha256, size, "Keras", facts)

    def open(
        self, file: ModelFile, half: EncoderSpec | DecoderSpec, row: tuple[int, ...] | None
    ) -> Session:
        """Open a file, if it is still the same.

        Raises
        ------
        ModelError
            If it can run code and is not trusted, is damaged, or has no such part.
        """
        unchanged(file, self.read(half))
        if file.path.is_dir():
            entries.require_trust(self.trusted, f"{file.path}, a SavedModel")
            with on_device(self.device):
                signature = load_signature(file.path, half.part)
            return SavedModelSession(signature, file.path.name, self.device, row)
        with on_device(self.device):
            model, inputs = part_of(self._load(half, file.path), half, file.path, row)
        return KerasSession(model, inputs, file.path.name, self.device)

    def _load(self, half: EncoderSpec | DecoderSpec, path: Path) -> Any:
        if path.suffix.lower() != ".keras":
            entries.require_trust(self.trusted, f"{path}, which is no .keras file")
        return load_model(path, safe_mode=not self.trusted, entry=self._entry(half))

    def _entry(self, half: EncoderSpec | DecoderSpec) -> entries.Entry | None:
        if half.entry is None:
            return None
        entries.require_trust(self.trusted, f"the code of {half.entry}")
        return entries.load_entry(half.entry, self.folder)


class KerasRuntime(FileAdapter):
    """Opens Keras models.

    ``.keras`` files in Keras' safe mode; with trust those with Lambda layers too, ``.h5`` files and
    SavedModels. Encoder and decoder are files of their own, or sub-models or layers of one.
    """

    name = KerasOpener.name
    opener = KerasOpener

    @classmethod
    def import_runtime(cls) -> object:
        """Import Keras."""
        return import_keras()


@hookimpl
def register_adapters() -> Sequence[type[Adapter]]:
    """Register Keras."""
    return [KerasRuntime]
