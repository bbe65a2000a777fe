"""Atomic file writes, file hashes, and file names that are valid on every system."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{i}" for p in ("com", "lpt") for i in range(10))}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path; rename it to `path` on success, delete it on failure."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent
        )
    except OSError as error:
        raise write_error(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text_atomically(path: Path, text: str) -> None:
    """Write UTF-8 text with Unix line endings; readers see the old file or the new one."""
    with replacing(path) as temporary:
        # File names that are not valid UTF-8 reach labels as lone surrogates. JSON readers
        # understand their escapes.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def write_error(path: Path, error: OSError) -> StoreError:
    """Return the error for a write that the operating system refused."""
    return StoreError(
        f"to write {path}", found=error.strerror or str(error),
        next_step="make room or choose another place with -o",
    )  # fmt: skip


def exists(path: str | Path) -> bool:
    """Whether `path` exists; False if the operating system rejects the name."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def safe_name(text: str) -> str:
    """Return a unique file name for `text` that is valid on Linux, macOS and Windows.

    A name that had to be changed, or that contains capital letters, gets a short hash: Windows and
    macOS do not distinguish case.
    """
    name = re.sub(r"[^A-Za-z0-9._=+-]+", "-", text).strip("-. ")[:80]
    changed = name != text or name != name.lower() or name.split(".")[0] in _RESERVED
    if changed or not name:
        # Linux file names may contain bytes that are not text; they arrive as lone surrogates.
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        name = f"{name or 'name'}-{digest[:8]}"
    return f"_{name}" if name.split(".")[0].lower() in _RESERVED else name


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
