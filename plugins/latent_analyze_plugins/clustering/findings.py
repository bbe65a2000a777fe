"""What the curves say in words: an elbow, a gap or a silhouette only next to those of the null."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from latent_analyze.plugin import Finding, Result, ResultSet
from latent_analyze_plugins.clustering.scores import LEAST_EFFECT, Gap

LATE = 0.75
"""A gap that is largest beyond this part of the series may go on growing."""
ONE_DRAW = "one draw, which has no spread; --calibrate clustering runs the ensemble"


def find(results: ResultSet) -> Iterable[Finding]:
    """Yield a finding on silhouette, gap, elbow and labels, and what was left out."""
    data = results.data
    text = (
        f"The clearest partition of {results.reference} has {data['silhouette_k']} clusters: mean"
        f" silhouette {data['silhouette']:z.2f}{_nulls(results, 'silhouette', 'z.2f')}, where 1 is"
        " far apart and 0 touching."
    )
    yield Finding("note", text, {"silhouette": data["silhouette"]})
    yield from (_gap(results, null) for null in results.ensembles)
    if "elbow_k" in data.scalars:
        yield _elbow(results)
    for label, result in results.results.items():
        yield from _labels(label, result)
        yield from (Finding("note", f"{label}: {note}.") for note in result.notes)


def _gap(results: ResultSet, null: str) -> Finding:
    found, options = Gap.to(null, results), cast("Any", results.options)
    k, size = found.choice
    lower = any((e.scalar, e.null) == ("log_inertia", null) for e in results.standouts())
    if size <= max(LEAST_EFFECT, 0.0 if lower else found.noise):
        text = (
            f"The gap to {null} is at most {max(size, 0.0):.2g}: no number of clusters explains"
            " more of the data than of the null"
        )
    else:
        text = (
            f"The gap to {null} is largest from {k} clusters on, {size:.2g}: inertia is"
            f" {100 * (1 - np.exp(-size)):.3g} % lower than in the null"
        )
        if k > LATE * found.ks[-1] > LATE * (options.k_max - options.k_step):
            text += f". It still grows at {found.ks[-1]} clusters, so it names no number of them"
    if len(results.ensembles[null]) == 1:
        text += f" ({ONE_DRAW})"
    error = float(found.error[found.ks == k][0])
    return Finding("note", f"{text}.", {"k": k, "gap": size, "standard_error": error})


def _elbow(results: ResultSet) -> Finding:
    data, sharper = results.data, {e.null for e in results.standouts() if "elbow" in e.scalar}
    text = (
        f"The curve of inertia has its elbow at k = {data['elbow_k']}"
        f"{_nulls(results, 'elbow_k', '.0f')}, with sharpness {data['elbow_sharpness']:.2f}"
        f"{_nulls(results, 'elbow_sharpness', '.2f')}."
    )
    for null, members in results.ensembles.items():
        elbows = [m["elbow_k"] for m in members if "elbow_k" in m.scalars]
        if null not in sharper and elbows and min(elbows) <= data["elbow_k"] <= max(elbows):
            text += (
                f" {null} has no clusters and an elbow at the same k: it is no sign of clusters."
            )
    return Finding("note", text, {"elbow_sharpness": data["elbow_sharpness"]})


def _nulls(results: ResultSet, scalar: str, form: str) -> str:
    """Return what the nulls have instead: ``" (null gaussian: 18 to 22)"``."""
    ranges = []
    for null, members in results.ensembles.items():
        values = [m[scalar] for m in members if scalar in m.scalars]
        if values:
            low, high = (f"{v:{form}}" for v in np.quantile(values, [0.05, 0.95]))
            ranges.append(f"null {null}: {low if low == high else f'{low} to {high}'}")
    return f" ({'; '.join(ranges)})" if ranges else ""


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
