"""Zarr's text codec ``vlen-utf8``: a count, then the length and UTF-8 bytes of each text."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def encode_texts(texts: Sequence[object]) -> bytes:
    """Return the texts as a chunk; characters that are not valid Unicode become escapes."""
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
        If the lengths do not match the chunk, or the bytes are not UTF-8.
    """
    if len(chunk) < 4:
        raise ValueError("the number of texts is missing")
    (count,) = struct.unpack_from("<I", chunk)
    texts, position = [], 4
    for _ in range(count):
        start = position + 4
        if start > len(chunk):
            raise ValueError(f"fewer than {count} texts")
        position = start + struct.unpack_from("<I", chunk, position)[0]
        texts.append(chunk[start:position].decode("utf-8"))
    if position != len(chunk):
        raise ValueError("the texts are longer or shorter than the chunk")
    return np.array(texts, dtype=np.str_)
