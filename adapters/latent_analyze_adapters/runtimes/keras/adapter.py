"""The adapter for Keras: .keras files and, with trust, .h5 files and SavedModels."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

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
from latent_analyze_adapters.models.graph import NetworkSpec, Shape
from latent_analyze_adapters.models.location import is_model
from latent_analyze_adapters.models.messages import os_cause
from latent_analyze_adapters.models.objects import ObjectAdapter
from latent_analyze_adapters.models.roles import ROLES
from latent_analyze_adapters.models.session import (
    FolderOpener,
    ModelFile,
    Read,
    Session,
    Specs,
    bundle_path,
    require_unchanged,
)
from latent_analyze_adapters.runtimes.keras.files import load_model, load_signature, not_keras
from latent_analyze_adapters.runtimes.keras.loading import import_keras
from latent_analyze_adapters.runtimes.keras.objects import KerasModelOpener
from latent_analyze_adapters.runtimes.keras.objects import is_model as is_keras_model
from latent_analyze_adapters.runtimes.keras.parts import extract_network
from latent_analyze_adapters.runtimes.keras.rebuilding import SavedFunction
from latent_analyze_adapters.runtimes.keras.saved_mode import evaluated
from latent_analyze_adapters.runtimes.keras.session import (
    KerasSession,
    SavedModelSession,
    on_device,
)
from latent_analyze_adapters.runtimes.keras.training_mode import training_layers, training_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from latent_analyze.plugin import Bundle


class KerasOpener(FolderOpener):
    """Reads and opens files of Keras; see `Opener`."""

    name: ClassVar[str] = "keras"
    suffixes: ClassVar[tuple[str, ...]] = (".keras", "", ".h5")
    default_layout: ClassVar[Layout] = "HWC"

    def infer_specs(self, name: str, read: Read) -> Specs:
        """Find out what a file holds: both networks if there are submodels encoder and decoder."""
        path = self.folder / name
        if not path.is_dir():
            whole = self._load(EncoderSpec(file=name), path)
            models = {layer.name for layer in whole.layers if hasattr(layer, "layers")}
            if {"encoder", "decoder"} <= models:
                return (
                    EncoderSpec(file=name, part="encoder"),
                    DecoderSpec(file=name, part="decoder"),
                )
        return super().infer_specs(name, read)

    def read(self, spec: NetworkSpec) -> ModelFile:
        """Hash a file, or the files of a SavedModel, without opening it, and import its entry."""
        path = bundle_path(self.folder, spec.file)
        try:
            files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
            size = sum(file.stat().st_size for file in files)
            hashes = [(f.relative_to(self.folder).as_posix(), file_sha256(f)) for f in files]
        except OSError as error:
            raise not_keras(path, os_cause(error)) from None
        if path.is_dir() and not is_model(path):
            raise not_keras(path, "a folder that is not a SavedModel")
        sha256 = hashes[0][1] if len(hashes) == 1 else content_hash(*map(str, hashes))
        facts = {"part": spec.part}
        entry = self._entry(spec)
        if entry is not None:
            sha256 = content_hash(sha256, entries.entry_sha256(entry, str(spec.entry)))
            facts["entry"] = spec.entry
        if _keeps(spec):
            sha256 = content_hash(sha256, spec.batch_mode)
        return ModelFile(path, sha256, size, "Keras", facts)

    def complete(self, bundle: Bundle, read: Read) -> tuple[Bundle, tuple[str, ...]]:
        """Return the bundle unchanged, and notes about layers that are in training mode."""
        specs = {role: spec for role in ROLES if (spec := getattr(bundle, role)) is not None}
        notes = []
        for role, spec in specs.items():
            found = training_note(self._training_layers(read(spec), spec), _keeps(spec))
            notes += [f"{role}: {note}" for note in found]
        return bundle, tuple(notes)

    def open(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> Session:
        """Open a file, if it is still the same.

        Raises
        ------
        ModelError
            If it can run code and is not trusted, is damaged, or has no such part.
        """
        require_unchanged(file, self.read(spec))
        if file.path.is_dir():
            function = self._saved(file, spec)[0]
            return SavedModelSession(function, file.path.name, self.device, row_shape)
        with on_device(self.device):
            whole = self._load(spec, file.path)
            model, inputs = extract_network(whole, spec, file.path, row_shape)
        return KerasSession(model, inputs, file.path.name, self.device, keep=_keeps(spec))

    def _training_layers(self, file: ModelFile, spec: NetworkSpec) -> tuple[str, ...]:
        """Return the kinds of layers that a file calls in training mode."""
        return self._saved(file, spec)[1] if file.path.is_dir() else training_layers(file.path)

    @cached_property
    def _functions(self) -> dict[tuple[str, str | None], tuple[SavedFunction, tuple[str, ...]]]:
        """Functions of SavedModels by hash and part, with what of them was in training mode."""
        return {}

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_functions"}

    def _saved(self, file: ModelFile, spec: NetworkSpec) -> tuple[SavedFunction, tuple[str, ...]]:
        """Return a function of a SavedModel, as in evaluation unless it is to be kept as it is."""
        entries.require_trust(self.trusted, f"{file.path}, a SavedModel")
        key = file.sha256, spec.part
        if key not in self._functions:
            with on_device(self.device):
                function = load_signature(file.path, spec.part)
                self._functions[key] = evaluated(function, file.path.name, keep=_keeps(spec))
        return self._functions[key]

    def _load(self, spec: NetworkSpec, path: Path) -> keras.Model:
        if path.suffix.lower() != ".keras":
            entries.require_trust(self.trusted, f"{path}, which is not a .keras file")
        return load_model(path, safe_mode=not self.trusted, entry=self._entry(spec))

    def _entry(self, spec: NetworkSpec) -> entries.Entry | None:
        if spec.entry is None:
            return None
        entries.require_trust(self.trusted, f"the code of {spec.entry}")
        return entries.load_entry(spec.entry, self.folder)


def _keeps(spec: NetworkSpec) -> bool:
    return spec.batch_mode == "keep"


class KerasRuntime(ObjectAdapter):
    """Opens Keras models.

    These are ``.keras`` files in Keras' safe mode and, with trust, also those with Lambda layers,
    ``.h5`` files and SavedModels. Encoder and decoder are separate files, or submodels or layers of
    one.
    """

    name = KerasOpener.name
    opener = KerasOpener
    object_opener = KerasModelOpener

    @classmethod
    def import_runtime(cls) -> object:
        """Import Keras."""
        return import_keras()

    @classmethod
    def adopts(cls, value: object) -> bool:
        """Whether this is a Keras model."""
        return is_keras_model(value)


@hookimpl
def register_adapters() -> Sequence[type[Adapter]]:
    """Register Keras."""
    return [KerasRuntime]
