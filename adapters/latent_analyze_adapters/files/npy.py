"""What stands in an .npy or .npz file: read from the headers alone, never unpickled."""

from __future__ import annotations

import io
import math
import struct
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

SUFFIXES = (".npy", ".npz")
BARE = "array"
"""Name of the array of an .npy file, which has none of its own."""

COMPRESSED_BYTES = 1 << 33
"""Of a compressed array: more would not fit in most memories."""

BOMB_BYTES, BOMB_RATIO = 1 << 28, 100
"""A larger array that is compressed to less than a hundredth is there to fill the memory."""

_HEADER_BYTES = 1 << 14
"""numpy reads no header of more than 10,000 characters, but only after it is in memory."""

IMAGE_NAMES = ("x", "images", "data", "arr_0", BARE)
SPLITS = ("train", "test", "val")


@dataclass(frozen=True)
class ArrayInfo:
    """Name, shape and dtype of an array in a file."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {self.shape}"

    @property
    def is_vectors(self) -> bool:
        """Whether it is (n, dim) of numbers."""
        return len(self.shape) == 2 and self.dtype.kind in "fiu"

    @property
    def is_images(self) -> bool:
        """Whether it is (n, H, W) or (n, H, W, C) of numbers."""
        return len(self.shape) in (3, 4) and self.dtype.kind in "fiub"


def peek(path: Path) -> dict[str, ArrayInfo]:
    """Return what arrays a file holds, by name, without reading their data.

    Raises
    ------
    DatasetError
        If there is no such file or it is no .npy or .npz file.
    """
    with _damage_named(path):
        if not path.is_file():
            found = "a folder" if path.is_dir() else "no such file"
            raise DatasetError(f"a file {path}", found=found, next_step="check the path")
        infos = _peek_members(path) if path.suffix.lower() == ".npz" else [_peek_bare(path)]
    return {info.name: info for info in infos}


def load(path: Path, name: str) -> NDArray[Any]:
    """Return an array of a file: memory-mapped from .npy, read whole from .npz.

    Raises
    ------
    DatasetError
        If the file is damaged, or holds Python objects.
    """
    with _damage_named(path):
        if path.suffix.lower() == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{name}.npy")
            _refuse_bomb(member, path)
            with archive.open(member) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)


def map_rows(path: Path, name: str) -> NDArray[Any]:
    """Return an array of a file, memory-mapped where it is not compressed, else read whole.

    Raises
    ------
    DatasetError
        If the file is damaged, which the checksums of an .npz tell, or compressed and too large.
    """
    if path.suffix.lower() == ".npy":
        return load(path, name)
    with _damage_named(path), zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        if member.compress_type == zipfile.ZIP_STORED:
            return _map_member(path, archive, member)
    return load(path, name)


def holds_vectors(path: Path) -> bool:
    """Whether a file holds vectors and no images; never raises."""
    try:
        return bool(find_vectors(peek(path)))
    except DatasetError:
        return False


def find_vectors(infos: Mapping[str, ArrayInfo]) -> dict[str, ArrayInfo]:
    """Return the arrays of vectors, if there are none of images.

    One number per row is a column of labels if other arrays have more.
    """
    if find_images(infos):
        return {}
    vectors = {name: info for name, info in infos.items() if info.is_vectors}
    wide = {name: info for name, info in vectors.items() if info.shape[1] != 1}
    return wide or vectors


def find_images(infos: Mapping[str, ArrayInfo]) -> dict[str, ArrayInfo]:
    """Return the arrays of images by split: ``x_train``, ... of Keras' layout, or one under "".

    The one is the first of `IMAGE_NAMES` that has the shape of images, or else the only array
    that has.
    """
    splits = {split: infos[f"x_{split}"] for split in SPLITS if f"x_{split}" in infos}
    if splits and all(info.is_images for info in splits.values()):
        return splits
    images = [info for info in infos.values() if info.is_images]
    named = [infos[name] for name in IMAGE_NAMES if name in infos and infos[name].is_images]
    if named or len(images) == 1:
        return {"": (named or images)[0]}
    return {}


def listing(infos: Mapping[str, ArrayInfo]) -> str:
    """Return the arrays of a file as text for a message."""
    return ", ".join(map(str, infos.values())) or "no arrays"


def refuse_objects(infos: Iterable[ArrayInfo], path: Path) -> None:
    """Raise DatasetError for arrays of Python objects, which only unpickling could read."""
    for info in infos:
        if info.dtype.hasobject:
            raise DatasetError(
                f"arrays of numbers or texts in {path}", found=f"Python objects in {info.name!r}",
                next_step="save it with a plain dtype, e.g. array.astype(str)",
            )  # fmt: skip


def _refuse_bomb(member: zipfile.ZipInfo, path: Path) -> None:
    size = member.file_size
    is_bomb = size > BOMB_BYTES and size > BOMB_RATIO * member.compress_size
    if member.compress_type != zipfile.ZIP_STORED and (is_bomb or size > COMPRESSED_BYTES):
        raise DatasetError(
            f"compressed arrays of at most {COMPRESSED_BYTES >> 30} GiB in {path}, and no more "
            f"than {BOMB_RATIO} times smaller than their content from {BOMB_BYTES >> 20} MiB on",
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


def _map_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as stream:
        shape, is_fortran, dtype, start = _header(stream)
        while stream.read(1 << 20):
            pass  # the checksum is compared at the end
    if dtype.hasobject:
        raise ValueError(f"Python objects in {member.filename}")
    with path.open("rb") as file:
        # The name and the extra field may be longer here than in the directory of the archive.
        file.seek(member.header_offset + 26)
        start += member.header_offset + 30 + sum(struct.unpack("<HH", file.read(4)))
    return np.memmap(path, dtype, "r", start, shape, "F" if is_fortran else "C")


def _header(stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
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


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn what damage to a file raises into a DatasetError."""
    try:
        yield
    except DatasetError:
        raise
    # A header is text that numpy evaluates: damage shows as anything, down to tokenize.TokenError.
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise DatasetError(
            f"a readable {path.suffix or '.npy'} file", found=f"{path}: {reason}",
            next_step="write it again with numpy.save or numpy.savez",
        ) from None  # fmt: skip
