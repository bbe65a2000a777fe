"""Hashes the code behind an entry, so that a store notices when it changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from latent_analyze.plugin import ModelError, content_hash, file_sha256

MAX_FILES = 2000
MAX_BYTES = 1 << 26
"""How much code is hashed: a bundle has a few files, the package diffusers 1700."""

SKIPPED = ("__pycache__", "site-packages", "node_modules")


class TooMuchCodeError(Exception):
    """A folder holds more code than is hashed."""


def code_sha256(source: Path, folder: Path, name: str) -> str:
    """Return a hash of the code that a module belongs to.

    For a module in the bundle's folder this covers all Python files there, and their names. For an
    installed package it covers the files of the package or, if there are more than 2000 files or
    64 MiB, only its version. For any other module it covers its own file.

    Parameters
    ----------
    source
        File of the module.
    folder
        Folder of the bundle.
    name
        Dotted name of the module.

    Raises
    ------
    ModelError
        If the bundle's folder holds more code than that.
    """
    if is_bundle_code(source, folder):
        try:
            return _hash([folder])
        except TooMuchCodeError as error:
            raise ModelError(
                f"at most {MAX_FILES} Python files and {MAX_BYTES >> 20} MiB of them in {folder}, "
                "because they are part of the model's hash", found=str(error),
                next_step="move model.toml and the modules it needs into a folder of their own",
            ) from None  # fmt: skip
    top = name.split(".")[0]
    paths = getattr(sys.modules.get(top), "__path__", None)
    if paths is None:
        return file_sha256(source) if source.is_file() else ""
    try:
        return _hash([Path(path) for path in paths])
    except TooMuchCodeError:
        found = metadata.packages_distributions().get(top, [])
        return content_hash(*((dist, metadata.version(dist)) for dist in sorted(set(found))))


def is_bundle_code(source: Path, folder: Path) -> bool:
    """Whether a file is code of a bundle, and not of a package installed below its folder."""
    if not source.is_relative_to(folder):
        return False
    parents = [parent for parent in source.parents if parent.is_relative_to(folder)]
    return not any(_is_skipped(parent) for parent in parents if parent != folder)


def _hash(folders: Iterable[Path]) -> str:
    found: list[tuple[str, str]] = []
    size = 0
    for folder in folders:
        for path in _python_files(folder):
            size += path.stat().st_size
            if len(found) == MAX_FILES or size > MAX_BYTES:
                raise TooMuchCodeError(f"more, up to {path}")
            found.append((path.relative_to(folder).as_posix(), file_sha256(path)))
    return content_hash(sorted(found))


def _python_files(folder: Path) -> Iterator[Path]:
    """Yield the Python files, also those in linked folders, because Python imports them too."""
    seen = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_skipped(Path(parent, name)))
        paths = (Path(parent, name) for name in sorted(names) if name.endswith(".py"))
        yield from (path for path in paths if path.is_file())


def _is_skipped(folder: Path) -> bool:
    hidden = folder.name.startswith(".") or folder.name in SKIPPED
    return hidden or (folder / "pyvenv.cfg").is_file()
