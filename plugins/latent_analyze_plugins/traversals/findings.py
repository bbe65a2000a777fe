"""What axes, paths and differences of classes say, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latent_analyze.plugin import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from latent_analyze.plugin import Calibration, Result, ResultSet


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield how far paths are from the data, their lengths, the lines, classes, and defects."""
    data = results.data
    options: Any = results.options
    yield from _paths(results)
    yield from (_shown(label, result) for label, result in results.shown.items())
    yield from _lengths(data)
    yield from _lines(data, options.extent)
    if "hits" in data.scalars:
        yield _arithmetic(data)
    for label, result in results.results.items():
        for note in result.notes:
            start = "" if label == results.reference else f"{label}: "
            yield Finding("note", f"{start}{note[0].upper() + note[1:]}.")


def _paths(results: ResultSet) -> Iterator[Finding]:
    data = results.data
    entries = [results.calibration("straight_distance", null) for null in results.ensembles]
    tested = [entry for entry in entries if entry is not None]
    standing_out = [entry for entry in tested if entry.stands_out]
    text = (
        f"The middle of straight paths between z-points of {results.reference} is"
        f" {data['straight_distance']:.2f} times as far from the data as a typical z-point"
        f"{_nulls(results, tested)}; {100 * data['straight_outside']:.0f} % of it is farther than"
        " 95 % of the z-points are."
    )
    for entry in standing_out:
        text += (
            f" Straight paths keep farther from the data than under the null {entry.null}"
            f" (p = {entry.p_adjusted:.2g} after correction)."
        )
    numbers = {name: data[name] for name in ("straight_distance", "straight_outside")}
    yield Finding("warning" if standing_out else "note", text, numbers)
    yield _bent_paths(data)


def _bent_paths(data: Result) -> Finding:
    names = {"spherical": "spherical paths", "graph": "paths over the neighbor graph"}
    known = [kind for kind in names if f"{kind}_distance" in data.scalars]
    parts = [
        f"{names[kind]} {data[f'{kind}_distance']:.2f} times"
        f" ({100 * data[f'{kind}_outside']:.0f} % farther than 95 % of the z-points)"
        for kind in known
    ]
    return Finding(
        "note",
        f"The same for other paths: {', '.join(parts)}.",
        {f"{kind}_distance": data[f"{kind}_distance"] for kind in known},
    )


def _nulls(results: ResultSet, tested: list[Calibration]) -> str:
    known = {entry.null: entry for entry in tested}
    parts = []
    for null, members in results.ensembles.items():
        if null in known:
            low, high = known[null].null_low, known[null].null_high
            parts.append(f"{null} {low:.2f} to {high:.2f} in 90 % of {len(members)} draws")
        else:
            parts.append(f"{null} {members[0]['straight_distance']:.2f} in one draw")
    return f" (null {'; null '.join(parts)})" if parts else ""


def _shown(label: str, result: Result) -> Finding:
    return Finding(
        "note",
        f"{label}: the middle of straight paths is {result['straight_distance']:.2f} times as far"
        f" from its own points as they are typically, of spherical ones"
        f" {result['spherical_distance']:.2f} times.",
        {"straight_distance": result["straight_distance"]},
    )


def _lengths(data: Result) -> Iterator[Finding]:
    parts = []
    for kind, words in ("spherical", "spherical paths"), ("graph", "paths over the graph"):
        if f"{kind}_to_straight" in data.scalars:
            ratio, error = data[f"{kind}_to_straight"], data[f"{kind}_to_straight_error"]
            parts.append(f"{words} are {ratio:.2f} ± {error:.2f} times")
    if not parts:
        yield Finding(
            "note", "Decoded paths have no length to compare: the decoder gives equal images."
        )
        return
    text = f"In images, {' and '.join(parts)} as long as straight ones"
    if "graph_to_straight" in data.scalars:
        text += f" (in latent space those over the graph are {data['graph_detour']:.2f} times)"
    pairs = len(data["decoded_pair"])
    yield Finding("note", f"{text}; {pairs} pairs, mean ± standard error.")


def _lines(data: Result, extent: float) -> Iterator[Finding]:
    if "line" not in data.arrays:
        return
    change, far = data["line_change"], data["line_distance"] > data["near"]
    text = (
        f"{_line_changes(change, data['line'])} Up to {extent:g} standard deviations"
        f" {100 * far.mean():.0f} % of the images are of places farther from the data than 95 % of"
        " the z-points."
    )
    yield Finding("note", text, {"change": float(change.max()), "far": float(far.mean())})


def _line_changes(change: NDArray[np.float64], names: NDArray[np.str_]) -> str:
    if not change.any():
        return (
            "No line through the mean changes the image between -1 and +1 standard deviation, of"
            f" {len(change)} shown."
        )
    text = (
        f"Of the lines through the mean {names[change.argmax()]} changes the image most: root mean"
        f" square {change.max():.3g} per pixel between -1 and +1 standard deviation"
    )
    if change.min() == change.max():
        return f"{text}."
    return f"{text}; {names[change.argmin()]} least of those shown, {change.min():.3g}."


def _arithmetic(data: Result) -> Finding:
    to, of = data["added"], data["subtracted"]
    return Finding(
        "note",
        f"Adding the mean of {data['label']} {to} less that of {of} to {data['moved']:,} z-points"
        f" of {of}: {100 * data['hits']:.0f} % then lie mostly among {to}; of z-points of {to}"
        f" {100 * data['hits_control']:.0f} % do.",
        {"hits": data["hits"], "hits_control": data["hits_control"]},
    )
