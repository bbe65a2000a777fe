"""Lists and reads the arrays of .npy and .npz files, without unpickling anything."""

from __future__ import annotations

import io
import math
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import DatasetError
from latent_analyze_adapters.files.damage import report_damage, require_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

SUFFIXES = (".npy", ".npz")
BARE = "array"
"""Name given to the array of an .npy file, which has none."""

COMPRESSED_BYTES = 1 << 33
"""Largest compressed array: more would not fit in memory on most machines."""

BOMB_BYTES, BOMB_RATIO = 1 << 28, 100
"""A larger array that is compressed to less than a hundredth is meant to exhaust memory."""

_SAMPLED_ROW_BYTES, _SAMPLED_BYTES = 1 << 18, 1 << 28
"""Bytes of a row, and of a compressed array, that a sample is taken from."""

_HEADER_BYTES = 1 << 14
"""NumPy rejects headers of more than 10,000 characters, but only once they are in memory."""


@dataclass(frozen=True)
class ArrayInfo:
    """Name, shape and dtype of an array in a file."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {self.shape}"

    @property
    def is_rows(self) -> bool:
        """Whether it is (n, ...) of real numbers, with at least one axis after the first."""
        return len(self.shape) > 1 and self.dtype.kind in "fiub"

    @property
    def is_vectors(self) -> bool:
        """Whether it is (n, dim) of numbers."""
        return len(self.shape) == 2 and self.dtype.kind in "fiu"

    @property
    def is_images(self) -> bool:
        """Whether it is (n, H, W) or (n, H, W, C) of numbers."""
        return len(self.shape) in (3, 4) and self.dtype.kind in "fiub"

    @property
    def row_size(self) -> int:
        """Values per row."""
        return math.prod(self.shape[1:])


def peek(path: Path) -> dict[str, ArrayInfo]:
    """Return the arrays of a file, by name, without reading their data.

    Raises
    ------
    DatasetError
        If there is no such file, or it is not an .npy or .npz file.
    """
    with _readable(path):
        require_file(path)
        infos = _peek_members(path) if path.suffix.lower() == ".npz" else [_peek_bare(path)]
    return {info.name: info for info in infos}


def load(path: Path, name: str) -> NDArray[np.generic]:
    """Return an array of a file: memory-mapped from .npy, read into memory from .npz.

    Raises
    ------
    DatasetError
        If the file is damaged, or holds Python objects.
    """
    with _readable(path):
        if path.suffix.lower() == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{name}.npy")
            _refuse_bomb(member, path)
            with archive.open(member) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)


def map_rows(path: Path, name: str) -> NDArray[np.generic]:
    """Return an array of a file, memory-mapped if it is not compressed, else read into memory.

    Raises
    ------
    DatasetError
        If the file is damaged, as the checksums of an .npz reveal, or compressed and too large.
    """
    if path.suffix.lower() == ".npy":
        return load(path, name)
    with _readable(path), zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        if member.compress_type == zipfile.ZIP_STORED:
            _verify(archive, member)
            return _map_member(path, archive, member)
    return load(path, name)


def sample(path: Path, name: str, rows: int) -> list[NDArray[np.generic]]:
    """Return values of up to `rows` rows of an array, spread over it, one array per row.

    Long rows are cut, and of compressed arrays only the beginning is read. Nothing is verified.

    Raises
    ------
    DatasetError
        If the file is damaged.
    """
    with _readable(path):
        if path.suffix.lower() == ".npy":
            return _sample_rows(np.load(path, mmap_mode="r", allow_pickle=False), rows)
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{name}.npy")
            if member.compress_type == zipfile.ZIP_STORED:
                return _sample_rows(_map_member(path, archive, member), rows)
            return _sample_stream(archive, member, rows)


def listing(infos: Mapping[str, ArrayInfo]) -> str:
    """List the arrays of a file for a message."""
    return ", ".join(map(str, infos.values())) or "no arrays"


def refuse_objects(infos: Iterable[ArrayInfo], path: Path) -> None:
    """Raise DatasetError for arrays of Python objects, which can only be unpickled."""
    for info in infos:
        if info.dtype.hasobject:
            raise DatasetError(
                f"arrays of numbers or strings in {path}", found=f"Python objects in {info.name!r}",
                next_step="save it with a plain dtype, e.g. array.astype(str)",
            )  # fmt: skip


def _refuse_bomb(member: zipfile.ZipInfo, path: Path) -> None:
    size = member.file_size
    is_bomb = size > BOMB_BYTES and size > BOMB_RATIO * member.compress_size
    if member.compress_type != zipfile.ZIP_STORED and (is_bomb or size > COMPRESSED_BYTES):
        raise DatasetError(
            f"compressed arrays of at most {COMPRESSED_BYTES >> 30} GiB in {path}, and from "
            f"{BOMB_BYTES >> 20} MiB on compressed by a factor of at most {BOMB_RATIO}",
            found=f"{size >> 20} MiB in {member.compress_size >> 10} KiB for {member.filename!r}",
            next_step="save it with numpy.savez, which does not compress",
        )


def _peek_bare(path: Path) -> ArrayInfo:
    with path.open("rb") as stream:
        shape, _, dtype, start = _header(stream)
        held = path.stat().st_size - start
    return _checked(ArrayInfo(BARE, shape, dtype), held)


def _peek_members(path: Path) -> list[ArrayInfo]:
    infos = []
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                continue
            with archive.open(member) as stream:
                shape, _, dtype, start = _header(stream)
                held = member.file_size - start
            infos.append(_checked(ArrayInfo(member.filename[:-4], shape, dtype), held))
    return infos


def _verify(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    with archive.open(member) as stream:
        while stream.read(1 << 20):
            pass  # the checksum is verified at the end


def _map_member(
    path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> NDArray[np.generic]:
    with archive.open(member) as stream:
        shape, is_fortran, dtype, start = _header(stream)
    if dtype.hasobject:
        raise ValueError(f"Python objects in {member.filename}")
    with path.open("rb") as file:
        # Name and extra field may be longer here than in the directory of the archive.
        file.seek(member.header_offset + 26)
        start += member.header_offset + 30 + sum(struct.unpack("<HH", file.read(4)))
    return np.memmap(path, dtype, "r", start, shape, "F" if is_fortran else "C")


def _sample_rows(array: NDArray[np.generic], rows: int) -> list[NDArray[np.generic]]:
    chosen = np.unique(np.linspace(0, len(array) - 1, min(rows, len(array))).astype(np.int64))
    most = _SAMPLED_ROW_BYTES // max(array.dtype.itemsize, 1)
    return [array[row].flat[:most] for row in chosen.tolist()]


def _sample_stream(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, rows: int
) -> list[NDArray[np.generic]]:
    with archive.open(member) as stream:
        shape, _, dtype, start = _header(stream)
        values = min(math.prod(shape), _SAMPLED_BYTES // dtype.itemsize)
        length = min(math.prod(shape[1:]), _SAMPLED_ROW_BYTES // dtype.itemsize)
        if not values:
            return []
        found = []
        for first in np.unique(np.linspace(0, values - length, rows).astype(np.int64)).tolist():
            stream.seek(start + first * dtype.itemsize)
            found.append(np.frombuffer(stream.read(length * dtype.itemsize), dtype))
        return found


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic], int]:
    """Return shape, order, dtype and the length of the header itself."""
    head = io.BytesIO(stream.read(_HEADER_BYTES))
    version = np.lib.format.read_magic(head)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"unknown version {version} of the .npy format")
    return (*readers[version](head), head.tell())


def _checked(info: ArrayInfo, held: int) -> ArrayInfo:
    if min(info.shape, default=0) < 0:
        raise ValueError(f"a negative length in {info}")
    wanted = math.prod(info.shape) * info.dtype.itemsize
    if held < wanted and not info.dtype.hasobject:
        raise ValueError(f"{held} bytes of data for {info}, which needs {wanted}")
    return info


def _readable(path: Path) -> AbstractContextManager[None]:
    # NumPy evaluates the header as text, so damage raises anything, even tokenize.TokenError.
    return report_damage(
        path, (Exception,), next_step="write it again with numpy.save or numpy.savez"
    )
