"""Writes a store block by block; a killed process loses at most the block being written."""

from __future__ import annotations

import hashlib
import shutil
import zlib
from typing import TYPE_CHECKING, Self

from latent_analyze.errors import LatentAnalyzeError, StoreError
from latent_analyze.sources.codes import Usage, UsageAccumulator
from latent_analyze.sources.summary import Summary, SummaryAccumulator
from latent_analyze.store.chunks import LocalChunks, read_attributes
from latent_analyze.store.contents import complete_files, empty_files
from latent_analyze.store.disk import (
    replace_durably,
    reporting_write_errors,
    sync_folder,
    write_durably,
)
from latent_analyze.store.journal import JOURNAL, BlockRecord, JournalWriter, moments
from latent_analyze.store.layout import METADATA, row_arrays
from latent_analyze.store.schema import StoreSchema, damaged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from latent_analyze.sources.source import AnyArray


class StoreWriter:
    """Creates or resumes a store: call `append` for each block, then `finish`.

    Used as a context manager, it cleans up after errors. After bad input, a store that this writer
    created is deleted. After an interruption or on a full disk, the committed blocks stay for the
    next call; a store without any is deleted.

    Parameters
    ----------
    path
        Folder of the store; created if missing, resumed if it was interrupted.
    schema
        Model, data set and options of the store.

    Attributes
    ----------
    records
        Journal entries of the committed blocks.

    Raises
    ------
    StoreError
        If `path` is not a store, is a store of another model, data set or options, is being written
        by another process, or cannot be written.
    """

    def __init__(self, path: Path, schema: StoreSchema) -> None:
        self.path = path
        self.created = not path.exists()
        with reporting_write_errors(path):
            if self.created:
                _create(path, schema)
            self.schema = _stored_schema(path, schema)
            self.arrays = row_arrays(self.schema)
            self._journal = _open_journal(path)
            self._chunks = LocalChunks(path)
            try:
                self._journal.truncate(self._intact_blocks())
                self._remove_uncommitted()
            except BaseException:
                self._journal.close()
                raise

    @property
    def records(self) -> list[BlockRecord]:
        """Journal entries of the committed blocks."""
        return self._journal.records

    @property
    def count(self) -> int:
        """Number of committed rows."""
        return self.records[-1].stop if self.records else 0

    @property
    def next_row(self) -> int:
        """First row of the data set after the committed blocks."""
        return self.records[-1].next_row if self.records else 0

    def append(self, rows: Mapping[str, AnyArray]) -> None:
        """Commit a block of rows: array name -> values, shape (n, ...).

        Only the last block may have fewer than block_rows rows. Its chunk files are on disk before
        the journal lists the block.
        """
        block = len(self.records)
        chunks = {name: array.chunk(rows[name]) for name, array in self.arrays.items()}
        record = BlockRecord(
            block=block,
            start=self.count,
            count=len(rows["row"]),
            next_row=int(rows["row"][-1]) + 1,
            dropped=int(rows["row"][-1]) + 1 - self.count - len(rows["row"]),
            crc32={name: zlib.crc32(data) for name, data in chunks.items()},
            **moments(rows[self.schema.spec.latent_array]),
        )
        with reporting_write_errors(self.path):
            files = {self.arrays[name].chunk_file(block): data for name, data in chunks.items()}
            write_durably(self.path, files)
            self._journal.append(record)

    def finish(self, codebook: AnyArray | None = None) -> None:
        """Write the summary and the final shapes, and last the attribute `complete`.

        Parameters
        ----------
        codebook
            Vectors of the codes, float32, shape (codes, d), if they are known.
        """
        summary = self._summarize()
        with reporting_write_errors(self.path):
            journal = hashlib.sha256(self._journal.path.read_bytes()).hexdigest()
            files, root = complete_files(self.schema, summary, journal, codebook)
            write_durably(self.path, files)
            replace_durably(self.path / METADATA, root)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        bad_input = isinstance(error, LatentAnalyzeError) and not isinstance(error, StoreError)
        self._journal.close()
        if error is not None and (not self.records or (bad_input and self.created)):
            shutil.rmtree(self.path)
        elif error is not None:
            self._remove_uncommitted()

    def _intact_blocks(self) -> int:
        for record in self.records:
            for name, array in self.arrays.items():
                file = self.path / array.chunk_file(record.block)
                if not file.is_file() or zlib.crc32(file.read_bytes()) != record.crc32.get(name):
                    return record.block
        return len(self.records)

    def _remove_uncommitted(self) -> None:
        for name, array in self.arrays.items():
            kept = {self.path / array.chunk_file(record.block) for record in self.records}
            for file in (self.path / name).glob("c.*"):
                if file not in kept:
                    file.unlink()

    def _summarize(self) -> Summary | Usage:
        spec = self.schema.spec
        accumulator: SummaryAccumulator | UsageAccumulator = SummaryAccumulator(spec.dim)
        if spec.has_codes:
            accumulator = UsageAccumulator(spec.codes or 0)
        latents = self.arrays[spec.latent_array]
        for record in self.records:
            accumulator.add(self._chunks.read(latents, record.block, record.count))
        return accumulator.result()


def require_matching(stored: StoreSchema, schema: StoreSchema, path: Path) -> None:
    """Raise StoreError if the store at `path` has another model, data set or options."""
    differences = stored.differences(schema)
    if differences == ["signature"]:
        raise StoreError(
            f"a store of this signature at {path}",
            found="one of the same model and data with another signature",
            next_step="choose another -o, delete the store, or state no other signature",
        )
    if differences:
        raise StoreError(
            f"a store of {_describe(schema)} at {path}",
            found=f"a store of another {' and other '.join(differences)}: {_describe(stored)}",
            next_step="choose another -o, or remove it",
        )


def _describe(schema: StoreSchema) -> str:
    model, data = schema.model, schema.dataset
    options = schema.encode.model_dump(exclude_none=True)
    return (
        f"model {schema.spec.name} ({model.fingerprint[:8]}), data set {data.name} "
        f"({data.fingerprint[:8]}), {', '.join(f'{k}={v}' for k, v in options.items())}"
    )


def _stored_schema(path: Path, schema: StoreSchema) -> StoreSchema:
    """Return the schema of the store at `path`; it keeps the paths it was created with."""
    attributes = read_attributes(path)
    require_matching(attributes, schema, path)
    return StoreSchema(**attributes.model_dump(include=set(StoreSchema.model_fields)))


def _open_journal(path: Path) -> JournalWriter:
    if not (path / JOURNAL).is_file():
        raise damaged(str(path), f"no {JOURNAL} in it")
    return JournalWriter(path / JOURNAL)


def _create(path: Path, schema: StoreSchema) -> None:
    """Create an empty store atomically: write it next to `path`, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    if temporary.exists():
        shutil.rmtree(temporary)
    try:
        write_durably(temporary, empty_files(schema))
        temporary.rename(path)
        sync_folder(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
