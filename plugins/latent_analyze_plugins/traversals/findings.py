"""What axes, paths and differences of classes say, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from latent_analyze.plotting import Words, words_of
from latent_analyze.plugin import Finding, Result, ResultSet

NAMES = {
    "straight": "straight paths",
    "spherical": "spherical paths",
    "graph": "paths over the neighbor graph",
}
OUTSIDE = "farther from the data than 95 % of the z-points"


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield how far paths are from the data, their lengths, the lines, classes, and defects."""
    data, words = results.data, words_of(results.frame["kind"])
    yield from (_paths(label, result, results) for label, result in results.results.items())
    yield _lengths(data, words)
    if "line" in data.arrays:
        yield _lines(data, results.options, words)
    if "hits" in data.scalars:
        to, of, label = data["added"], data["subtracted"], data["label"]
        yield Finding(
            "note",
            f"Adding the mean of {label} {to} minus that of {of} to {data['moved']:,} z-points of"
            f" {of} moves {100 * data['hits']:.0f} % of them to {to}: most of their nearest"
            f" z-points are {to}. Of the z-points of {to}, {100 * data['hits_control']:.0f} % have"
            " such neighbors.",
            {name: data[name] for name in ("hits", "hits_control")},
        )
    for label, result in results.results.items():
        yield from (Finding("note", f"{label}: {note}.") for note in result.notes)


def _paths(label: str, result: Result, results: ResultSet) -> Finding:
    kinds = [kind for kind in NAMES if f"{kind}_distance" in result.scalars]
    parts = [
        f"{NAMES[kind]} {result[f'{kind}_distance']:.2f} ({100 * result[f'{kind}_outside']:.0f} %)"
        for kind in kinds
    ]
    text = (
        f"{label}: distance from the data in the middle half of {', '.join(parts)}; a typical"
        " z-point has 1. In parentheses, the share that is farther away than 95 % of the z-points."
    )
    for entry in results.calibrations if result is results.data else ():
        low, high = entry.null_low, entry.null_high
        text += f" Straight paths under the null {entry.null}: {low:.2f} to {high:.2f}."
    return Finding("note", text, {f"{kind}_distance": result[f"{kind}_distance"] for kind in kinds})


def _lengths(data: Result, words: Words) -> Finding:
    parts = [
        f"{NAMES[kind]} are {data[f'{kind}_to_straight']:.2f} ±"
        f" {data[f'{kind}_to_straight_error']:.2f} times"
        for kind in NAMES
        if f"{kind}_to_straight" in data.scalars
    ]
    if not parts:
        text = f"Decoded paths have no length to compare: the decoder gives equal {words.many}."
        return Finding("note", text)
    text = f"In {words.many}, {' and '.join(parts)} as long as straight ones"
    if "graph_to_straight" in data.scalars:
        text += f" (in latent space those over the graph are {data['graph_detour']:.2f} times)"
    pairs = len(data["decoded_pair"])
    return Finding("note", f"{text}; {pairs} pairs, mean ± standard error.")


def _lines(data: Result, options: Any, words: Words) -> Finding:
    change, names = data["line_change"], data["line"]
    far = float((data["line_distance"] > data["near"]).mean())
    text = f"None of {len(change)} lines through the mean changes the {words.one}"
    if change.any():
        text = (
            f"Of the lines through the mean {names[change.argmax()]} changes the {words.one} most,"
            f" by {change.max():.3g}"
        )
    if change.min() < change.max():
        text += f", and {names[change.argmin()]} least of those shown, by {change.min():.3g}"
    text += (
        f" (root mean square per {words.value} between -1 and +1 standard deviation). Up to"
        f" {options.extent:g} standard deviations {100 * far:.0f} % of the {words.many} are of"
        f" points {OUTSIDE}."
    )
    return Finding("note", text, {"change": float(change.max()), "far": far})
