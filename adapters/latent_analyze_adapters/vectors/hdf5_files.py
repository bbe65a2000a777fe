"""HDF5 files as trees; imported by functions only, for it needs h5py."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from latent_analyze_adapters.vectors.tree_files import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_HEAP = b"GCOL\1\0\0\0"


class Hdf5Tree(Tree):
    """An HDF5 file.

    A file of somebody else must not make us read another file of ours: neither by a link nor by
    an array whose values lie elsewhere.
    """

    damage = (OSError, ValueError, LookupError, RuntimeError, TypeError, MemoryError)

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.root = h5py.File(path, "r")
        _require_sound_heaps(path, self.root.id.get_create_plist().get_sizes()[1])

    def find_things(self) -> dict[str, Any]:
        """Return groups and data sets by their paths; links are not followed."""
        found: dict[str, Any] = {}
        self.root.visititems(found.__setitem__)
        known = h5py.Group, h5py.Dataset
        return {name: thing for name, thing in found.items() if isinstance(thing, known)}

    def is_group(self, thing: Any) -> bool:
        """Whether it is a group."""
        return isinstance(thing, h5py.Group)

    def is_array(self, thing: Any, axes: int) -> bool:
        """Whether it is a data set of so many axes that lies in this file."""
        if not isinstance(thing, h5py.Dataset) or self.refusal(thing):
            return False
        return thing.shape is not None and len(thing.shape) == axes

    def refusal(self, array: Any) -> str:
        """Say so if a data set consists of others or of other files."""
        return "lies in other files" if array.external or array.is_virtual else ""

    def is_text(self, array: Any) -> bool:
        """Whether a data set holds strings."""
        return h5py.check_string_dtype(array.dtype) is not None

    def texts(self, array: Any, count: int) -> NDArray[Any]:
        """Return the first strings."""
        return np.asarray(array.asstr(errors="replace")[:count])

    def names(self, group: Any) -> Sequence[str]:
        """Return the members that are no links to other places."""
        return [n for n in group if isinstance(group.get(n, getlink=True), h5py.HardLink)]

    def child(self, group: Any, name: str) -> Any:
        """Return a member."""
        return group[name]

    def stored_rows(self, array: Any) -> int:
        """Return the rows of a chunk."""
        return int(array.chunks[0]) if array.chunks else 1

    def referred(self, reference: Any) -> Any:
        """Return the data set of an object reference."""
        # Text would be a path, which may lead to a link.
        if not isinstance(reference, h5py.Reference):
            raise ValueError("categories that are no object reference")
        return self.root[reference]


def _require_sound_heaps(path: Path, width: int) -> None:
    """Raise ValueError for a heap of texts at which the HDF5 library (1.14.6) would never end.

    Format: HDF5 File Format Specification 3.0, III.E "Global Heap"; `width` is its size of lengths.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as file:
        start = file.find(_HEAP)
        while start >= 0:
            _walk_heap(file, start, width)
            start = file.find(_HEAP, start + len(_HEAP))


def _walk_heap(file: mmap.mmap, start: int, width: int) -> None:
    head = 8 + _aligned(width)
    end = start + int.from_bytes(file[start + 8 : start + 8 + width], "little")
    at = start + head
    while at + head <= end:
        size = int.from_bytes(file[at + 8 : at + 8 + width], "little")
        # Object 0 is the free space; its size includes its header.
        step = head + _aligned(size) if any(file[at : at + 2]) else size
        at += step
        if not step or at > end:
            raise ValueError(f"a damaged heap of texts at byte {start}")


def _aligned(size: int) -> int:
    return -(-size // 8) * 8
