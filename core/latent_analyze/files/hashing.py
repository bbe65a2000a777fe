"""Hashes of content: equal content, equal hash, in any process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np


def content_hash(*parts: Any) -> str:
    """Return a SHA-256 over text, numbers, bytes, arrays (shape and dtype included), None.

    Lists, tuples and mappings of these are hashed by what they hold; a mapping in the order of its
    keys. Anything else has no content that could be told, and is a TypeError.
    """
    digest = hashlib.sha256()
    for part in parts:
        _update(digest, part)
    return digest.hexdigest()


def _update(digest: Any, part: Any) -> None:
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
        raise TypeError(f"no content to hash in {type(part).__name__} {part!r:.80}")
