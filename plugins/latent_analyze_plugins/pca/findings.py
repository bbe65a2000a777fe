"""What the spectrum says, in sentences; nothing of it is held against a null."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Finding
from latent_analyze_plugins.shared.basis import PRECISION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latent_analyze.plugin import Result, ResultSet

FOLLOWED = 0.5
"""A component follows the few axes that hold this share of its squared length."""

FEW_AXES = 3


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield how many components hold the variance, where the first one points, and defects."""
    yield _spread(results)
    yield from _first_component(results)
    for label, result in results.shown.items():
        yield _beside(label, result, results)
    yield from _defects(results)


def _spread(results: ResultSet) -> Finding:
    data = results.data
    dim = len(results.frame["mean"])
    return Finding(
        "note",
        f"{data['components_90']} of {dim} principal components hold 90 % of the variance, the"
        f" first alone {100 * data['explained_1']:.3g} %; it is shared as if evenly by"
        f" {data['participation_ratio']:.3g} (participation ratio). A Gaussian null has the same"
        " spectrum by construction.",
        {name: data[name] for name in ("components_90", "explained_1", "participation_ratio")},
    )


def _first_component(results: ResultSet) -> Iterator[Finding]:
    first = results.frame["components"][0] ** 2
    order = np.argsort(-first, kind="stable")
    needed = int(np.searchsorted(np.cumsum(first[order]), FOLLOWED)) + 1
    if results.data["separated"] == 0:
        yield Finding(
            "note",
            "The first two components have the same variance within its sampling error: which"
            " direction comes first is chance.",
        )
    elif needed <= min(FEW_AXES, len(first) - 1):
        axes = [str(axis) for axis in order[:needed]]
        share = float(first[order[:needed]].sum())
        which = f"axis {axes[0]}" if needed == 1 else f"axes {', '.join(axes[:-1])} and {axes[-1]}"
        yield Finding(
            "note",
            f"The first component follows {which}: {100 * share:.3g} % of its squared length.",
            {"share": share},
        )


def _beside(label: str, result: Result, results: ResultSet) -> Finding:
    kept = len(results.frame["components"])
    data = results.data
    return Finding(
        "note",
        f"{label}: participation ratio {result['participation_ratio']:.3g} against"
        f" {data['participation_ratio']:.3g}; {100 * result['share_in_kept']:.3g} % of its variance"
        f" lies within the first {kept} components of {results.reference}"
        f" ({100 * data['share_in_kept']:.3g} % there).",
        {name: result[name] for name in ("participation_ratio", "share_in_kept")},
    )


def _defects(results: ResultSet) -> Iterator[Finding]:
    data, dim = results.data, len(results.frame["mean"])
    if results.frame["constant_axes"]:
        yield Finding("note", f"{results.frame['constant_axes']} of {dim} axes do not vary at all.")
    if data["n"] <= dim:
        yield Finding(
            "note",
            f"{data['n']:,} z-points in {dim:,} dimensions: at most {data['n'] - 1:,} components"
            " can have a variance, and the first ones look longer than they are.",
        )
    elif data["rank"] < dim - results.frame["constant_axes"] and not data.sample_size:
        yield Finding(
            "note",
            f"The z-points lie flat: {data['rank']} of {dim} components have more than"
            f" {PRECISION:g} of the first one's variance.",
            {"rank": data["rank"]},
        )
    for note in data.notes:
        yield Finding("note", note[0].upper() + note[1:] + ".")
