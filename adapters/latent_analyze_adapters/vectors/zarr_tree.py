"""Zarr folders as trees. Import this inside functions only, because it imports zarr."""

from __future__ import annotations

import json
import math
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import zarr
from zarr.storage import LocalStore

from latent_analyze_adapters.files.zarr_layout import METADATA, zarr_files
from latent_analyze_adapters.vectors.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# A chunk is always decoded as a whole.
_CHUNK_BYTES = 1 << 31

_TEXT = "vlen-utf8"

# Codecs that turn bytes into numbers and strings; numcodecs also has one that unpickles.
_CODECS = frozenset({
    "bytes", "transpose", "sharding_indexed", _TEXT, "crc32", "crc32c", "adler32", "fletcher32",
    "blosc", "zstd", "gzip", "zlib", "bz2", "lzma", "lz4", "shuffle", "delta", "astype", "quantize",
    "bitround", "packbits", "fixedscaleoffset",
})  # fmt: skip


_VOID = np.dtype("V")


@dataclass(frozen=True)
class _Unknown:
    """An array with a type or codec that zarr does not support: nothing of it can be read."""

    name: str
    reason: str
    attrs: Mapping[str, object] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    dtype: np.dtype[np.generic] = _VOID

    def __getitem__(self, rows: slice) -> NDArray[np.generic]:
        raise ValueError(self.reason)


Member: TypeAlias = zarr.Group | zarr.Array | _Unknown


class ZarrTree(Tree):
    """A folder in version 2 or 3 of the Zarr format.

    An untrusted folder must not make us read files outside it, so symbolic links are refused. Nor
    may it run code, so only codecs for numbers and strings are allowed.
    """

    root: zarr.Group | zarr.Array
    damage = (
        OSError, ValueError, LookupError, RuntimeError, TypeError, AttributeError, MemoryError,
        ImportError, EOFError, SystemError, zlib.error,
    )  # fmt: skip

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._files = list(zarr_files(path))
        store = LocalStore(path, read_only=True)
        opened = zarr.open_array if _is_array(path) else _open_group
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they concern writers
            self.root = opened(store, mode="r")

    def find_nodes(self) -> dict[str, Member]:
        """Return the groups and arrays whose metadata are in the folder, by path."""
        if not self.is_group(self.root):
            return {self.path.name: self.root}
        found = {n.rpartition("/")[0] for n in self._files if Path(n).name in METADATA}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {name: self._open(name) for name in sorted(found - {""})}

    def _open(self, name: str) -> Member:
        try:
            return self.root[name]
        except json.JSONDecodeError as error:
            raise ValueError(f"metadata of {name}: {error}") from None
        except (ValueError, TypeError, KeyError) as error:
            return _Unknown(name, " ".join(str(error).split())[:160])

    def is_group(self, node: Member) -> bool:
        """Whether this is a group."""
        return isinstance(node, zarr.Group)

    def is_array(self, node: Member, axes: int) -> bool:
        """Whether this is an array with this many axes that can be decoded safely."""
        if not isinstance(node, zarr.Array) or self.refusal(node):
            return False
        return len(node.shape) == axes

    def refusal(self, array: Member) -> str:
        """Return why an array must not be read: unusual codecs or large chunks."""
        if isinstance(array, _Unknown):
            return f"zarr cannot open: {array.reason}"
        unknown = sorted(set(_codecs(array)) - _CODECS)
        if unknown:
            return f"needs the codec {unknown[0]}"
        if math.prod(array.shards or array.chunks) * array.dtype.itemsize > _CHUNK_BYTES:
            return "has chunks of more than 2 GiB"
        return ""

    def is_text(self, array: zarr.Array) -> bool:
        """Whether an array holds strings of variable length."""
        return _TEXT in _codecs(array)

    def read_texts(self, array: zarr.Array, count: int) -> NDArray[np.object_]:
        """Return the first strings."""
        return np.asarray(array[:count], object)

    def member_names(self, group: zarr.Group) -> Sequence[str]:
        """Return the names of a group's members."""
        above = group.path
        return [n.rpartition("/")[2] for n in self.nodes if n.rpartition("/")[0] == above]

    def child(self, group: zarr.Group, name: str) -> Member:
        """Return a member."""
        return self.nodes[f"{group.path}/{name}".lstrip("/")]

    def chunk_rows(self, array: zarr.Array) -> int:
        """Return the rows of a chunk."""
        return int(array.chunks[0])

    def dereference(self, reference: object) -> Member:
        """Return the array with this path."""
        return self.nodes[str(reference).strip("/")]


def _is_array(path: Path) -> bool:
    if not (path / "zarr.json").exists():
        return (path / ".zarray").exists()
    return bool(json.loads((path / "zarr.json").read_bytes())["node_type"] == "array")


def _open_group(store: LocalStore, mode: Literal["r"]) -> zarr.Group:
    # Consolidated metadata may refer to files outside the folder.
    return zarr.open_group(store, mode=mode, use_consolidated=False)


def _codecs(array: zarr.Array) -> list[str]:
    """Return the names of all codecs of an array, including those inside shards."""
    metadata = array.metadata
    if metadata.zarr_format == 2:
        found = [*(metadata.filters or ()), metadata.compressor]
        return [codec.codec_id for codec in found if codec is not None]
    names, left = [], [codec.to_dict() for codec in metadata.codecs]
    while left:
        codec = left.pop()
        names.append(codec["name"].removeprefix("numcodecs."))
        inner = codec.get("configuration") or {}
        left += [*inner.get("codecs", ()), *inner.get("index_codecs", ())]
    return names
