"""Counting codes, and what counts say: entropy, its bias and its error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Source

GROUP = 1 << 22
"""Codes that are counted at a time: few large counts are faster than many small ones."""

TABLE = 1 << 23
"""Entries of a table of positions and codes: 64 MiB; more positions take more passes."""


def usage_of(source: Source, count: int) -> NDArray[np.int64]:
    """Return how often each of `count` codes occurs, over all rows and positions."""
    usage = np.zeros(count, np.int64)
    for z in _groups(source):
        usage += np.bincount(z.ravel(), minlength=count)
    return usage


def usage_by_position(source: Source, count: int) -> Iterator[NDArray[np.int64]]:
    """Yield tables (positions, codes) of how often each code is at each position."""
    step = max(TABLE // max(count, 1), 1)
    for start in range(0, source.dim, step):
        width = min(step, source.dim - start)
        table = np.zeros(width * count, np.int64)
        offsets = count * np.arange(width)
        for z in _groups(source):
            part = z[:, start : start + width] + offsets
            table += np.bincount(part.ravel(), minlength=len(table))
        yield table.reshape(width, count)


def _groups(source: Source) -> Iterator[NDArray[np.int64]]:
    """Yield rows of codes, several blocks at a time."""
    waiting: list[NDArray[Any]] = []
    for block in source.blocks():
        waiting.append(source.read(block).z)
        if sum(z.size for z in waiting) >= GROUP:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def entropy(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return the entropy of counts along the last axis, in bits."""
    shares = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.where(shares > 0, -shares * np.log2(shares), 0.0)
    return np.asarray(bits.sum(axis=-1))


def bias(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return by how many bits the entropy of counts is too low (Miller & Madow 1955)."""
    used = np.count_nonzero(counts, axis=-1)
    draws = np.maximum(counts.sum(axis=-1), 1)
    return np.asarray((used - 1) / (2 * draws * np.log(2)))


def entropy_error(z: NDArray[np.int64], usage: NDArray[np.int64], rows: int) -> float:
    """Return the standard error of the entropy of a usage, in bits.

    To first order the entropy is a mean over rows of the surprise of their codes, -log2 of a code's
    share (Basharin 1959); rows are independent draws, the codes of a row are not.

    Parameters
    ----------
    z
        Some of the rows, (n, positions).
    usage
        How often each code occurs in all rows.
    rows
        Number of all rows.
    """
    if len(z) < 2:
        return float("nan")
    with np.errstate(divide="ignore"):
        surprise = -np.log2(usage / usage.sum())
    return float(surprise[z].mean(axis=1).std(ddof=1) / np.sqrt(rows))
