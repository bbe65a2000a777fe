"""What the curves say in words: an elbow, a gap or a silhouette only beside those of the null."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import Finding
from latent_analyze_plugins.clustering.scores import (
    LEAST_EFFECT,
    gap_choice,
    gap_curve,
    largest_null_gap,
)

if TYPE_CHECKING:
    from latent_analyze.plugin import Result, ResultSet

LATE = 0.75
"""A gap that is largest beyond this part of the series may go on growing."""

ONE_DRAW = "one draw, which has no spread; --calibrate clustering runs the ensemble"


def find(results: ResultSet) -> Iterable[Finding]:
    """Yield a finding on silhouette, gap, elbow and labels, and what was left out."""
    yield _silhouette(results)
    for null in results.ensembles:
        yield _gap(results, null)
    if "elbow_k" in results.data.scalars:
        yield _elbow(results)
    for label, result in results.results.items():
        yield from _labels(label, result)
        yield from (Finding("note", f"{label}: {note}.") for note in result.notes)


def _silhouette(results: ResultSet) -> Finding:
    data = results.data
    text = (
        f"The clearest partition of {results.reference} has {data['silhouette_k']} clusters: mean"
        f" silhouette {data['silhouette']:z.2f} (1: far apart, 0: touching)"
    )
    return _beside_nulls(results, "silhouette", text)


def _gap(results: ResultSet, null: str) -> Finding:
    ks, gap, error = gap_curve(results, null)
    k, size = gap_choice(ks, gap, error)
    options: Any = results.options
    numbers = {"k": k, "gap": size, "standard_error": float(error[ks == k][0])}
    lower = any((e.scalar, e.null) == ("log_inertia", null) for e in results.standouts())
    if size <= max(LEAST_EFFECT, 0.0 if lower else largest_null_gap(results, null)):
        text = (
            f"The gap to {null} is at most {max(size, 0.0):.2g}: no number of clusters explains"
            " more of the data than of the null"
        )
    else:
        text = (
            f"The gap to {null} is largest from {k} clusters on, {size:.2g}: inertia is"
            f" {100 * (1 - np.exp(-size)):.3g} % lower than in the null"
        )
        if k > LATE * ks[-1] > LATE * (options.k_max - options.k_step):
            text += f". It still grows at {ks[-1]} clusters, so it names no number of them"
    if len(results.ensembles[null]) == 1:
        text += f" ({ONE_DRAW})"
    return Finding("note", f"{text}.", numbers)


def _elbow(results: ResultSet) -> Finding:
    data = results.data
    text = (
        f"The curve of inertia has its elbow at k = {data['elbow_k']}, of sharpness"
        f" {data['elbow_sharpness']:.2f}"
    )
    outstanding = {e.null for e in results.standouts() if e.scalar == "elbow_sharpness"}
    for null, members in results.ensembles.items():
        elbows = [m["elbow_k"] for m in members if "elbow_k" in m.scalars]
        if elbows:
            text += f"; {null}, which has no clusters, has one at {_range(elbows, '{:.0f}')}"
        same = elbows and min(elbows) <= data["elbow_k"] <= max(elbows)
        if same and null not in outstanding:
            text += ", the same: it is no sign of clusters"
    return _beside_nulls(results, "elbow_sharpness", text)


def _beside_nulls(results: ResultSet, scalar: str, text: str) -> Finding:
    """Return a note with what the nulls have instead."""
    for null, members in results.ensembles.items():
        values = [m[scalar] for m in members if scalar in m.scalars]
        if values:
            draws = "one draw" if len(values) == 1 else f"5-95 % of {len(values)} draws"
            text += f"; {null}: {scalar.split('_')[-1]} {_range(values, '{:z.2f}')} ({draws})"
    return Finding("note", f"{text}.", {scalar: results.data[scalar]})


def _range(values: Sequence[float], form: str) -> str:
    low, high = (form.format(v) for v in np.quantile(values, [0.05, 0.95]))
    return low if low == high else f"{low} to {high}"


def _labels(label: str, result: Result) -> Iterable[Finding]:
    names = [s.removeprefix("ari_") for s in result.scalars if s.startswith("ari_")]
    for name in names:
        found = {key: result[f"{key}_{name}"] for key in ("classes", "ari", "nmi")}
        yield Finding(
            "note",
            f"{label}: {found['classes']} clusters, as many as classes of {name}, agree with them"
            f" by an adjusted Rand index of {found['ari']:z.2f} (0: chance, 1: the same) and a"
            f" normalized mutual information of {found['nmi']:.2f}.",
            found,
        )
