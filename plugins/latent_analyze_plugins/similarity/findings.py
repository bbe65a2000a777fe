"""What the comparisons say, in sentences; no null applies, so all are notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latent_analyze.plugin import Result, ResultSet

HIGH_CHANCE = 0.1
"""From this linear CKA of shuffled rows on, the unbiased estimator is named too."""

SURE, LEAST = 2.0, 0.02
"""Standard errors, and share, by which two shares must differ to be called different."""


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield a sentence per pair, one about all pairs together, and what was left out."""
    data = results.data
    own, mutual = own_pairs(data)
    for place in own:
        yield _pair(data, place)
    options: Any = results.options
    if options.yardstick:
        own, mutual = (
            [place for place in places if _within(data, place, options.yardstick)]
            for places in (own, mutual)
        )
    if own and mutual:
        yield _yardstick(data, own, mutual)
    yield _spectra(data)
    for note in data.notes:
        yield Finding("note", note[0].upper() + note[1:] + ".")


def own_pairs(data: Result) -> tuple[list[int], list[int]]:
    """Return the places of the reference's pairs, and of those of the others."""
    mine = data["pair"][:, 0] == data["space"][0]
    return np.flatnonzero(mine).tolist(), np.flatnonzero(~mine).tolist()


def _within(data: Result, place: int, labels: tuple[str, ...]) -> bool:
    """Whether both of a pair are the reference or one of these cases."""
    return {str(name) for name in data["pair"][place]} <= {str(data["space"][0]), *labels}


def _pair(data: Result, place: int) -> Finding:
    own, other = (str(name) for name in data["pair"][place])
    share, error = data["knn_overlap"][place], data["overlap_error"][place]
    chance, left = data["knn_overlap_chance"][place], data["procrustes"][place]
    text = (
        f"{own} and {other} share {100 * share:.1f} ± {100 * error:.1f} % of their {data['k']}"
        f" nearest neighbors ({100 * chance:.2g} % by chance); linear CKA {_cka(data, place)}."
        f" The best rotation and scaling leaves {100 * left:.3g} % of the variance"
        f" ({100 * data['procrustes_chance'][place]:.3g} % if rows are shuffled)."
    )
    numbers = {"knn_overlap": share, "knn_overlap_chance": chance, "procrustes": left}
    return Finding("note", text, {name: float(value) for name, value in numbers.items()})


def _cka(data: Result, place: int) -> str:
    value, chance = data["cka"][place], data["cka_chance"][place]
    unbiased = data["cka_unbiased"][place]
    if chance > HIGH_CHANCE and np.isfinite(unbiased):
        # Few rows for the dimensions: plain CKA is high whatever the spaces are.
        return f"{value:.3g} ({chance:.2g} by chance; unbiased {unbiased:.2g})"
    return f"{value:.3g}"


def _yardstick(data: Result, own: list[int], mutual: list[int]) -> Finding:
    """Compare the reference's overlaps with those of the yardstick among itself."""
    overlap, label = data["knn_overlap"], str(data["space"][0])
    ours, theirs = overlap[own], overlap[mutual]
    names = [str(name) for name in data["pair"][own, 1]]
    margin = max(SURE * np.sqrt(2) * float(data["overlap_error"].max()), LEAST)
    least = theirs.min() - margin
    unlike = [name for name, share in zip(names, ours, strict=True) if share < least]
    if len(unlike) == len(names):
        verdict = "less like any of them than they are like each other"
    elif unlike:
        verdict = f"less like {_and(unlike)} than they all are like each other"
    else:
        verdict = "no less like them than they are like each other"
    text = (
        f"{label} shares {_percent(ours)} of the nearest neighbors with {_and(names)}, most with"
        f" {names[int(ours.argmax())]}; these share {_percent(theirs)} among themselves: {label} is"
        f" {verdict}."
    )
    if len(mutual) == 1:
        text += " With one pair as yardstick it is not known how much such pairs differ."
    numbers = {"own_low": ours.min(), "own_high": ours.max()}
    numbers |= {"mutual_low": theirs.min(), "mutual_high": theirs.max()}
    return Finding("note", text, {name: float(value) for name, value in numbers.items()})


def _spectra(data: Result) -> Finding:
    own, *others = (str(name) for name in data["space"])
    ratios = {own: data["participation_ratio"]}
    ratios |= {name: data[f"participation_ratio[{name}]"] for name in others}
    parts = _and([f"{ratio:.3g} components in {name}" for name, ratio in ratios.items()])
    return Finding("note", f"The variance is shared as if evenly by {parts}.", ratios)


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _percent(shares: np.ndarray) -> str:
    low, high = f"{100 * shares.min():.1f}", f"{100 * shares.max():.1f}"
    return f"{low} %" if low == high else f"{low} to {high} %"
