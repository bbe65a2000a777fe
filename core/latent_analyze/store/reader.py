"""An opened store: a source over chunks on the disk."""

from __future__ import annotations

import os
import zlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.errors import StoreError
from latent_analyze.files.hashing import content_hash
from latent_analyze.sources.source import Z_ONLY, Batch, Block, BlockSource
from latent_analyze.sources.summary import Summary
from latent_analyze.store.chunks import chunks_of
from latent_analyze.store.layout import SUMMARY, ArrayLayout, row_arrays, summary_arrays
from latent_analyze.store.schema import StoreAttributes, damaged, parse_attributes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.models.spec import ModelRef, ModelSpec


class Store(BlockSource):
    """The z-points of one model and one data set, on disk. ``batch.z`` is mu.

    Blocks are the chunks on disk, mapped into memory: reading copies nothing, arrays are
    read-only. A pickled store is its path, opened again by whoever unpickles it.

    Parameters
    ----------
    path
        Folder of the store, or any URL that fsspec understands.
    label
        Name in reports.

    Attributes
    ----------
    path
        As given.
    schema
        What the store says about itself: model, data set, how it was encoded.

    Raises
    ------
    StoreError
        If nothing or no store is there, or one that is incomplete, damaged or of a newer format.
    MissingDependencyError
        If `path` is a URL and fsspec or its driver is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], label: str = "data") -> None:
        self.path, self.label = _as_path(path), label
        self._chunks = chunks_of(path)
        self.schema: StoreAttributes = parse_attributes(self._chunks.metadata(), str(path))
        if not self.schema.complete or not self.schema.count:
            raise _incomplete(str(path))
        self._chunks.check(self.schema)
        self.count, self.dim = self.schema.count, self.schema.spec.dim
        self._arrays = row_arrays(self.schema)
        self._label_arrays = {label.name: label.array for label in self.schema.dataset.labels}
        optional = frozenset({"log_var"} & set(self._arrays))
        labels = (f"label:{name}" for name in self._label_arrays)
        self.fields = frozenset({"z", "mu", "id", *optional, *labels})

    @property
    def spec(self) -> ModelSpec:
        """Spec of the model that encoded the store."""
        return self.schema.spec

    @property
    def model_ref(self) -> ModelRef:
        """How to open that model again."""
        return self.schema.model_ref

    @property
    def has_thumbnails(self) -> bool:
        """Whether a small image was kept of every row."""
        return "thumbnail" in self._arrays

    @property
    def block_rows(self) -> int:
        """Rows per chunk."""
        return self.schema.encode.block_rows

    @cached_property
    def fingerprint(self) -> str:
        """Hash of model, data set, options and the checksums of all blocks; of no path."""
        schema = self.schema
        return content_hash(
            "store", schema.format, schema.model.fingerprint, schema.dataset.fingerprint,
            schema.encode.model_dump_json(), self.count, schema.journal_sha256,
        )  # fmt: skip

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Map the rows of a block into memory; of `fields` those that the store has."""
        wanted = fields & self.fields
        z = self._read("mu", block)
        return Batch(
            z=z,
            rows=np.arange(block.start, block.stop),
            mu=z if "mu" in wanted else None,
            log_var=self._read("log_var", block) if "log_var" in wanted else None,
            ids=self._read("id", block) if "id" in wanted else None,
            labels={
                name: self._read(array, block)
                for name, array in self._label_arrays.items()
                if f"label:{name}" in wanted
            },
        )

    def rows_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row numbers in the data set of rows of the store, in any order."""
        return self._gather("row", rows)

    def thumbnails(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return small images of rows in any order, uint8 (n, height, width, channel).

        Raises
        ------
        StoreError
            If the store was encoded without thumbnails.
        """
        if not self.has_thumbnails:
            raise StoreError(
                f"a store with thumbnails at {self.path}", found="one without",
                next_step="encode again with thumbnails",
            )  # fmt: skip
        return self._gather("thumbnail", rows)

    def summary(self) -> Summary:
        """Return moments and ranges as they were stored when the store was completed."""
        return self._stored_summary

    @cached_property
    def _stored_summary(self) -> Summary:
        values: dict[str, Any] = {"covariance": None}
        try:
            attributes = self._chunks.metadata(SUMMARY)["attributes"]
            for name, array in summary_arrays(self.dim).items():
                values[name] = self._checked(array, attributes["crc32"][name])
            for name in ("count", "radius_min", "radius_max", "nonfinite"):
                values[name] = attributes[name]
        except (KeyError, TypeError) as error:
            raise damaged(str(self.path), f"a summary that lacks {error}") from None
        return Summary(**values)

    def _checked(self, array: ArrayLayout, checksum: int) -> NDArray[np.float64]:
        values = self._chunks.read(array, 0, array.chunk_rows)
        if zlib.crc32(np.ascontiguousarray(values).data) != checksum:
            raise damaged(str(self.path), f"another {array.name} than was written")
        return values

    def _read(self, name: str, block: Block) -> NDArray[Any]:
        return self._chunks.read(self._arrays[name], block.index, block.size)

    def _gather(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        rows, array = np.asarray(rows, np.int64), self._arrays[name]
        found = np.empty((len(rows), *array.inner), array.numpy_dtype)
        blocks = self.blocks()
        owner = rows // self.block_rows
        for index in np.unique(owner):
            mine = owner == index
            block = blocks[index]
            found[mine] = self._read(name, block)[rows[mine] - block.start]
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        path = self.path.absolute() if isinstance(self.path, Path) else self.path
        return Store, (path, self.label)


def open_store(path: str | os.PathLike[str], *, label: str = "data") -> Store:
    """Open a store; see `Store`."""
    return Store(path, label)


def _as_path(path: str | os.PathLike[str]) -> Path | str:
    return str(path) if "://" in str(path) else Path(path)


def _incomplete(where: str) -> StoreError:
    return StoreError(
        f"a complete store at {where}", found="one whose encoding was interrupted",
        next_step="run the same encode command again to finish it",
    )  # fmt: skip
