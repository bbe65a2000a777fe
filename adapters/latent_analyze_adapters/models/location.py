"""Finds the files of a model: a bundle, a folder with an encoder and a decoder, or one file."""

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
"""The runtime for each suffix; if a folder holds files of several runtimes, the first one wins.

A folder counts as a model if it is a SavedModel, whatever its name.
"""
SAVED_MODEL, SAVED_MODEL_RUNTIME = "saved_model.pb", "keras"


def is_model_for(path: Path, runtime: str) -> bool:
    """Whether this runtime is the one to open `path`; False if it cannot be read."""
    try:
        if (path / SIDECAR).is_file():
            return _stated_runtime(path / SIDECAR) == runtime
        if is_model(path):
            return _runtime(path) == runtime
        return any(SUFFIXES[suffix] == runtime for suffix in _suffixes(path)[:1])
    except OSError:
        return False


def is_model(path: Path) -> bool:
    """Whether this is a file with the suffix of a runtime, or a SavedModel."""
    return _runtime(path) is not None


def folder_of(path: Path) -> Path:
    """Return the folder that holds the files of a model."""
    return path if path.is_dir() and not is_model(path) else path.parent


def find_bundle(path: Path, opener: Opener, read: Read) -> Bundle:
    """Return the content of model.toml or, without one, what the file names show.

    A single file is read, with `read`, to find out what it holds.

    Raises
    ------
    ModelError
        If there is nothing usable.
    """
    if is_model(path) or not path.is_dir():
        return _single_file(path, opener, read)
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
            names = {role: f"{role}{suffix}" for role in ROLES}
            names = {role: name for role, name in names.items() if is_model(path / name)}
            return _named_by_role(path.resolve().name, names, opener)
    raise ModelError(
        f"a folder with {SIDECAR}, or with encoder{opener.suffixes[0]} or "
        f"decoder{opener.suffixes[0]}", found=f"{path}, without any of them",
        next_step="name the folder or the file of a model",
    )  # fmt: skip


def _stated_runtime(sidecar: Path) -> str:
    """Return the runtime that a sidecar names; if damaged, the default, so `open` reports it."""
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
    """Return the suffixes that the encoder and decoder in a folder have, preferred ones first."""
    paths = {suffix: [folder / f"{role}{suffix}" for role in ROLES] for suffix in SUFFIXES}
    return [s for s in SUFFIXES if any(_runtime(path) == SUFFIXES[s] for path in paths[s])]


def _single_file(path: Path, opener: Opener, read: Read) -> Bundle:
    encoder, decoder = opener.infer_specs(path.name, read)
    return Bundle(name=path.stem, runtime=opener.name, encoder=encoder, decoder=decoder)


def _named_by_role(name: str, files: dict[Role, str], opener: Opener) -> Bundle:
    return Bundle(
        name=name,
        runtime=opener.name,
        encoder=EncoderSpec(file=files["encoder"]) if "encoder" in files else None,
        decoder=DecoderSpec(file=files["decoder"]) if "decoder" in files else None,
    )
