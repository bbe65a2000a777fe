"""What the reconstructions say, in sentences; no null applies, so all are notes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from latent_analyze.plotting import Words, words_of
from latent_analyze.plugin import Finding, Result, ResultSet
from latent_analyze_plugins.reconstruct.columns import find_columns

SURE = 3.0
"""Standard errors by which splits, or a rank correlation and 0, must differ to be named."""

LEAST = 0.15
"""Rank correlation below which a trend is not worth its name."""

POSITIONS = {"radius": "radius", "neighbor": "distance to the {k}th nearest neighbor"}


def find(results: ResultSet, k: int) -> Iterator[Finding]:
    """Yield how large the errors are, whether splits differ, and where they are large."""
    data, words = results.data, words_of(results.frame["kind"])
    error = results.frame["error"]
    yield _categories(data, words) if error == "wrong" else _size(data, words)
    if "feature_explained" in data.arrays:
        yield find_columns(data)
    if len(split_names(data, error)) > 1:
        yield _splits(data, words, error)
    for name, text in POSITIONS.items():
        if name in data.arrays:
            yield _position(data, name, text.format(k=k), error)


def split_names(data: Result, error: str) -> list[str]:
    """Return the splits of which there are errors with a standard error."""
    start = f"{error}_error["
    names = (name for name in data.scalars if name.startswith(start))
    return [name.removeprefix(start).removesuffix("]") for name in names]


def _size(data: Result, words: Words) -> Finding:
    many = words.many
    text = (
        f"Mean squared error {data['mse']:.4g} per {words.value} over {data.sample_size:,} {many}"
    )
    if "explained" in data.scalars:
        text += f", {100 * data['explained']:.3g} % of the variance of the {many} explained"
    if "bce" in data.scalars:
        text += (
            f"; binary cross-entropy {data['bce_sum']:.4g} nats per {words.one},"
            f" {data['bce']:.3g} per {words.value} (a perfect reconstruction has"
            f" {data['bce_floor']:.3g})"
        )
    if "ssim" in data.scalars:
        text += f"; structural similarity {data['ssim']:.3g}"
    names = ("mse", "explained", "bce", "bce_sum", "bce_floor", "ssim")
    return Finding("note", f"{text}.", {name: data[name] for name in names if name in data.scalars})


def _categories(data: Result, words: Words) -> Finding:
    text = (
        f"The most likely category is right for {100 * data['accuracy']:.4g} % of the values, over"
        f" {data.sample_size:,} {words.many}"
    )
    if "explained" in data.scalars:
        text += (
            f"; that is {100 * data['explained']:.3g} % of the way from always giving a place its"
            " most frequent category to a perfect reconstruction"
        )
    names = ("accuracy", "wrong", "explained")
    return Finding("note", f"{text}.", {name: data[name] for name in names if name in data.scalars})


def _splits(data: Result, words: Words, error: str) -> Finding:
    values = {name: data[f"{error}[{name}]"] for name in split_names(data, error)}
    errors = {name: data[f"{error}_error[{name}]"] for name in values}
    best, worst = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    each = ", ".join(
        f"{name} {value:.4g} ± {errors[name]:.1g} ({data[f'images[{name}]']:,} {words.many})"
        for name, value in values.items()
    )
    verdict = "the splits do not differ beyond sampling error"
    if values[worst] - values[best] > SURE * np.hypot(errors[best], errors[worst]):
        more = 100 * (values[worst] / values[best] - 1) if values[best] > 0 else float("inf")
        verdict = f"{worst} is reconstructed worse than {best}, by {more:.2g} %"
    what = {"mse": "Mean squared error", "wrong": "Share of wrong values"}[error]
    return Finding("note", f"{what} by split: {each}; {verdict}.", values)


def _position(data: Result, name: str, what: str, error: str) -> Finding:
    if f"rank_{name}" not in data.scalars:
        return Finding("note", f"The error or the {what} does not vary: nothing to correlate.")
    rank, least = data[f"rank_{name}"], SURE / np.sqrt(len(data[f"image_{error}"]) - 1)
    low, high = data[f"{error}_by_{name}"][[0, -1], 1]
    trend = "grows with" if rank > 0 else "falls with"
    if abs(rank) <= max(least, LEAST):
        trend = "hardly depends on"
    return Finding(
        "note",
        f"The error {trend} the {what}: rank correlation {rank:+.2f} (by chance hardly beyond"
        f" ±{least:.2g}); median {low:.3g} in the lowest and {high:.3g} in the highest tenth.",
        {f"rank_{name}": rank},
    )
