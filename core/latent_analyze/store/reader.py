"""The store as a source: reads z-points from the chunks on disk."""

from __future__ import annotations

import os
import zlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.errors import StoreError
from latent_analyze.files.hashing import content_hash
from latent_analyze.sources.codes import Codes
from latent_analyze.sources.source import (
    Z_ONLY,
    Batch,
    Block,
    BlockSource,
    require_coordinates,
)
from latent_analyze.sources.summary import Summary
from latent_analyze.store.chunks import open_chunks
from latent_analyze.store.layout import (
    SUMMARY,
    ArrayLayout,
    row_arrays,
    summary_arrays,
    usage_arrays,
)
from latent_analyze.store.schema import StoreAttributes, damaged, output_arrays, parse_attributes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.models.reference import ModelRef
    from latent_analyze.models.spec import ModelSpec
    from latent_analyze.sources.source import AnyArray


class Store(BlockSource):
    """The z-points of one model and one data set, on disk; ``batch.z`` is mu, or the codes.

    Blocks are memory-mapped chunk files: reading copies nothing, and the arrays are read-only.
    Pickling a store saves only path and label; unpickling opens it again.

    Parameters
    ----------
    path
        Folder of the store, or a URL that fsspec can open.
    label
        Name shown in reports.

    Attributes
    ----------
    path
        As given.
    schema
        Attributes of the store: model, data set, and how it was encoded.
    codes
        What the codes name, if the latents are codes instead of coordinates.

    Raises
    ------
    StoreError
        If `path` is missing or not a store, or the store is incomplete, damaged or newer than this
        version.
    MissingDependencyError
        If `path` is a URL and fsspec or its driver is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], label: str = "data") -> None:
        self.path, self.label = _as_path(path), label
        self._chunks = open_chunks(path)
        self.schema: StoreAttributes = parse_attributes(self._chunks.metadata(), str(path))
        if not self.schema.complete or not self.schema.count:
            raise _incomplete(str(path))
        self._chunks.check(self.schema)
        self.count, self.dim = self.schema.count, self.schema.spec.dim
        self._arrays = row_arrays(self.schema)
        self._label_arrays = {label.name: label.array for label in self.schema.dataset.labels}
        optional = frozenset({"log_var"} & set(self._arrays))
        labels = (f"label:{name}" for name in self._label_arrays)
        self._output_arrays = output_arrays(output.name for output in self.spec.further)
        outputs = (f"output:{name}" for name in self._output_arrays)
        latents = {"z", "id"} if self.spec.has_codes else {"z", "mu", "id"}
        self.fields = frozenset({*latents, *optional, *labels, *outputs})
        self.codes = self._stored_codes() if self.spec.has_codes else None

    @property
    def spec(self) -> ModelSpec:
        """Spec of the model that encoded the store."""
        return self.schema.spec

    @property
    def model_ref(self) -> ModelRef:
        """How to open the model again."""
        return self.schema.model_ref

    @property
    def has_thumbnails(self) -> bool:
        """Whether the store has a thumbnail of every row."""
        return "thumbnail" in self._arrays

    @property
    def block_rows(self) -> int:
        """Rows per chunk."""
        return self.schema.encode.block_rows

    @cached_property
    def fingerprint(self) -> str:
        """Hash of model, data set, options and the checksums of all blocks, but no paths."""
        schema = self.schema
        return content_hash(
            "store", schema.format, schema.model.fingerprint, schema.dataset.fingerprint,
            schema.encode.model_dump_json(), self.count, schema.journal_sha256,
        )  # fmt: skip

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Memory-map the rows of a block, with those of `fields` that the store has."""
        wanted = fields & self.fields
        z = self._read(self.spec.latent_array, block)
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
            outputs={
                name: self._read(array, block)
                for name, array in self._output_arrays.items()
                if f"output:{name}" in wanted
            },
        )

    def rows_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row numbers in the data set of these rows of the store, in the given order."""
        return self._gather("row", rows)

    def thumbnails(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return thumbnails in the order of `rows`: uint8, shape (n, height, width, channel).

        Raises
        ------
        StoreError
            If the store was encoded without thumbnails.
        """
        if not self.has_thumbnails:
            raise StoreError(
                f"a store with thumbnails at {self.path}", found="a store without thumbnails",
                next_step="encode the data set again with thumbnails",
            )  # fmt: skip
        return self._gather("thumbnail", rows)

    def summary(self) -> Summary:
        """Return count, mean, covariance and ranges, as saved in the store."""
        require_coordinates(self)
        return self._stored_summary

    def _stored_codes(self) -> Codes:
        try:
            attributes = self._chunks.metadata(SUMMARY)["attributes"]
            arrays = usage_arrays(attributes["codes"], attributes["entries"])
            values = {
                name: self._read_verified(array, attributes["crc32"][name])
                for name, array in arrays.items()
            }
            count = int(attributes["codes"])
        except (KeyError, TypeError) as error:
            raise damaged(str(self.path), f"a summary without {error}") from None
        shape = self.spec.latent.shape
        return Codes(shape, count, self.spec.codes is not None, values.get("codebook"))

    @cached_property
    def _stored_summary(self) -> Summary:
        values: dict[str, Any] = {"covariance": None}  # Any: arrays and numbers of a Summary
        try:
            attributes = self._chunks.metadata(SUMMARY)["attributes"]
            for name, array in summary_arrays(self.dim).items():
                values[name] = self._read_verified(array, attributes["crc32"][name])
            for name in ("count", "radius_min", "radius_max", "nonfinite"):
                values[name] = attributes[name]
        except (KeyError, TypeError) as error:
            raise damaged(str(self.path), f"a summary without {error}") from None
        return Summary(**values)

    def _read_verified(self, array: ArrayLayout, checksum: int) -> NDArray[Any]:
        values = self._chunks.read(array, 0, array.chunk_rows)
        if zlib.crc32(np.ascontiguousarray(values).data) != checksum:
            raise damaged(str(self.path), f"{array.name} with a wrong checksum")
        return values

    def _read(self, name: str, block: Block) -> AnyArray:
        return self._chunks.read(self._arrays[name], block.index, block.size)

    def _gather(self, name: str, rows: NDArray[np.int64]) -> AnyArray:
        rows, array = np.asarray(rows, np.int64), self._arrays[name]
        values: AnyArray = np.empty((len(rows), *array.inner), array.numpy_dtype)
        blocks = self.blocks()
        block_of_row = rows // self.block_rows
        for index in np.unique(block_of_row):
            in_block = block_of_row == index
            block = blocks[index]
            values[in_block] = self._read(name, block)[rows[in_block] - block.start]
        return values

    def __reduce__(self) -> tuple[type[Store], tuple[Path | str, str]]:
        path = self.path.absolute() if isinstance(self.path, Path) else self.path
        return Store, (path, self.label)


def open_store(path: str | os.PathLike[str], *, label: str = "data") -> Store:
    """Open a store; see `Store`."""
    return Store(path, label)


def _as_path(path: str | os.PathLike[str]) -> Path | str:
    return str(path) if "://" in str(path) else Path(path)


def _incomplete(where: str) -> StoreError:
    return StoreError(
        f"a complete store at {where}", found="a store whose encoding was interrupted",
        next_step="run the same encode command again to finish it",
    )  # fmt: skip
