"""Counter-based random generators: the same key gives the same numbers in any process."""

from __future__ import annotations

import hashlib
import operator
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.files.hashing import content_hash

if TYPE_CHECKING:
    from numpy.typing import NDArray

GENERATOR = "philox-1"
"""Version of the generator and its keys; part of the fingerprint of every random draw."""


def keyed_rng(seed: int, *keys: int | str) -> np.random.Generator:
    """Return a generator keyed by `seed` and `keys` (Philox; Salmon et al. 2011).

    The same key gives the same stream in any process and on any worker; different keys give
    independent streams.
    """
    plain = tuple(k if isinstance(k, str) else operator.index(k) for k in keys)
    digest = hashlib.sha256(repr((GENERATOR, operator.index(seed), plain)).encode()).digest()
    key = np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def row_priority(rows: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """Return a pseudo-random priority for each row number (SplitMix64; Steele et al. 2014).

    Keep the rows with the lowest priorities to get a uniform sample without replacement that does
    not depend on how the rows are split into blocks.

    Parameters
    ----------
    rows
        Row numbers, shape (n,).
    seed
        Any integer; a different seed gives a different order.
    """
    offset = int.from_bytes(hashlib.sha256(repr((GENERATOR, seed)).encode()).digest()[:8], "little")
    x = rows.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(offset)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def derived_seed(*parts: object) -> int:
    """Return a 60-bit seed from the content hash of `parts`."""
    return int(content_hash(*parts)[:15], 16)
