"""The adapter for ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from latent_analyze.plugin import Adapter, Bundle, EncoderSpec, Layout, hookimpl
from latent_analyze_adapters.models.adapter import FileAdapter
from latent_analyze_adapters.models.graph import NetworkSpec, Shape
from latent_analyze_adapters.models.session import (
    FolderOpener,
    ModelFile,
    Read,
    Specs,
    bundle_path,
    require_unchanged,
)
from latent_analyze_adapters.runtimes.onnx.devices import import_runtime
from latent_analyze_adapters.runtimes.onnx.files import load_proto, read_model_file
from latent_analyze_adapters.runtimes.onnx.safety.trial import vet_model_file
from latent_analyze_adapters.runtimes.onnx.session import OnnxSession
from latent_analyze_adapters.runtimes.onnx.surgery.split import (
    extract_network,
    find_posterior,
    has_stated_tensors,
    split_autoencoder,
)
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex

if TYPE_CHECKING:
    from collections.abc import Sequence


class OnnxOpener(FolderOpener):
    """Reads and opens .onnx files; see `Opener`."""

    name: ClassVar[str] = "onnx"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    default_layout: ClassVar[Layout] = "HWC"
    needs_row_shape: ClassVar[bool] = False

    def infer_specs(self, name: str, read: Read) -> Specs:
        """Find out what a file holds: both networks if it returns images by way of z-points."""
        file = read(EncoderSpec(file=name))
        graph = OnnxSession(file.path, "cpu").graph
        both = split_autoencoder(GraphIndex(load_proto(file.path)), graph)
        return both or super().infer_specs(name, read)

    def read(self, spec: NetworkSpec) -> ModelFile:
        """Read and check a file, and try it out in another process."""
        return vet_model_file(bundle_path(self.folder, spec.file), trusted=self.trusted)

    def complete(self, bundle: Bundle, read: Read) -> tuple[Bundle, tuple[str, ...]]:
        """Name the tensors that hold mu and log_var if z is drawn inside the graph."""
        if bundle.encoder is None or bundle.encoder.mu is not None:
            return bundle, ()
        file = read(bundle.encoder)
        changes, notes = find_posterior(GraphIndex(load_proto(file.path)), bundle.encoder)
        encoder = bundle.encoder.model_copy(update=changes)
        return bundle.model_copy(update={"encoder": encoder}), notes

    def open(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> OnnxSession:
        """Open a session, on part of the graph if model.toml names tensors inside it."""
        del row_shape
        require_unchanged(file, read_model_file(file.path, trusted=True))
        session = OnnxSession(file.path, self.device)
        if has_stated_tensors(session.graph, spec):
            return session
        content = extract_network(GraphIndex(load_proto(file.path)), spec, file.path)
        return session if content is None else OnnxSession(file.path, self.device, content)


class OnnxRuntime(FileAdapter):
    """Opens ONNX models.

    These are a bundle with model.toml; a folder with encoder.onnx, decoder.onnx or both; or one
    .onnx file, and then nothing else is opened.
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
