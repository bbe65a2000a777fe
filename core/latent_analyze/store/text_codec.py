"""Zarr's codec for texts, ``vlen-utf8``: a count, then length and UTF-8 bytes of each text."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def encode_texts(texts: Sequence[Any]) -> bytes:
    """Return the chunk of these texts; what is no valid Unicode is kept as escapes."""
    parts = [struct.pack("<I", len(texts))]
    for text in texts:
        data = str(text).encode("utf-8", errors="backslashreplace")
        parts += [struct.pack("<I", len(data)), data]
    return b"".join(parts)


def decode_texts(chunk: bytes) -> NDArray[np.str_]:
    """Return the texts of a chunk, shape (n,).

    Raises
    ------
    ValueError
        If lengths and bytes do not fit together, or the bytes are no UTF-8.
    """
    if len(chunk) < 4:
        raise ValueError("no count of texts")
    (count,) = struct.unpack_from("<I", chunk)
    texts, position = [], 4
    for _ in range(count):
        start = position + 4
        if start > len(chunk):
            raise ValueError("fewer texts than announced")
        position = start + struct.unpack_from("<I", chunk, position)[0]
        texts.append(chunk[start:position].decode("utf-8"))
    if position != len(chunk):
        raise ValueError("texts that end before or behind the chunk")
    return np.array(texts, dtype=np.str_)
