"""What all sources of a case share: pairs of positions, and the codes told apart in them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Frame, Source, codes_of, keyed_rng
from latent_analyze_plugins.codes.usage import usage_of

ROWS_PER_PAIR, MOST_TOLD = 10, 32
"""Rows for each pair of codes that is told apart, and most codes that are, unless stated."""

SEED = 0


def make_frame(reference: Source, options: Any) -> Frame:
    """Return the pairs of positions, the codes told apart, and the number of codes.

    Raises
    ------
    AnalysisError
        If the values of the reference are no codes.
    """
    codes = codes_of(reference)
    if codes is None:
        raise AnalysisError("a source of codes", found=f"coordinates in {reference.label}")
    most = options.told_apart
    if most == "auto":
        rows = min(options.sample, reference.count)
        most = int(np.clip(math.sqrt(rows / ROWS_PER_PAIR), 2, MOST_TOLD))
    usage = usage_of(reference, codes.count)
    order = np.argsort(-usage, kind="stable")[: int(np.count_nonzero(usage))]
    pairs, steps = choose_pairs(codes.shape or (1,), options.pairs)
    return Frame({
        "codes": codes.count, "is_known": codes.is_known,
        "shape": np.array(codes.shape or (1,)), "told": order[: int(most)],
        "pairs": pairs, "steps": steps, "neighbors": int((steps == 1).sum()),
        "frequent": order[: options.decoded],
    })  # fmt: skip


def choose_pairs(shape: tuple[int, ...], most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of positions, (n, 2), and how many steps they are apart.

    All neighbors, one step apart along an axis, and all others; a seeded choice of at most `most`
    of either. Of others, every distance is as likely as any.
    """
    rng = keyed_rng(SEED, "pairs", *shape)
    near = _picked(neighbors(shape), most, rng)
    far, steps = _others(shape, most, rng)
    return np.concatenate([near, far]), np.concatenate([np.ones(len(near), np.int64), steps])


def neighbors(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return all pairs of positions that are one step apart along an axis, (n, 2)."""
    places = np.arange(math.prod(shape)).reshape(shape)
    found = [
        np.stack([np.delete(places, -1, axis).ravel(), np.delete(places, 0, axis).ravel()], axis=1)
        for axis in range(len(shape))
    ]
    return np.concatenate(found)


def _others(
    shape: tuple[int, ...], most: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of positions more than one step apart, and how far."""
    positions = math.prod(shape)
    if positions * (positions - 1) // 2 <= 4 * most:
        first, second = np.triu_indices(positions, 1)
    else:
        first, second = rng.integers(0, positions, (2, 64 * most))
    pairs = np.unique(np.sort(np.stack([first, second], axis=1), axis=1), axis=0)
    steps = _steps(pairs, shape)
    pairs, steps = pairs[steps > 1], steps[steps > 1]
    if len(pairs) <= most:
        return pairs, steps
    # Far distances are rare, and would be missed by an even choice.
    _, place, times = np.unique(steps, return_inverse=True, return_counts=True)
    chance = 1 / times[place]
    chosen = np.sort(rng.choice(len(pairs), most, replace=False, p=chance / chance.sum()))
    return pairs[chosen], steps[chosen]


def _steps(pairs: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    places = np.stack(np.unravel_index(pairs, shape))
    return np.asarray(np.abs(places[..., 0] - places[..., 1]).sum(axis=0), np.int64)


def _picked(pairs: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    if len(pairs) <= most:
        return pairs
    return pairs[np.sort(rng.choice(len(pairs), most, replace=False))]
