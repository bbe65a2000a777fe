"""HDF5 files as trees. Import this inside functions only, because it imports h5py."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, TypeAlias

import h5py
import numpy as np

from latent_analyze_adapters.vectors.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_HEAP = b"GCOL\1\0\0\0"


Member: TypeAlias = h5py.Group | h5py.Dataset


class Hdf5Tree(Tree):
    """An HDF5 file.

    An untrusted file must not make us read other files, neither through links nor through arrays
    whose values are stored elsewhere.
    """

    root: h5py.File
    damage = (OSError, ValueError, LookupError, RuntimeError, TypeError, MemoryError)

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.root = h5py.File(path, "r")
        _require_sound_heaps(path, self.root.id.get_create_plist().get_sizes()[1])

    def find_nodes(self) -> dict[str, Member]:
        """Return groups and data sets by path, without following links."""
        found: dict[str, Member] = {}
        self.root.visititems(found.__setitem__)
        known = h5py.Group, h5py.Dataset
        return {name: node for name, node in found.items() if isinstance(node, known)}

    def is_group(self, node: Member) -> bool:
        """Whether this is a group."""
        return isinstance(node, h5py.Group)

    def is_array(self, node: Member, axes: int) -> bool:
        """Whether this is a data set with this many axes that is stored in this file."""
        if not isinstance(node, h5py.Dataset) or self.refusal(node):
            return False
        return node.shape is not None and len(node.shape) == axes

    def refusal(self, array: h5py.Dataset) -> str:
        """Return why a data set must not be read: its values are stored elsewhere."""
        return "is stored in other files" if array.external or array.is_virtual else ""

    def is_text(self, array: h5py.Dataset) -> bool:
        """Whether a data set holds strings."""
        return h5py.check_string_dtype(array.dtype) is not None

    def read_texts(self, array: h5py.Dataset, count: int) -> NDArray[np.object_]:
        """Return the first strings."""
        return np.asarray(array.asstr(errors="replace")[:count])

    def member_names(self, group: h5py.Group) -> Sequence[str]:
        """Return the names of the members that are not soft or external links."""
        return [n for n in group if isinstance(group.get(n, getlink=True), h5py.HardLink)]

    def child(self, group: h5py.Group, name: str) -> Member:
        """Return a member."""
        return group[name]

    def chunk_rows(self, array: h5py.Dataset) -> int:
        """Return the rows of a chunk."""
        return int(array.chunks[0]) if array.chunks else 1

    def dereference(self, reference: object) -> Member:
        """Return the data set of an object reference."""
        # A string would be a path, which may lead through a link.
        if not isinstance(reference, h5py.Reference):
            raise ValueError("categories that are not an object reference")
        return self.root[reference]


def _require_sound_heaps(path: Path, width: int) -> None:
    """Raise ValueError for a heap of strings that would put the HDF5 library (1.14.6) into a loop.

    Format: HDF5 File Format Specification 3.0, III.E "Global Heap"; `width` is the file's size of
    lengths.
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
            raise ValueError(f"a damaged heap of strings at byte {start}")


def _aligned(size: int) -> int:
    return -(-size // 8) * 8
