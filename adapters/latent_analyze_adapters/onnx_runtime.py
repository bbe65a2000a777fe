"""The adapter of ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from latent_analyze import Adapter, Layout, hookimpl
from latent_analyze_adapters._onnx_files import read_model_file
from latent_analyze_adapters._onnx_sandbox import vet_model_file
from latent_analyze_adapters._onnx_session import OnnxSession, import_runtime
from latent_analyze_adapters.file_adapter import FileAdapter
from latent_analyze_adapters.session import FolderOpener, ModelFile, inside, unchanged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latent_analyze import DecoderSpec, EncoderSpec


class OnnxOpener(FolderOpener):
    """Reads and opens .onnx files; see `Opener`."""

    name: ClassVar[str] = "onnx"
    suffixes: ClassVar[tuple[str, ...]] = (".onnx",)
    layout: ClassVar[Layout] = "HWC"

    def read(self, half: EncoderSpec | DecoderSpec) -> ModelFile:
        """Read, check and try out a file, in another process."""
        return vet_model_file(inside(self.folder, half.file), trusted=self.trusted)

    def open(
        self, file: ModelFile, half: EncoderSpec | DecoderSpec, row: tuple[int, ...] | None
    ) -> OnnxSession:
        """Open a session, if the file is still the same."""
        del half, row
        unchanged(file, read_model_file(file.path, trusted=True))
        return OnnxSession(file.path, self.device)


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
