"""Zarr folders as trees; imported by functions only, for it imports zarr."""

from __future__ import annotations

import json
import math
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import zarr
from zarr.storage import LocalStore

from latent_analyze_adapters.files.zarr_layout import METADATA, zarr_files
from latent_analyze_adapters.vectors.tree_files import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# A chunk is decoded whole, whatever part of it is wanted.
_CHUNK_BYTES = 1 << 31

_TEXT = "vlen-utf8"

# What turns bytes into numbers and texts; numcodecs also has one that unpickles.
_CODECS = frozenset({
    "bytes", "transpose", "sharding_indexed", _TEXT, "crc32", "crc32c", "adler32", "fletcher32",
    "blosc", "zstd", "gzip", "zlib", "bz2", "lzma", "lz4", "shuffle", "delta", "astype", "quantize",
    "bitround", "packbits", "fixedscaleoffset",
})  # fmt: skip


class _Unknown(NamedTuple):
    """An array of a type or with a codec that zarr does not know."""

    name: str
    reason: str


class ZarrTree(Tree):
    """A folder in version 2 or 3 of the Zarr format.

    A folder of somebody else must not make us read files outside it, so symbolic links are refused;
    nor run code, so only codecs of numbers and texts are.
    """

    damage = (
        OSError, ValueError, LookupError, RuntimeError, TypeError, AttributeError, MemoryError,
        ImportError, EOFError, zlib.error,
    )  # fmt: skip

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._files = list(zarr_files(path))
        store = LocalStore(path, read_only=True)
        opened = zarr.open_array if _is_array(path) else _open_group
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are for those who write
            self.root = opened(store, mode="r")

    def find_things(self) -> dict[str, Any]:
        """Return groups and arrays by their paths: those whose metadata lie in the folder."""
        if not self.is_group(self.root):
            return {self.path.name: self.root}
        found = {n.rpartition("/")[0] for n in self._files if Path(n).name in METADATA}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {name: self._open(name) for name in sorted(found - {""})}

    def _open(self, name: str) -> Any:
        try:
            return self.root[name]
        except json.JSONDecodeError as error:
            raise ValueError(f"metadata of {name}: {error}") from None
        except (ValueError, TypeError, KeyError) as error:
            return _Unknown(name, " ".join(str(error).split())[:160])

    def is_group(self, thing: Any) -> bool:
        """Whether it is a group."""
        return isinstance(thing, zarr.Group)

    def is_array(self, thing: Any, axes: int) -> bool:
        """Whether it is an array of so many axes that can be decoded without risk."""
        if not isinstance(thing, zarr.Array) or self.refusal(thing):
            return False
        return len(thing.shape) == axes

    def refusal(self, array: Any) -> str:
        """Say so if an array wants unusual codecs or large chunks."""
        if isinstance(array, _Unknown):
            return f"zarr cannot open: {array.reason}"
        unknown = sorted(set(_codecs(array)) - _CODECS)
        if unknown:
            return f"needs the codec {unknown[0]}"
        if math.prod(array.shards or array.chunks) * array.dtype.itemsize > _CHUNK_BYTES:
            return "has chunks of more than 2 GiB"
        return ""

    def is_text(self, array: Any) -> bool:
        """Whether an array holds texts of any length."""
        return _TEXT in _codecs(array)

    def texts(self, array: Any, count: int) -> NDArray[Any]:
        """Return the first texts."""
        return np.asarray(array[:count], object)

    def names(self, group: Any) -> Sequence[str]:
        """Return the members of a group."""
        above = group.path
        return [n.rpartition("/")[2] for n in self.things if n.rpartition("/")[0] == above]

    def child(self, group: Any, name: str) -> Any:
        """Return a member."""
        return self.things[f"{group.path}/{name}".lstrip("/")]

    def stored_rows(self, array: Any) -> int:
        """Return the rows of a chunk."""
        return int(array.chunks[0])

    def referred(self, reference: Any) -> Any:
        """Return the array of this path."""
        return self.things[str(reference).strip("/")]


def _is_array(path: Path) -> bool:
    if not (path / "zarr.json").exists():
        return (path / ".zarray").exists()
    return bool(json.loads((path / "zarr.json").read_bytes())["node_type"] == "array")


def _open_group(store: LocalStore, mode: Any) -> Any:
    # Consolidated metadata may name what lies elsewhere.
    return zarr.open_group(store, mode=mode, use_consolidated=False)


def _codecs(array: Any) -> list[str]:
    """Return the names of all codecs of an array, of shards and of their chunks."""
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
