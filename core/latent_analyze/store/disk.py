"""Writes that are on the disk, file and folder, once the call returns."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from latent_analyze.errors import StoreError
from latent_analyze.files.writing import write_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import FileIO
    from pathlib import Path


def write_durably(root: Path, files: Mapping[str, bytes]) -> None:
    """Write files under `root`, then fsync each of them and every folder they lie in.

    All are written before the first fsync, because file systems flush them together then: eight
    files cost little more than one.
    """
    folders = dict.fromkeys((root / name).parent for name in files)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        streams = []
        for name, data in files.items():
            streams.append(opened.enter_context((root / name).open("wb", buffering=0)))
            write_all(streams[-1], data)
        for stream in streams:
            os.fsync(stream.fileno())
    for folder in folders:
        sync_folder(folder)


def write_all(stream: FileIO, data: bytes) -> None:
    """Write to an unbuffered stream, of which the system may take less than all at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def replace_durably(path: Path, data: bytes) -> None:
    """Put `data` in a file's place: a reader sees the old content or the new, even after a crash.

    The temporary name is fixed, so that what a killed process leaves is taken by the next one.
    """
    temporary = path.with_name(path.name + ".tmp")
    write_durably(path.parent, {temporary.name: data})
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
        raise write_error(path, error) from error
