"""Content hashes: the same content gives the same hash in any process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hashlib import _Hash


def content_hash(*parts: object) -> str:
    """Return the SHA-256 of text, numbers, bytes, None, and arrays (with shape and dtype).

    Lists, tuples and mappings are hashed by their content, mappings in the order of their keys.

    Raises
    ------
    TypeError
        If a part is of any other type.
    """
    digest = hashlib.sha256()
    for part in parts:
        _update(digest, part)
    return digest.hexdigest()


def _update(digest: _Hash, part: object) -> None:
    if isinstance(part, np.ndarray) and not part.dtype.hasobject:
        digest.update(f"array{part.dtype.str}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).data)
    elif isinstance(part, bytes):
        digest.update(b"bytes%d:" % len(part) + part)
    elif isinstance(part, (list, tuple)):
        digest.update(f"{type(part).__name__}{len(part)}:".encode())
        for entry in part:
            _update(digest, entry)
    elif isinstance(part, Mapping):
        digest.update(b"mapping")
        _update(digest, [entry for key in sorted(part) for entry in (key, part[key])])
    elif part is None or isinstance(part, (str, int, float, complex, np.generic)):
        digest.update(f"{type(part).__name__}:{part!r};".encode())
    else:
        raise TypeError(f"cannot hash the content of {type(part).__name__} {part!r:.80}")
