"""What positions know of each other: mutual information of the codes at pairs of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Frame
from latent_analyze_plugins.codes.usage import bias, entropy

TABLES = 1 << 22
"""Counts of pairs of codes that are held at a time."""

DISTANCES = 16
"""Most distances that the curve has a point for."""

LEAST_EXPECTED = 5.0
"""Below so many expected pairs, how often two codes stand together is noise."""


def compare(z: NDArray[np.int64], frame: Frame) -> dict[str, Any]:
    """Return what positions of rows know of each other.

    Parameters
    ----------
    z
        Codes, (rows, positions).
    frame
        Pairs of positions, their distances, and the codes told apart.
    """
    pairs, steps, told = frame["pairs"], frame["steps"], frame["told"]
    classes, count = classes_of(z, told, frame["codes"]), len(told) + 1
    values: dict[str, Any] = {"told_share": float((classes < len(told)).mean())}
    if not len(pairs) or len(z) < 2:
        return values
    bits, (together, expected) = np.empty(len(pairs)), np.zeros((2, count, count))
    for part, joint in _joint_tables(classes, pairs, count):
        bits[part] = information(joint)
        near = joint[steps[part] == 1]
        together += near.sum(axis=0)
        expected += _independent(near)
    return values | _by_distance(bits, steps) | {
        "neighbor_bits_at": _at_positions(bits[steps == 1], pairs[steps == 1], z.shape[1]),
        "together": lift(together, expected)[: len(told), : len(told)],
    }  # fmt: skip


def classes_of(z: NDArray[np.int64], told: NDArray[np.int64], codes: int) -> NDArray[np.int64]:
    """Return the place of each code among those told apart; all others are one class behind."""
    place = np.full(codes, len(told), np.int64)
    place[told] = np.arange(len(told))
    return place[z]


def _joint_tables(
    classes: NDArray[np.int64], pairs: NDArray[np.int64], count: int
) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yield slices of pairs, and how often two classes are at both positions, (n, a, b)."""
    step = max(min(TABLES // count**2, TABLES // len(classes)), 1)
    for start in range(0, len(pairs), step):
        part = slice(start, min(start + step, len(pairs)))
        first, second = classes[:, pairs[part, 0]], classes[:, pairs[part, 1]]
        offsets = count**2 * np.arange(part.stop - part.start)
        found = np.bincount(
            (first * count + second + offsets).ravel(), minlength=len(offsets) * count**2
        )
        yield part, found.reshape(len(offsets), count, count)


def information(joint: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mutual information of tables (n, a, b) in bits, corrected for bias.

    The three entropies have the bias of Miller & Madow (1955); where the tables are of independent
    draws, the mean is about 0, and values may be negative.
    """
    both = joint.reshape(len(joint), -1)
    parts = (joint.sum(axis=2), joint.sum(axis=1))
    found = sum(entropy(part) + bias(part) for part in parts) - entropy(both) - bias(both)
    return np.asarray(found, np.float64)


def lift(together: NDArray[Any], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log2 of counts of neighbors over expected ones, both codes in either order."""
    seen, wanted = together + together.T, expected + expected.T
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log2((seen + 0.5) / (wanted + 0.5))
    return np.where(wanted >= LEAST_EXPECTED, found, np.nan)


def _independent(joint: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return counts that are expected if positions are independent, summed over pairs."""
    first, second = joint.sum(axis=2).astype(float), joint.sum(axis=1).astype(float)
    rows = np.maximum(first.sum(axis=1), 1)
    return np.asarray(np.einsum("pa,pb->ab", first / rows[:, None], second))


def _by_distance(bits: NDArray[np.float64], steps: NDArray[np.int64]) -> dict[str, Any]:
    values: dict[str, Any] = {"neighbor_bits": float(bits[steps == 1].mean())}
    farthest = int(steps.max())
    if farthest > 1:
        values["far_bits"] = float(bits[steps >= max(farthest / 2, 2)].mean())
    edges = np.unique(np.geomspace(1, farthest + 1, DISTANCES + 1).round().astype(int))
    place = np.searchsorted(edges, steps, side="right")
    kept = np.unique(place)
    values["steps"] = np.array([steps[place == k].mean() for k in kept])
    values["bits_by_steps"] = np.array([bits[place == k].mean() for k in kept])
    return values


def _at_positions(
    bits: NDArray[np.float64], pairs: NDArray[np.int64], positions: int
) -> NDArray[np.float64]:
    """Return the mean over the pairs that each position is in; NaN where it is in none."""
    ends = pairs.T.ravel()
    total = np.bincount(ends, weights=np.tile(bits, 2), minlength=positions)
    times = np.bincount(ends, minlength=positions)
    return np.where(times > 0, total / np.maximum(times, 1), np.nan)
