"""The adapter of Keras: .keras files, and behind trust .h5 files and SavedModels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from latent_analyze import (
    Adapter,
    DecoderSpec,
    EncoderSpec,
    Layout,
    ModelError,
    content_hash,
    file_sha256,
    hookimpl,
)
from latent_analyze_adapters import _entries as entries
from latent_analyze_adapters._keras_session import (
    KerasSession,
    SavedModelSession,
    import_keras,
    on_device,
)
from latent_analyze_adapters._places import is_model
from latent_analyze_adapters.file_adapter import FileAdapter
from latent_analyze_adapters.session import (
    FolderOpener,
    ModelFile,
    Session,
    cause,
    inside,
    unchanged,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGNATURE = "serving_default"


class KerasOpener(FolderOpener):
    """Reads and opens files of Keras; see `Opener`."""

    name: ClassVar[str] = "keras"
    suffixes: ClassVar[tuple[str, ...]] = (".keras", "", ".h5")
    layout: ClassVar[Layout] = "HWC"

    def halves(self, name: str) -> tuple[EncoderSpec | None, DecoderSpec | None]:
        """Tell what a file is: both halves if it has sub-models called encoder and decoder."""
        path = self.folder / name
        if path.suffix.lower() == ".keras" and not path.is_dir():
            whole = _load(path, safe_mode=not self.trusted)
            models = {layer.name for layer in whole.layers if hasattr(layer, "layers")}
            if {"encoder", "decoder"} <= models:
                return (
                    EncoderSpec(file=name, part="encoder"),
                    DecoderSpec(file=name, part="decoder"),
                )
        return super().halves(name)

    def read(self, half: EncoderSpec | DecoderSpec) -> ModelFile:
        """Hash a file or the files of a SavedModel, without opening it."""
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
        return ModelFile(path, sha256, size, "Keras", {"part": half.part})

    def open(
        self, file: ModelFile, half: EncoderSpec | DecoderSpec, row: tuple[int, ...] | None
    ) -> Session:
        """Open a file, if it is still the same.

        Raises
        ------
        ModelError
            If it can run code and is not trusted, is damaged, or has no such part.
        """
        del row
        unchanged(file, self.read(half))
        if file.path.is_dir():
            entries.require_trust(self.trusted, f"{file.path}, a SavedModel")
            return SavedModelSession(_signature(file.path, half), file.path.name, self.device)
        if file.path.suffix.lower() != ".keras":
            entries.require_trust(self.trusted, f"{file.path}, which is no .keras file")
        with on_device(self.device):
            model = _load(file.path, safe_mode=not self.trusted)
        part, inputs = _part(model, half, file.path)
        return KerasSession(part, file.path.name, self.device, inputs)


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


def not_keras(path: Path, found: str) -> ModelError:
    """Return the error for a file that is no model."""
    return ModelError(
        f"a Keras model in {path}", found=found,
        next_step="save it with model.save('model.keras'), or export it to ONNX",
    )  # fmt: skip


def _load(path: Path, *, safe_mode: bool) -> Any:
    keras = import_keras()
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=safe_mode)
    # Damaged archives raise whatever comes first: zip, JSON, HDF5, Keras.
    except Exception as error:
        if safe_mode and ("safe_mode" in str(error) or "Lambda" in str(error)):
            entries.require_trust(False, f"{path}, which holds a Lambda layer")
        raise not_keras(path, cause(error)) from error
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise not_keras(path, "a model that was not built: it does not say its shapes")
    return model


def _signature(path: Path, half: EncoderSpec | DecoderSpec) -> Any:
    try:
        import tensorflow as tf

        signatures = tf.saved_model.load(str(path)).signatures
    except Exception as error:
        raise not_keras(path, cause(error)) from error
    name = half.part or SIGNATURE
    if name not in signatures:
        raise ModelError(
            f"a signature {name!r} in {path}", found=", ".join(map(repr, signatures)) or "none",
            next_step="name one as part in model.toml",
        )  # fmt: skip
    return signatures[name]


def _part(model: Any, half: EncoderSpec | DecoderSpec, path: Path) -> tuple[Any, list[str] | None]:
    """Return a sub-model by name; of a plain layer, what leads to it or what follows from it.

    Where the part begins inside the model, names for its inputs come with it.
    """
    keras = import_keras()
    layers = {layer.name: layer for layer in model.layers}
    name = half.part or _inner_end(model, half, layers)
    if name is None:
        return model, None
    if name not in layers:
        raise ModelError(
            f"a sub-model or layer {name!r} in {path}", found=", ".join(map(repr, layers)),
            next_step="correct part in model.toml",
        )  # fmt: skip
    layer = layers[name]
    if isinstance(layer, keras.Model):
        return layer, None
    try:
        if isinstance(half, EncoderSpec):
            return keras.Model(model.inputs, _ends(half, layers, layer)), None
        return keras.Model(layer.input, model.outputs), [layer.name]
    # Keras raises errors of many kinds for layers that cannot be cut off.
    except Exception as error:
        raise ModelError(
            f"a layer at which {path} can be cut in two", found=f"{name}: {cause(error)}",
            next_step="name another layer, or save encoder and decoder each to a file",
        ) from error  # fmt: skip


def _inner_end(model: Any, half: EncoderSpec | DecoderSpec, layers: dict[str, Any]) -> str | None:
    """Return the layer that model.toml calls mu, if it is inside the model."""
    mu = half.mu if isinstance(half, EncoderSpec) else None
    return mu if mu in layers and mu not in model.output_names else None


def _ends(half: EncoderSpec, layers: dict[str, Any], layer: Any) -> dict[str, Any]:
    """Return the outputs of an encoder that ends inside a model, by layer."""
    names = [name for name in (half.mu, half.log_var) if name in layers] or [layer.name]
    return {name: layers[name].output for name in names}


@hookimpl
def register_adapters() -> Sequence[type[Adapter]]:
    """Register Keras."""
    return [KerasRuntime]
