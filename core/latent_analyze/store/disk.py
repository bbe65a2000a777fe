"""Durable writes: files and their folders are on disk (fsynced) when a call returns."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING

from latent_analyze.errors import StoreError
from latent_analyze.files.writing import write_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import FileIO
    from pathlib import Path


def write_durably(root: Path, files: Mapping[str, bytes]) -> None:
    """Write files under `root`, then fsync the files and their folders.

    All files are written before the first fsync: file systems then flush them together, so that
    eight files take little longer than one.
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
    """Write all data to an unbuffered stream; one system call may write only a part of it."""
    rest = memoryview(data)
    while rest:
        rest = rest[stream.write(rest) :]


def replace_durably(path: Path, data: bytes) -> None:
    """Replace a file atomically: readers see the old or the new content, even after a crash.

    The temporary file has a fixed name, so that the next process overwrites what a killed one left.
    """
    temporary = path.with_name(path.name + ".tmp")
    write_durably(path.parent, {temporary.name: data})
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Fsync a folder, so that its entries survive a crash."""
    if os.name == "nt":  # Windows cannot open folders; its file system journals the entries.
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def lock(stream: IO[bytes], path: Path) -> None:
    """Lock `stream` until it is closed; the lock of a killed process is released by the system.

    Raises
    ------
    StoreError
        If another process is writing the same store.
    """
    try:
        import fcntl
    except ImportError:  # Windows: concurrent writers are not detected.
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreError(
            f"to be the only writer of {path}", found="another process that encodes into it",
            next_step="wait until it ends, or choose another path with -o",
        ) from None  # fmt: skip


@contextmanager
def reporting_write_errors(path: Path) -> Iterator[None]:
    """Convert OSErrors of writes (disk full, no permission, ...) to StoreErrors."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error
