"""The journal of a store: one line with a checksum per committed block."""

from __future__ import annotations

import json
import os
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from latent_analyze.models.spec import Spec
from latent_analyze.store.disk import lock, write_all

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

JOURNAL = "journal.jsonl"


class BlockRecord(Spec):
    """The journal entry of a committed block.

    Attributes
    ----------
    block, start, count
        Block number, first row in the store, and number of rows.
    next_row
        First row of the data set that has not been encoded yet.
    dropped
        Number of rows of the data set dropped so far.
    crc32
        Array name -> CRC-32 of its chunk file, padding included.
    mean, squares, min, max
        Per axis of mu: mean, sum of squared deviations from it, smallest and largest value. Of
        codes only the latter two, per position.
    """

    block: int
    start: int
    count: int
    next_row: int
    dropped: int
    crc32: dict[str, int]
    mean: list[float]
    squares: list[float]
    min: list[float]
    max: list[float]

    @property
    def stop(self) -> int:
        """Number of rows in the store after this block."""
        return self.start + self.count


def moments(mu: NDArray[Any]) -> dict[str, list[float]]:
    """Return the fields mean, squares, min and max of a record; mu, or codes, (n, dim)."""
    ends = {"min": mu.min(axis=0).tolist(), "max": mu.max(axis=0).tolist()}
    if mu.dtype.kind == "i":
        return {"mean": [], "squares": [], **ends}
    mean = mu.mean(axis=0, dtype=np.float64)
    squares = np.square(mu - mean).sum(axis=0)
    return {"mean": mean.tolist(), "squares": squares.tolist(), **ends}


def to_line(record: BlockRecord) -> bytes:
    """Return the line of a record: the CRC-32 of its JSON text, a space, and the text."""
    text = json.dumps(record.model_dump(), separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def parse_line(line: bytes) -> BlockRecord | None:
    """Return the record of a line, or None if the line is incomplete or damaged."""
    checksum, _, text = line.removesuffix(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        return BlockRecord.model_validate_json(text)
    except ValidationError:
        return None


def read_records(content: bytes) -> tuple[list[BlockRecord], list[int]]:
    """Return the records before the first line that is incomplete, damaged or out of order.

    Returns
    -------
    records
        One per committed block.
    ends
        Position in `content` where the line of each record ends.
    """
    records: list[BlockRecord] = []
    ends: list[int] = []
    position = stop = 0
    for line in content.splitlines(keepends=True):
        record = parse_line(line)
        if record is None or (record.block, record.start) != (len(records), stop):
            break
        position, stop = position + len(line), record.stop
        records.append(record)
        ends.append(position)
    return records, ends


class JournalWriter:
    """The journal of a store that is being written; it is locked against other processes.

    Attributes
    ----------
    records
        One per committed block.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream = path.open("r+b", buffering=0)
        try:
            lock(self._stream, path.parent)
            self.records, self._ends = read_records(self._stream.read())
        except BaseException:
            self._stream.close()
            raise

    def truncate(self, blocks: int) -> None:
        """Keep the first `blocks` records and delete everything after them."""
        self.records, self._ends = self.records[:blocks], self._ends[:blocks]
        end = self._ends[-1] if self._ends else 0
        self._stream.truncate(end)
        self._stream.seek(end)
        os.fsync(self._stream.fileno())

    def append(self, record: BlockRecord) -> None:
        """Commit a block; its chunk files must be on disk already."""
        write_all(self._stream, to_line(record))
        os.fsync(self._stream.fileno())
        self.records.append(record)
        self._ends.append(self._stream.tell())

    def close(self) -> None:
        """Close the journal and release its lock."""
        self._stream.close()
