"""Where the files of a model lie: a bundle folder, a folder with both halves, or one file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, ModelError, read_bundle
from latent_analyze_adapters.models.graph import Role

if TYPE_CHECKING:
    from latent_analyze_adapters.models.session import Opener, Read

SIDECAR = "model.toml"
ROLES: tuple[Role, ...] = ("encoder", "decoder")
DEFAULT_RUNTIME = "onnx"
SUFFIXES = {
    ".onnx": "onnx", ".keras": "keras", "": "keras", ".h5": "keras",
    ".pt2": "torch", ".pt": "torch", ".pth": "torch", ".ts": "torch",
}  # fmt: skip
"""Which runtime opens a file; where a folder holds halves of several, the first does.

A folder is a model if it is a SavedModel, whatever its name.
"""
SAVED_MODEL, SAVED_MODEL_RUNTIME = "saved_model.pb", "keras"


def is_for(path: Path, runtime: str) -> bool:
    """Whether what lies at `path` is for this runtime; False where that cannot be read."""
    try:
        if (path / SIDECAR).is_file():
            return _stated_runtime(path / SIDECAR) == runtime
        if is_model(path):
            return _runtime(path) == runtime
        return any(SUFFIXES[suffix] == runtime for suffix in _suffixes(path)[:1])
    except OSError:
        return False


def is_model(path: Path) -> bool:
    """Whether there is a file with the suffix of a runtime, or a SavedModel."""
    return _runtime(path) is not None


def folder_of(path: Path) -> Path:
    """Return the folder that the files of a model lie in."""
    return path if path.is_dir() and not is_model(path) else path.parent


def bundle_at(path: Path, opener: Opener, read: Read) -> Bundle:
    """Return what model.toml says or, where there is none, what the names of the files tell.

    A file alone is read, by `read`, to tell what it is.

    Raises
    ------
    ModelError
        If nothing usable is there.
    """
    if is_model(path) or not path.is_dir():
        return _bare(path, opener, read)
    if (path / SIDECAR).is_file():
        bundle = read_bundle(path)
        if bundle.encoder is None and bundle.decoder is None:
            raise ModelError(
                f"an encoder or a decoder in {path / SIDECAR}", found="neither",
                next_step=f"add a table [encoder] with file = 'encoder{opener.suffixes[0]}'",
            )  # fmt: skip
        return bundle
    for suffix in _suffixes(path):
        if suffix in opener.suffixes:
            here = {role: f"{role}{suffix}" for role in ROLES}
            here = {role: name for role, name in here.items() if is_model(path / name)}
            return _with_halves(path.resolve().name, here, opener)
    raise ModelError(
        f"a folder with {SIDECAR}, or with encoder{opener.suffixes[0]} or "
        f"decoder{opener.suffixes[0]}", found=f"{path}, without any of them",
        next_step="name the folder or the file of a model",
    )  # fmt: skip


def _stated_runtime(sidecar: Path) -> str:
    """Return the runtime that a sidecar names; for a damaged one ours, for `open` to report."""
    try:
        return str(tomllib.loads(sidecar.read_text("utf-8")).get("runtime", DEFAULT_RUNTIME))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return DEFAULT_RUNTIME


def _runtime(path: Path) -> str | None:
    """Return the runtime of a file, by its suffix, or of a SavedModel; None for anything else."""
    if path.is_dir():
        return SAVED_MODEL_RUNTIME if (path / SAVED_MODEL).is_file() else None
    return SUFFIXES.get(path.suffix.lower()) if path.suffix and path.is_file() else None


def _suffixes(folder: Path) -> list[str]:
    """Return how the halves in a folder end, the preferred first."""
    halves = {suffix: [folder / f"{role}{suffix}" for role in ROLES] for suffix in SUFFIXES}
    return [s for s, paths in halves.items() if any(_runtime(p) == SUFFIXES[s] for p in paths)]


def _bare(path: Path, opener: Opener, read: Read) -> Bundle:
    encoder, decoder = opener.halves(path.name, read)
    return Bundle(name=path.stem, runtime=opener.name, encoder=encoder, decoder=decoder)


def _with_halves(name: str, files: dict[Role, str], opener: Opener) -> Bundle:
    return Bundle(
        name=name,
        runtime=opener.name,
        encoder=EncoderSpec(file=files["encoder"]) if "encoder" in files else None,
        decoder=DecoderSpec(file=files["decoder"]) if "decoder" in files else None,
    )
