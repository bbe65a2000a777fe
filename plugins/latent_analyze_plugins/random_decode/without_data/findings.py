"""What a decoder without data does, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from latent_analyze.plotting import Words, words_of
from latent_analyze.plugin import Finding, Result, ResultSet

MORE = 0.1
"""Share of values by which an output must be more at its ends to be called saturated."""

MOST_NAMED = 12
"""Most axes that a sentence names."""


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield that data are missing, what axes do, how diverse outputs are, where they saturate."""
    data, words = results.data, words_of(results.frame["kind"])
    yield Finding(
        "warning",
        f"No data: whether these decoded {words.many} are good cannot be told without data; encode"
        " a data set with the model's encoder or give a store.",
    )
    yield _axes(data, words)
    yield _diversity(data, words)
    yield _saturation(data, words)
    for label, result in results.results.items():
        yield from (Finding("note", f"{label}: {note}.") for note in result.notes)


def _axes(data: Result, words: Words) -> Finding:
    change, dead = data["axis_change"], data["dead_axes"]
    numbers = {"dead_axes": dead, "axes_for_90": data["axes_for_90"]}
    if not change.any():
        return Finding(
            "note", f"No axis changes the {words.one}: the decoder ignores its input.", numbers
        )
    text = (
        f"Axis {data['strongest_axis']} changes the {words.one} most, by {change.max():.3g} (root"
        f" mean square per {words.value} between -1 and +1 standard deviation);"
        f" {data['axes_for_90']} of {len(change)} axes make 90 % of the squared change."
    )
    if not dead:
        return Finding("note", f"{text} None is dead: each makes at least 1 % of it.", numbers)
    which = np.flatnonzero(change <= 0.01 * change.max())
    named = ", ".join(map(str, which[:MOST_NAMED])) + (", ..." if dead > MOST_NAMED else "")
    verb, axes = ("are", "axes") if dead > 1 else ("is", "axis")
    return Finding(
        "note", f"{text} {dead} {axes} {verb} dead, with less than 1 % of it: {named}.", numbers
    )


def _diversity(data: Result, words: Words) -> Finding:
    relative, same = data["pair_relative"], data["unchanging"]
    text = (
        f"Two drawn {words.many} differ by {data['pair_distance']:.3g} per {words.value} (root mean"
        f" square), {100 * relative:.0f} % of what {words.values} at unrelated places differ by"
    )
    if data["pair_distance"] == 0:
        text = f"The decoder gives the same {words.one} for every z-point"
    if same and data["pair_distance"]:
        text += f"; {100 * same:.2g} % of the {words.values} are the same in all of them"
    numbers = {name: data[name] for name in ("pair_distance", "pair_relative", "unchanging")}
    return Finding("note", f"{text}.", numbers)


def _saturation(data: Result, words: Words) -> Finding:
    radii, shares = data["radius"], data["at_ends"]
    each = ", ".join(f"{100 * share:.2g} %" for share in shares)
    far = [radius for radius, share in zip(radii, shares, strict=True) if share > shares[0] + MORE]
    verdict = f"It does not saturate up to {radii[-1]:g} times the typical radius"
    if far:
        verdict = f"It saturates from {far[0]:g} times the typical radius on"
    if shares[0] > 1 - MORE:
        verdict = "It is saturated at every radius"
    text = (
        f"{verdict}: at {', '.join(f'{radius:g}' for radius in radii)} times that distance from the"
        f" mean ({data['typical_radius']:.3g}), {each} of the {words.values} are at the ends of"
        f" their range, {data['range_low']:.3g} and {data['range_high']:.3g}."
    )
    return Finding("note", text, {"at_ends_far": data["at_ends_far"]})
