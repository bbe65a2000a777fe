"""Writes that are on the disk, file and folder, once the call returns."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from latent_analyze.errors import StoreError
from latent_analyze.files import no_space

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Write a file and fsync it; its folder entry is the caller's business (`sync_folder`)."""
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def replace_durably(path: Path, data: bytes) -> None:
    """Put `data` in a file's place: a reader sees the old content or the new, even after a crash.

    The temporary name is fixed, so that what a killed process leaves is taken by the next one.
    """
    temporary = path.with_name(path.name + ".tmp")
    write_durably(temporary, data)
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Fsync the entries of a folder."""
    if os.name == "nt":  # Windows cannot open folders, and journals their entries itself.
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lock(stream: Any, path: Path) -> None:
    """Hold `stream` locked until it is closed; the system unlocks it when a process is killed.

    Raises
    ------
    StoreError
        If another process writes the same store.
    """
    try:
        import fcntl
    except ImportError:  # Windows: two writers at once go unnoticed.
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreError(
            f"to be the only writer of {path}", found="another process that encodes into it",
            next_step="wait for it, or choose another -o",
        ) from None  # fmt: skip


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says against a write (disk full, no permission) into a StoreError."""
    try:
        yield
    except OSError as error:
        raise no_space(path, error) from error
