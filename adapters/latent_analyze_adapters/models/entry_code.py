"""The code that an entry consists of: hashed, so that a store notices when it changes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from latent_analyze.plugin import ModelError, content_hash, file_sha256

MAX_FILES = 2000
MAX_BYTES = 1 << 26
"""How much code is hashed: a bundle has a few files, diffusers 1700."""

PASSED_OVER = ("__pycache__", "site-packages", "node_modules")


class TooMuchCodeError(Exception):
    """A folder holds more code than is hashed."""


def code_sha256(source: Path, folder: Path, name: str) -> str:
    """Return a hash of the code that a module belongs to.

    That of all Python files in the bundle's folder where the module lies there, with their names;
    else of those of its package, or for a package of more than 2000 files or 64 MiB its version;
    else of its own file.

    Parameters
    ----------
    source
        File of the module.
    folder
        The bundle's.
    name
        Its dotted name.

    Raises
    ------
    ModelError
        If the bundle's folder holds more code than that.
    """
    if is_own(source, folder):
        try:
            return _hash([folder])
        except TooMuchCodeError as error:
            raise ModelError(
                f"at most {MAX_FILES} Python files and {MAX_BYTES >> 20} MiB of them in {folder}, "
                "as they count for the model's hash", found=str(error),
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


def is_own(source: Path, folder: Path) -> bool:
    """Whether a file is the code of a bundle, and not of what is installed below its folder."""
    if not source.is_relative_to(folder):
        return False
    places = [place for place in source.parents if place.is_relative_to(folder)]
    return not any(_passed_over(place) for place in places if place != folder)


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
    """Yield the files, those behind links to folders as well, as Python imports them."""
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _passed_over(Path(place, name)))
        paths = (Path(place, name) for name in sorted(names) if name.endswith(".py"))
        yield from (path for path in paths if path.is_file())


def _passed_over(place: Path) -> bool:
    hidden = place.name.startswith(".") or place.name in PASSED_OVER
    return hidden or (place / "pyvenv.cfg").is_file()
