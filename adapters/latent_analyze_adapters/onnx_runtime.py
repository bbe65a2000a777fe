"""The adapter of ONNX Runtime: finds the files of a model and opens them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze import (
    Adapter,
    Bundle,
    DecoderSpec,
    EncoderSpec,
    ModelError,
    hookimpl,
    read_bundle,
)
from latent_analyze_adapters import _onnx_session as sessions
from latent_analyze_adapters._onnx_files import MODEL_SUFFIX, not_onnx
from latent_analyze_adapters._onnx_sandbox import vet_model_file
from latent_analyze_adapters.onnx_graph import Role, find_role
from latent_analyze_adapters.onnx_model import NAME, ROLES, SIDECAR, OnnxModel

if TYPE_CHECKING:
    from collections.abc import Sequence


class OnnxRuntime(Adapter):
    """Opens ONNX models.

    A bundle folder with model.toml; a folder with encoder.onnx, decoder.onnx or both; or one .onnx
    file, which is then all that is opened.
    """

    name = NAME

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        """Whether it is an .onnx file, or a folder with one or with a model.toml for ONNX."""
        try:
            if (path / SIDECAR).is_file():
                return _runtime(path / SIDECAR) == cls.name
            files = [path, *(path / f"{role}{MODEL_SUFFIX}" for role in ROLES)]
            return any(f.suffix.lower() == MODEL_SUFFIX and f.is_file() for f in files)
        except OSError:
            return False

    def open(self, path: Path, *, device: str | None = None, trust: bool = False) -> OnnxModel:
        """Open a model.

        Parameters
        ----------
        path
            Folder or file.
        device
            ``"cpu"``, ``"cuda"``, or None for CUDA where it can load.
        trust
            Whether to leave out the checks and the trial in another process.

        Raises
        ------
        ModelError
            If nothing usable is there.
        MissingDependencyError
            If onnxruntime is not installed.
        """
        sessions.import_runtime()
        return OnnxModel(path, _bundle_at(path, device, trust), device, trusted=trust)


def _runtime(sidecar: Path) -> str:
    """Return the runtime that a sidecar names; for a damaged one ours, for `open` to report."""
    try:
        return str(tomllib.loads(sidecar.read_text("utf-8")).get("runtime", NAME))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return NAME


def _bundle_at(path: Path, device: str | None, trusted: bool) -> Bundle:
    if not path.is_dir():
        return _bare(path, device, trusted)
    if (path / SIDECAR).is_file():
        bundle = read_bundle(path)
        if bundle.encoder is None and bundle.decoder is None:
            raise ModelError(
                f"an encoder or a decoder in {path / SIDECAR}", found="neither",
                next_step="add a table [encoder] with file = 'encoder.onnx'",
            )  # fmt: skip
        return bundle
    here = {role: f"{role}{MODEL_SUFFIX}" for role in ROLES}
    here = {role: name for role, name in here.items() if (path / name).is_file()}
    if not here:
        raise not_onnx(path, f"a folder without {SIDECAR}, encoder.onnx and decoder.onnx")
    return _with_halves(path.resolve().name, here)


def _bare(path: Path, device: str | None, trusted: bool) -> Bundle:
    vet_model_file(path, trusted=trusted)
    graph = sessions.graph_of(sessions.open_session(path, device), path.name)
    return _with_halves(path.stem, {find_role(graph): path.name})


def _with_halves(name: str, files: dict[Role, str]) -> Bundle:
    return Bundle(
        name=name,
        encoder=EncoderSpec(file=files["encoder"]) if "encoder" in files else None,
        decoder=DecoderSpec(file=files["decoder"]) if "decoder" in files else None,
    )


@hookimpl
def register_adapters() -> Sequence[type[Adapter]]:
    """Register ONNX Runtime."""
    return [OnnxRuntime]
