"""Reads the chunks of a store: memory-mapped from a folder, or through zarr from a URL."""

from __future__ import annotations

import hashlib
import json
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from latent_analyze.errors import MissingDependencyError, StoreError
from latent_analyze.files.writing import exists
from latent_analyze.store.journal import JOURNAL
from latent_analyze.store.layout import METADATA, ArrayLayout, row_arrays
from latent_analyze.store.schema import (
    Json,
    StoreAttributes,
    damaged,
    is_store_metadata,
    not_a_store,
    parse_attributes,
)
from latent_analyze.store.text_codec import decode_texts

if TYPE_CHECKING:
    import zarr

    from latent_analyze.sources.source import AnyArray


class Chunks(Protocol):
    """Reads the metadata and the chunks of a store."""

    def metadata(self, group: str = "") -> Json:
        """Return the Zarr metadata of the root group or of a subgroup."""
        ...

    def check(self, attributes: StoreAttributes) -> None:
        """Raise StoreError if files are missing or changed; a quick check that reads no chunks."""
        ...

    def read(self, array: ArrayLayout, index: int, rows: int) -> AnyArray:
        """Return the first rows of a chunk, shape (rows, *inner); may be read-only."""
        ...


class LocalChunks:
    """A store in a folder; chunks are memory-mapped, not copied."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def metadata(self, group: str = "") -> Json:
        """Read the ``zarr.json`` of a group."""
        name = f"{group}/{METADATA}" if group else METADATA
        try:
            return json.loads((self.root / name).read_bytes())
        except (ValueError, RecursionError):
            raise damaged(str(self.root), f"a {name} that is not JSON") from None
        except FileNotFoundError:
            error = damaged if group else not_a_store
            raise error(str(self.root), f"no {name} in it") from None
        except NotADirectoryError:
            raise not_a_store(str(self.root), "a file") from None

    def check(self, attributes: StoreAttributes) -> None:
        """Check the hash of the journal and the sizes of the chunk files."""
        journal = self.root / JOURNAL
        if not journal.is_file():
            raise damaged(str(self.root), f"no {JOURNAL} in it")
        if hashlib.sha256(journal.read_bytes()).hexdigest() != attributes.journal_sha256:
            raise damaged(str(self.root), "a changed journal")
        blocks = -(-(attributes.count or 0) // attributes.encode.block_rows)
        for array in row_arrays(attributes).values():
            sizes = self._sizes(array.name)
            for index in range(blocks):
                self._check_size(array, index, sizes.get(Path(array.chunk_file(index)).name))

    def read(self, array: ArrayLayout, index: int, rows: int) -> AnyArray:
        """Map a chunk file into memory; text is decoded instead."""
        path = self.root / array.chunk_file(index)
        try:
            if array.dtype == "string":
                return decode_texts(path.read_bytes())[:rows]
            self._check_size(array, index, path.stat().st_size)
        except (FileNotFoundError, ValueError) as error:
            raise damaged(str(self.root), f"chunk {array.chunk_file(index)}: {error}") from None
        shape = (array.chunk_rows, *array.inner)
        return np.asarray(np.memmap(path, array.numpy_dtype, "r", shape=shape))[:rows]

    def _sizes(self, name: str) -> dict[str, int]:
        folder = self.root / name
        if not folder.is_dir():
            return {}
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries}

    def _check_size(self, array: ArrayLayout, index: int, size: int | None) -> None:
        expected = array.chunk_bytes
        if size is None or (expected is not None and size != expected):
            problem = "is missing" if size is None else f"has {size} bytes instead of {expected}"
            raise damaged(str(self.root), f"that chunk {array.chunk_file(index)} {problem}")


class ZarrChunks:
    """A store at a URL that fsspec can open."""

    def __init__(self, url: str) -> None:
        self.url = url

    def metadata(self, group: str = "") -> Json:
        """Return the attributes of a group."""
        node = self._root[group] if group else self._root
        return {"attributes": node.attrs.asdict()}

    def check(self, attributes: StoreAttributes) -> None:
        """Do nothing: checking remote files costs a network round trip for each."""

    def read(self, array: ArrayLayout, index: int, rows: int) -> AnyArray:
        """Read rows through zarr."""
        start = index * array.chunk_rows
        values = np.asarray(self._root[array.name][start : start + rows])
        return np.array(values.tolist(), np.str_) if array.dtype == "string" else values

    @cached_property
    def _root(self) -> zarr.Group:
        import zarr

        try:
            return zarr.open_group(self.url, mode="r")
        except ImportError as error:
            raise MissingDependencyError(
                f"fsspec and its driver for {self.url}", found=str(error).split("\n")[0],
                next_step="run: pip install fsspec, and the driver that it asks for",
            ) from None  # fmt: skip
        except FileNotFoundError:
            raise no_such_store(self.url) from None


def open_chunks(path: str | os.PathLike[str]) -> Chunks:
    """Return a reader for the store at a path or URL.

    Raises
    ------
    StoreError
        If `path` is not a URL and does not exist.
    """
    if "://" in str(path):
        return ZarrChunks(str(path))
    if not Path(path).exists():
        raise no_such_store(str(path))
    return LocalChunks(Path(path))


def read_attributes(path: str | os.PathLike[str]) -> StoreAttributes:
    """Return the attributes of a store, complete or not."""
    return parse_attributes(open_chunks(path).metadata(), str(path))


def is_store(path: str | os.PathLike[str]) -> bool:
    """Whether `path` may be a latent store, intact or damaged; True for any URL, never raises."""
    if "://" in str(path):
        return True
    try:
        return is_store_metadata(LocalChunks(Path(path)).metadata())
    except StoreError:  # zarr.json is damaged or missing
        return exists(Path(path) / METADATA)
    except (OSError, ValueError):
        return False


def no_such_store(where: str) -> StoreError:
    """Return the error for a path that does not exist."""
    return StoreError(
        f"a latent store at {where}", found="nothing there",
        next_step=f"make it with: latent-analyze encode MODEL DATA -o {where}",
    )  # fmt: skip
