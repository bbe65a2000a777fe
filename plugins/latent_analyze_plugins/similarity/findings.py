"""What the comparisons say, in sentences; no null applies, so all are notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Finding, Result, ResultSet

HIGH_CHANCE = 0.1
"""From this linear CKA of shuffled rows on, the unbiased estimator is named too."""
SURE, LEAST = 2.0, 0.02
"""Standard errors, and share, by which two shares must differ to be called different."""
ROUNDING = 1e-5
"""Shares of variance below this are rounding."""


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield a sentence per pair, one about all pairs together, and what was left out."""
    data = results.data
    own, mutual = pairs_of(results)
    yield from (_pair(data, place) for place in own)
    options: Any = results.options
    if options.yardstick:
        known = {results.reference, *options.yardstick}
        own, mutual = ([p for p in places if known.issuperset(data["pair"][p])]
                       for places in (own, mutual))  # fmt: skip
    if own and mutual:
        yield _yardstick(data, own, mutual)
    yield spectra(data)
    yield from (Finding("note", note[0].upper() + note[1:] + ".") for note in data.notes)


def pairs_of(results: ResultSet) -> tuple[list[int], list[int]]:
    """Return the places of the reference's pairs, and of those of the others."""
    mine = results.data["pair"][:, 0] == results.reference
    return np.flatnonzero(mine).tolist(), np.flatnonzero(~mine).tolist()


def spectra(data: Result) -> Finding:
    """Say over how many components the variance is spread in each space."""
    own, *others = data["space"].tolist()
    ratios = {own: data["participation_ratio"]}
    ratios |= {name: data[f"participation_ratio[{name}]"] for name in others}
    parts = _and([f"{ratio:.3g} components in {name}" for name, ratio in ratios.items()])
    return Finding("note", f"The variance is shared as if evenly by {parts}.", ratios)


def _pair(data: Result, place: int) -> Finding:
    numbers = {
        name: float(data[name][place])
        for name in ("knn_overlap", "overlap_error", "knn_overlap_chance", "procrustes")
    }
    share, error, chance, left = numbers.values()
    text = (
        f"{' and '.join(data['pair'][place])} share {100 * share:.1f} ± {100 * error:.1f} % of"
        f" their {data['k']} nearest neighbors ({100 * chance:.2g} % by chance); linear CKA"
        f" {_cka(data, place)}. The best rotation and scaling leaves {_small(left)} % of the"
        f" variance ({_small(data['procrustes_chance'][place])} % if rows are shuffled)."
    )
    return Finding("note", text, numbers)


def _small(share: float) -> str:
    return f"{100 * share:.3g}" if share > ROUNDING else f"less than {100 * ROUNDING:g}"


def _cka(data: Result, place: int) -> str:
    value, chance = data["cka"][place], data["cka_chance"][place]
    unbiased = data["cka_unbiased"][place]
    if chance > HIGH_CHANCE and np.isfinite(unbiased):
        # Few rows for the dimensions: plain CKA is high whatever the spaces are.
        return f"{value:.3g} ({chance:.2g} by chance; unbiased {unbiased:.2g})"
    return f"{value:.3g}"


def _yardstick(data: Result, own: list[int], mutual: list[int]) -> Finding:
    """Compare the reference's overlaps with those of the yardstick among itself."""
    overlap, label = data["knn_overlap"], data["space"][0]
    ours, theirs, names = overlap[own], overlap[mutual], data["pair"][own, 1]
    margin = max(SURE * np.sqrt(2) * float(data["overlap_error"].max()), LEAST)
    unlike = names[ours < theirs.min() - margin]
    chosen, less = (unlike, "less") if len(unlike) else (names, "no less")
    they = "they" if len(chosen) == len(names) else _and(names)
    text = (
        f"{label} is {less} like {_and(chosen)} than {they} are like each other: it shares"
        f" {_percent(ours)} of the nearest neighbors with them, most with {names[ours.argmax()]};"
        f" they share {_percent(theirs)} among themselves."
    )
    if len(mutual) == 1:
        text += " With one pair as yardstick it is not known how much such pairs differ."
    ends = {"own_low": ours.min(), "own_high": ours.max(),
            "mutual_low": theirs.min(), "mutual_high": theirs.max()}  # fmt: skip
    return Finding("note", text, {name: float(value) for name, value in ends.items()})


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _percent(shares: NDArray[np.float64]) -> str:
    low, high = f"{100 * shares.min():.1f}", f"{100 * shares.max():.1f}"
    return f"{low} %" if low == high else f"{low} to {high} %"
