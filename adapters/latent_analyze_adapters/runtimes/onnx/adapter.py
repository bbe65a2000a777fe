"""The adapter for ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from latent_analyze.plugin import Adapter, Bundle, DecoderSpec, EncoderSpec, Layout, hookimpl
from latent_analyze_adapters.models.adapter import FileAdapter
from latent_analyze_adapters.models.graph import NetworkSpec, Role, Shape
from latent_analyze_adapters.models.session import (
    Facts,
    FolderOpener,
    ModelFile,
    Read,
    Specs,
    bundle_path,
    require_unchanged,
)
from latent_analyze_adapters.runtimes.onnx.devices import import_runtime
from latent_analyze_adapters.runtimes.onnx.examination import (
    choices_of,
    examine,
    load_graph,
    specs_of,
)
from latent_analyze_adapters.runtimes.onnx.files import OnnxFile, load_proto, read_model_file
from latent_analyze_adapters.runtimes.onnx.safety.trial import vet_model_file
from latent_analyze_adapters.runtimes.onnx.session import OnnxSession
from latent_analyze_adapters.runtimes.onnx.surgery.codebook import vectors_of
from latent_analyze_adapters.runtimes.onnx.surgery.distances import Codebook
from latent_analyze_adapters.runtimes.onnx.surgery.split import (
    extract_network,
    extract_without_noise,
    has_stated_tensors,
    split_autoencoder,
)
from latent_analyze_adapters.runtimes.onnx.surgery.subgraph import GraphIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class OnnxOpener(FolderOpener):
    """Reads and opens .onnx files; see `Opener`."""

    name: ClassVar[str] = "onnx"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    default_layout: ClassVar[Layout] = "HWC"
    needs_row_shape: ClassVar[bool] = False

    def infer_specs(self, name: str, read: Read) -> Specs:
        """Find out what a file holds: both networks if it returns images by way of z-points."""
        spec = EncoderSpec(file=name)
        index, session = self._load(read(spec), spec, "cpu")
        index = index or GraphIndex(load_proto(read(spec).path))
        return split_autoencoder(index, session.graph) or super().infer_specs(name, read)

    def read(self, spec: NetworkSpec) -> ModelFile:
        """Read and check a file, and try it out in another process."""
        return vet_model_file(bundle_path(self.folder, spec.file), trusted=self.trusted)

    def complete(self, bundle: Bundle, read: Read) -> tuple[Bundle, tuple[str, ...]]:
        """Name the tensors that hold mu and log_var if z is drawn inside the graph."""
        notes: tuple[str, ...] = ()
        changed: dict[str, NetworkSpec] = {}
        specs = specs_of(bundle)
        every = {role: examine(read(spec), bundle, role) for role, spec in specs.items()}
        taken = every["decoder"].looked_up if "decoder" in every else None
        for role, spec in specs.items():
            found = every[role]
            notes += found.changes.notes(role)
            if isinstance(spec, EncoderSpec) and (quantized := found.mu_of(spec, taken)):
                changed[role] = spec.model_copy(update={"mu": quantized, "log_var": ""})
            elif isinstance(spec, EncoderSpec) and found.posterior is not None:
                changes = found.posterior.changes(spec)
                changed[role] = spec.model_copy(update=changes)
                notes += (found.posterior.note(changes),) if "mu" in changes else ()
        return bundle.model_copy(update=changed), notes

    def facts(self, bundle: Bundle, read: Read) -> Facts:
        """Return what the graphs show."""
        specs = specs_of(bundle)
        found = {role: examine(read(spec), bundle, role) for role, spec in specs.items()}
        taken = found["decoder"].looked_up if "decoder" in found else None
        choices = tuple(c for role in found for c in choices_of(found[role], specs[role], taken))
        if "encoder" not in found:
            return Facts(choices)
        encoder = found["encoder"]
        span = encoder.input
        return Facts(
            choices, span.range if span else None, span.why if span else "", encoder.positive,
            encoder.drawn, {name: book.count for name, book in encoder.codes.items()},
            taken.count if taken is not None else 0,
        )  # fmt: skip

    def codebook(self, bundle: Bundle, read: Read) -> NDArray[np.float32] | None:
        """Return the vectors of the encoder's codes: as the decoder looks them up, or its own."""
        specs = specs_of(bundle)
        files = {role: read(spec) for role, spec in specs.items()}
        found = {role: examine(files[role], bundle, role) for role in specs}
        books: dict[Role, Codebook | None] = {}
        if "decoder" in found:
            books["decoder"] = found["decoder"].looked_up
        if bundle.encoder is not None and "encoder" in found:
            books["encoder"] = found["encoder"].codes.get(str(bundle.encoder.mu))
        for role, book in books.items():
            if book is not None and book.tensor:
                return vectors_of(load_proto(files[role].path), book, files[role].path)
        return None

    def open(self, file: ModelFile, spec: NetworkSpec, row_shape: Shape | None) -> OnnxSession:
        """Open a session, on part of the graph if model.toml names tensors inside it.

        Inputs that take noise are left out if model.toml does not state their values, with the
        outputs that depend on them.
        """
        del row_shape
        require_unchanged(file, read_model_file(file.path, trusted=True))
        index, session = self._load(file, spec, self.device)
        stated = has_stated_tensors(session.graph, spec)
        if stated and (len(session.graph.inputs) == 1 or isinstance(spec, DecoderSpec)):
            return session
        index = index or GraphIndex(load_proto(file.path))
        extract = extract_without_noise if stated else extract_network
        content = extract(index, spec, file.path)
        return session if content is None else OnnxSession(file.path, self.device, content)

    def _load(
        self, file: ModelFile, spec: NetworkSpec, device: str | None
    ) -> tuple[GraphIndex | None, OnnxSession]:
        """Open a whole file; also return its graph if it was changed to run as in evaluation."""
        if isinstance(file, OnnxFile) and file.training_mode:
            index, changes = load_graph(file, spec)
            if changes:
                content = index.proto.SerializeToString()
                return index, OnnxSession(file.path, device, content)
        return None, OnnxSession(file.path, device)


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
