"""Checks what is stated about a model against what explains the data without it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError, Signature, leave_open

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from latent_analyze_adapters.models.signatures.find import Search

VALUES = ("range", "mean", "std")
"""These belong together: they say how values go in or come out."""

BOTH = (*VALUES, "layout", "constants", "columns")
CHECKED = {
    "encoder": (*BOTH, "mu", "halves_axis", "mean_half"),
    "decoder": (*BOTH, "activation", "scale", "shift", "latent_axes"),
}
"""What is checked, of each half: all that a round trip can tell."""

GOOD, MORE = 0.9, 0.1
"""A statement that explains this share of the variance is right; another one is better if it
explains this much more."""

FIRST = 1 / 4
"""Share of the budget for what is stated; the rest is for what is tried beside it."""


def checked(search: Search, given: Collection[str] = ()) -> Signature:
    """Return the signature, with a problem if what is stated explains the data worse than need be.

    A bundle with samples of its training runtime is compared with these instead.

    Parameters
    ----------
    search
        Finds it.
    given
        Keys that nobody stated: they say how rows in Python are, which go in unchanged.
    """
    keys = _stated(search) if search.bundle.check is None else []
    if not keys:
        return search.signature()
    first = replace(search, budget=FIRST * search.budget)
    signature = first.signature()
    if signature.explained is None or signature.explained >= GOOD:
        return signature
    other = _without(replace(search, budget=search.budget - first.seconds, strict=False), keys)
    if other is None or (other.explained or 0) < max(signature.explained, 0) + MORE:
        return signature
    return signature.model_copy(update={"problem": _better(signature, other, keys, given)})


def _without(search: Search, keys: Sequence[str]) -> Signature | None:
    """Return the signature if nobody stated these keys; None if none explains the data."""
    try:
        found = replace(search, bundle=leave_open(search.bundle, keys)).signature()
    except ModelError:
        return None
    return None if found.problem else found


def _better(
    signature: Signature, other: Signature, keys: Sequence[str], given: Collection[str]
) -> str:
    """Return how much more is explained without what is stated, and what to do."""
    values = _changed(signature, other, keys)
    named = ", ".join(f"{key} = {wrong or 'none'}" for key, (wrong, _) in values.items())
    named = named or ", ".join(keys)
    share, more = (f"{max(s.explained or 0, 0):.0%}" for s in (signature, other))
    better = ", ".join(other.phrase(c) for c in other.choices if c.known == "trial")
    if {*keys} <= {*given}:
        stated = {key: right for key, (_, right) in values.items() if right is not None}
        start = f"The rows as they are ({named}) explain {share}"
        advice = f"Convert them, or state what the model takes: signature={json.dumps(stated)}."
    else:
        start = f"What is stated about the model ({named}) explains {share}"
        advice = "Correct it in model.toml or --signature, or leave it out."
    return f"{start} of the variance of the data; {more} are explained with {better}. {advice}"


def _changed(
    signature: Signature, other: Signature, keys: Sequence[str]
) -> dict[str, tuple[str | None, str | None]]:
    """Return those of the differences that are about what is stated."""
    names = {
        f"{role}.{name}"
        for role, _, stated in (key.partition(".") for key in keys)
        for name in (VALUES if stated in VALUES else [stated])
    }
    found = signature.differences(other).items()
    return {key: pair for key, pair in found if ".".join(key.split(".")[:2]) in names}


def _stated(search: Search) -> list[str]:
    """Return the keys of what is stated, and not shown by the graph."""
    shown = {choice.key for choice in search.facts.choices}
    bundle = search.bundle
    return [
        f"{role}.{name}"
        for role, names in CHECKED.items()
        for name in names
        if (spec := getattr(bundle, role)) is not None and name in spec.model_fields_set
        and f"{role}.{name}" not in shown
    ]  # fmt: skip
