"""Times of several ways to do one thing, alternated in one run, relative to the first of them.

A ratio survives a change of machine and of what else it does; seconds do not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

ROWS, DIM = 170_000, 256


def relative_times(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median time of every way divided by that of the first.

    Each way is called once before (compilation, page cache), then all in turn, `repeats` times.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(repeats):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    unit = median(next(iter(seconds.values())))
    return {name: median(taken) / unit for name, taken in seconds.items()}


def show(title: str, ratios: Mapping[str, float]) -> None:
    """Print a table of ratios."""
    print(f"{title}\n")
    width = max(map(len, ratios))
    for name, ratio in ratios.items():
        print(f"  {name.ljust(width)}  {ratio:8.3g}")
    print()


def cloud(rows: int, dim: int, *, offset: float = 0.0) -> NDArray[np.float32]:
    """Return correlated normal z-points, float32, shape (rows, dim)."""
    rng = np.random.default_rng(0)
    mixing = (rng.standard_normal((dim, dim)) / np.sqrt(dim)).astype(np.float32)
    z = rng.standard_normal((rows, dim), dtype=np.float32) @ mixing
    return z + np.float32(offset)


def arguments(description: str | None, defaults: Sequence[int] = (ROWS, DIM, 5)) -> tuple[int, ...]:
    """Return ``--rows``, ``--dim`` and ``--repeats`` of the command line."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n")[0])
    names = ("rows", "dim", "repeats")
    for name, default in zip(names, defaults, strict=True):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    found = parser.parse_args()
    return tuple(getattr(found, name) for name in names)
