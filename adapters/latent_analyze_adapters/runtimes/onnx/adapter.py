"""The adapter of ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from latent_analyze.plugin import Adapter, Bundle, DecoderSpec, EncoderSpec, Layout, hookimpl
from latent_analyze_adapters.models.adapter import FileAdapter
from latent_analyze_adapters.models.session import FolderOpener, ModelFile, Read, inside, unchanged
from latent_analyze_adapters.runtimes.onnx.devices import import_runtime
from latent_analyze_adapters.runtimes.onnx.files import load_proto, read_model_file
from latent_analyze_adapters.runtimes.onnx.safety.trial import vet_model_file
from latent_analyze_adapters.runtimes.onnx.session import OnnxSession
from latent_analyze_adapters.runtimes.onnx.surgery.halves import (
    find_halves,
    has_ends,
    look_upstream,
    part_of,
)
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import Wiring

if TYPE_CHECKING:
    from collections.abc import Sequence


class OnnxOpener(FolderOpener):
    """Reads and opens .onnx files; see `Opener`."""

    name: ClassVar[str] = "onnx"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    layout: ClassVar[Layout] = "HWC"
    takes_rows: ClassVar[bool] = False

    def halves(self, name: str, read: Read) -> tuple[EncoderSpec | None, DecoderSpec | None]:
        """Tell what a file is: both halves if it gives images back and z-points on the way."""
        file = read(EncoderSpec(file=name))
        both = find_halves(Wiring(load_proto(file.path)), OnnxSession(file.path, "cpu").graph)
        return both or super().halves(name, read)

    def read(self, half: EncoderSpec | DecoderSpec) -> ModelFile:
        """Read, check and try out a file, in another process."""
        return vet_model_file(inside(self.folder, half.file), trusted=self.trusted)

    def complete(self, bundle: Bundle, read: Read) -> tuple[Bundle, tuple[str, ...]]:
        """Name the tensors that hold mu and log_var where z is drawn inside the graph."""
        if bundle.encoder is None or bundle.encoder.mu is not None:
            return bundle, ()
        file = read(bundle.encoder)
        changes, notes = look_upstream(Wiring(load_proto(file.path)), bundle.encoder)
        encoder = bundle.encoder.model_copy(update=changes)
        return bundle.model_copy(update={"encoder": encoder}), notes

    def open(
        self, file: ModelFile, half: EncoderSpec | DecoderSpec, row: tuple[int, ...] | None
    ) -> OnnxSession:
        """Open a session, on a part of the graph if the half names tensors inside it."""
        del row
        unchanged(file, read_model_file(file.path, trusted=True))
        session = OnnxSession(file.path, self.device)
        if has_ends(session.graph, half):
            return session
        content = part_of(Wiring(load_proto(file.path)), half, file.path)
        return session if content is None else OnnxSession(file.path, self.device, content)


class OnnxRuntime(FileAdapter):
    """Opens ONNX models.

    A bundle folder with model.toml; a folder with encoder.onnx, decoder.onnx or both; or one .onnx
    file, which is then all that is opened.
    """

    name = OnnxOpener.name
    opener = OnnxOpener

    @classmethod
    def import_runtime(cls) -> object:
        """Import ONNX Runtime."""
        return import_runtime()


@hookimpl
def register_adapters() -> Sequence[type[Adapter]]:
    """Register ONNX Runtime."""
    return [OnnxRuntime]
