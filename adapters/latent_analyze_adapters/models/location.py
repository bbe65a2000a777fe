"""Finds the files of a model: a bundle, a folder, two files, or one file."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.plugin import (
    Bundle,
    DecoderSpec,
    EncoderSpec,
    ModelError,
    common_folder,
    read_bundle,
    split_pair,
)
from latent_analyze_adapters.models.folders import find_files, one_of_several, runtime_of
from latent_analyze_adapters.models.roles import ROLES as ROLES
from latent_analyze_adapters.models.roles import (
    is_decoder,
    require_encoder_like,
    role_in_name,
)

if TYPE_CHECKING:
    from latent_analyze_adapters.models.graph import Graph, Role
    from latent_analyze_adapters.models.session import Opener, Read

SIDECAR = "model.toml"
DEFAULT_RUNTIME = "onnx"


def is_model_for(path: Path, runtime: str) -> bool:
    """Whether this runtime is the one to open `path`; False if it cannot be read."""
    try:
        first = split_pair(path)[0]
        if (first / SIDECAR).is_file():
            return _stated_runtime(first / SIDECAR) == runtime
        if is_model(first):
            return runtime_of(first) == runtime
        found = find_files(first) if first.is_dir() else None
        return found is not None and found.runtime == runtime
    except (OSError, ValueError):
        return False


def is_model(path: Path) -> bool:
    """Whether this is a file with the suffix of a runtime, or a SavedModel."""
    return runtime_of(path) is not None


def folder_of(path: Path) -> Path:
    """Return the folder that holds the files of a model."""
    parts = split_pair(path)
    return (
        path if len(parts) == 1 and path.is_dir() and not is_model(path) else common_folder(parts)
    )


def find_bundle(
    path: Path, opener: Opener, read: Read, *, role: Role | None = None, cut: bool = False
) -> Bundle:
    """Return the content of model.toml or, without one, what files and their names show.

    Parameters
    ----------
    path
        A folder, a file, or two files ``encoder+decoder``.
    opener, read
        Of the runtime; `read` reads a single file, to find out what it holds.
    role
        ``"encoder"`` if data are to be encoded: a single file is the encoder then, whatever its
        name, unless it holds both networks or is clearly a decoder.
    cut
        Whether the user says where the encoder ends, so that a whole autoencoder will do.

    Raises
    ------
    ModelError
        If there is nothing usable, or several models.
    """
    parts = split_pair(path)
    if len(parts) == 2:
        return _pair(parts, opener)
    if is_model(path) or not path.is_dir():
        return _single_file(path, opener, read, role, cut=cut)
    if (path / SIDECAR).is_file():
        return _stated(path, opener)
    found = find_files(path)
    if found is None or found.suffix not in opener.suffixes:
        raise ModelError(
            f"a folder with {SIDECAR}, or with encoder{opener.suffixes[0]} or "
            f"decoder{opener.suffixes[0]}", found=f"{path}, without any of them",
            next_step="name the folder or the file of a model",
        )  # fmt: skip
    if found.single is not None:
        return _single_file(path / found.single, opener, read, role, cut=cut)
    if not found.files:
        files = _roles_by_graph(found.others, opener, read)
        if files is None:
            raise one_of_several(path, found)
        return _named_by_role(path.resolve().name, files, opener)
    return _named_by_role(found.name or path.resolve().name, found.files, opener)


def at_path(bundle: Bundle, path: Path, opener: Opener, read: Read) -> Bundle:
    """Return a bundle with the names that its files have at `path`, where they were renamed.

    Parameters
    ----------
    bundle
        What is known about the model, from a store.
    path, opener, read
        As in `find_bundle`.

    Raises
    ------
    ModelError
        If the encoder or the decoder is not there.
    """
    tables = {role: getattr(bundle, role) for role in ROLES}
    files = [table.file for table in tables.values() if table is not None and table.file]
    if all((opener.folder / file).exists() for file in files):
        return bundle
    found = find_bundle(path, opener, read, role="encoder")
    changes: dict[str, object] = {}
    for role, table in tables.items():
        if table is None:
            continue
        if (other := getattr(found, role)) is None:
            raise ModelError(
                f"the encoder and the decoder of {bundle.name}", found=f"no {role} at {path}",
                next_step="name both files, with a plus between them: encoder.onnx+decoder.onnx",
            )  # fmt: skip
        changes[role] = table.model_copy(update={"file": other.file})
    return bundle.model_copy(update=changes)


def _stated(folder: Path, opener: Opener) -> Bundle:
    bundle = read_bundle(folder)
    if bundle.encoder is None and bundle.decoder is None:
        raise ModelError(
            f"an encoder or a decoder in {folder / SIDECAR}", found="neither",
            next_step=f"add a table [encoder] with file = 'encoder{opener.suffixes[0]}'",
        )  # fmt: skip
    return bundle


def _stated_runtime(sidecar: Path) -> str:
    """Return the runtime that a sidecar names; if damaged, the default, so `open` reports it."""
    try:
        return str(tomllib.loads(sidecar.read_text("utf-8")).get("runtime", DEFAULT_RUNTIME))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return DEFAULT_RUNTIME


def _single_file(path: Path, opener: Opener, read: Read, role: Role | None, *, cut: bool) -> Bundle:
    try:
        encoder, decoder = opener.infer_specs(path.name, read)
    except ModelError:
        # A damaged file is reported as such.
        read(EncoderSpec(file=path.name))
        graph = _graph(path, opener, read)
        if role is None and graph is not None:
            # Exporters call it model.onnx, in a folder that says what it is.
            role = role_in_name(path.parent.name)[0] if path.stem == "model" else None
        if role is None:
            raise
        if role == "encoder" and graph is not None and not cut:
            require_encoder_like(graph)
        return _named_by_role(path.stem, {role: path.name}, opener)
    if role == "encoder" and encoder is None:
        graph = _graph(path, opener, read)
        if graph is None or not is_decoder(graph):
            return _named_by_role(path.stem, {"encoder": path.name}, opener)
    return Bundle(name=path.stem, runtime=opener.name, encoder=encoder, decoder=decoder)


def _roles_by_graph(names: Sequence[str], opener: Opener, read: Read) -> dict[Role, str] | None:
    """Return which of two files is the encoder and which the decoder, if their graphs show it."""
    if len(names) != 2:
        return None
    files: dict[Role, str] = {}
    for name in names:
        try:
            encoder, decoder = opener.infer_specs(name, read)
        except ModelError:
            return None
        files["encoder" if decoder is None else "decoder"] = name
        if encoder is not None and decoder is not None:
            return None
    return files if len(files) == 2 else None


def _graph(path: Path, opener: Opener, read: Read) -> Graph | None:
    """Return the inputs and outputs of a file, if it declares them."""
    spec = EncoderSpec(file=path.name)
    try:
        return opener.open(read(spec), spec, None).graph
    except ModelError:
        return None


def _pair(parts: tuple[Path, ...], opener: Opener) -> Bundle:
    """Return the bundle of an encoder and a decoder; names may show that they are swapped."""
    for part in parts:
        if runtime_of(part) != opener.name:
            raise ModelError(
                f"an encoder and a decoder that {opener.name} opens", found=str(part),
                next_step="name two files of one runtime: encoder.onnx+decoder.onnx",
            )  # fmt: skip
    named = [role_in_name(part.stem) for part in parts]
    if [role for role, _ in named] == ["decoder", "encoder"]:
        parts, named = parts[::-1], named[::-1]
    folder = common_folder(parts)
    names = [_name_in(folder, part) for part in parts]
    rest = named[0][1] if named[0][0] else parts[0].stem
    files: dict[Role, str] = dict(zip(ROLES, names, strict=True))
    return _named_by_role(rest or folder.resolve().name, files, opener)


def _name_in(folder: Path, part: Path) -> str:
    if part.parent == folder:
        return part.name
    return (part.parent.resolve() / part.name).relative_to(folder).as_posix()


def _named_by_role(name: str, files: dict[Role, str], opener: Opener) -> Bundle:
    return Bundle(
        name=name,
        runtime=opener.name,
        encoder=EncoderSpec(file=files["encoder"]) if "encoder" in files else None,
        decoder=DecoderSpec(file=files["decoder"]) if "decoder" in files else None,
    )
