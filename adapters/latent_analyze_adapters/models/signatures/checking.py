"""Checks what is stated about a model against what explains the data without it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from latent_analyze.plugin import ModelError, Signature, leave_open

if TYPE_CHECKING:
    from latent_analyze_adapters.models.signatures.find import Search

BOTH = ("range", "mean", "std", "layout", "constants", "columns")
CHECKED = {
    "encoder": (
        "range",
        "mean",
        "std",
        "layout",
        "mu",
        "halves_axis",
        "mean_half",
        "constants",
        "columns",
    ),
    "decoder": (
        "range",
        "mean",
        "std",
        "layout",
        "activation",
        "scale",
        "shift",
        "constants",
        "columns",
    ),
}
"""What is checked, of each half: all that a round trip can tell."""

GOOD, MORE = 0.9, 0.1
"""A statement that explains this share of the variance is right; another one is better if it
explains this much more."""


def checked(signature: Signature, search: Search) -> Signature:
    """Return the signature with a problem if what is stated explains the data worse than need be.

    A bundle with samples of its training runtime is compared with these instead.
    """
    explained = signature.explained
    keys = _stated(search)
    if explained is None or explained >= GOOD or not keys or search.bundle.check is not None:
        return signature
    try:
        other = replace(search, bundle=leave_open(search.bundle, keys)).signature()
    except ModelError:
        return signature
    if other.problem or other.explained is None or other.explained < max(explained, 0) + MORE:
        return signature
    better = ", ".join(other.phrase(c) for c in other.choices if c.known == "trial")
    problem = (
        f"What is stated about the model ({', '.join(keys)}) explains {max(explained, 0):.0%} of "
        f"the variance of the data; without it {other.explained:.0%} are explained, with {better}. "
        "Correct it in model.toml or --signature, or leave it out."
    )
    return signature.model_copy(update={"problem": problem})


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
