"""Which files make up a Zarr folder, without importing zarr, which takes long."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

METADATA = ("zarr.json", ".zarray", ".zgroup")
"""Names of the files that describe a group or an array, in versions 3 and 2 of the format."""


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group or array.

    Raises
    ------
    OSError
        If the system cannot tell.
    """
    return any((path / name).is_file() for name in METADATA)


def zarr_files(path: Path) -> Iterator[str]:
    """Yield the files of a Zarr folder as relative paths, in a fixed order.

    Raises
    ------
    ValueError
        If the folder holds a symbolic link, or anything but plain files and folders.
    """
    for above, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            if not Path(above, name).is_file():
                raise ValueError(f"{name} is not a regular file")
        for name in (*folders, *names):
            if Path(above, name).is_symlink():
                raise ValueError(f"{name} is a symbolic link")
        yield from (Path(above, name).relative_to(path).as_posix() for name in sorted(names))
