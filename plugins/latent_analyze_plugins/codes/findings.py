"""What the usage of codes says, in sentences; the host says which positions know of each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from latent_analyze.plugin import Finding, Result, ResultSet

MANY_DEAD = 0.1
"""Share of the codebook that is dead, beyond chance, from which on it is worth acting on."""

SURE = 3.0
"""Standard deviations, of a Poisson number, beyond which dead codes are no chance."""

LISTED = 8
SMALL = 0.01
"""Bits below which a position tells nothing about its code."""


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield how much of the codebook is used, what is dead, and what positions tell."""
    data, frame = results.data, results.frame
    yield _perplexity(results)
    yield _dead(data, is_known=frame["is_known"])
    if len(data["perplexity_at"]) > 1:
        yield _positions(results)
    if "together" in data.arrays:
        yield from _together(data, frame["told"])


def _perplexity(results: ResultSet) -> Finding:
    data = results.data
    error = f" ± {data['perplexity_error']:.1g}" if np.isfinite(data["perplexity_error"]) else ""
    beside = "".join(
        f"; {label} has {result['perplexity']:.4g}" for label, result in results.shown.items()
    )
    text = (
        f"{results.reference} uses {data['used']:,} of {data['codes']:,} codes, with a perplexity"
        f" of {data['perplexity']:.4g}{error}: {100 * data['perplexity_share']:.3g} % of the"
        f" codebook{beside}. The most frequent code is {100 * data['top_share']:.3g} % of all."
    )
    names = ("used", "codes", "perplexity", "perplexity_share", "top_share")
    return Finding("note", text, {name: data[name] for name in names})


def _dead(data: Result, *, is_known: bool) -> Finding:
    numbers = {name: data[name] for name in ("dead", "dead_by_chance")}
    chance = data["dead_by_chance"]
    draws = int(data["usage"].sum())
    even = f"{draws:,} even draws would leave {chance:.3g} unused"
    beyond = data["dead"] - chance > SURE * np.sqrt(chance)
    if not is_known:
        text = (
            "How many codes the codebook has is not known, so neither is how many are dead: of"
            f" those below the largest, {data['dead']:,} never occur; {even}."
        )
        return Finding("note", text, numbers)
    if not data["dead"]:
        return Finding("note", f"No code is dead ({even}).", numbers)
    listed = ", ".join(map(str, data["unused"][:LISTED]))
    more = ", ..." if data["dead"] > LISTED else ""
    text = f"{data['dead']:,} of {data['codes']:,} codes never occur ({listed}{more}); {even}."
    acting = beyond and data["dead"] - chance >= MANY_DEAD * data["codes"]
    if acting:
        text += " A smaller codebook would do, or train with a reset of dead codes."
    return Finding("warning" if acting else "note", text, numbers)


def _positions(results: ResultSet) -> Finding:
    data = results.data
    bits, within = data["position_bits"], data["perplexity_within"]
    low, high = data["perplexity_at"].min(), data["perplexity_at"].max()
    tells = f"tells {bits:.3g} bits about its code" if bits >= SMALL else "hardly tells its code"
    # Of even codes the position tells nothing: what they have is bias that is left.
    beside = [f"{label} {r['position_bits']:.2g}" for label, r in results.shown.items()]
    tells += f" ({', '.join(beside)})" if beside else ""
    text = (
        f"The position {tells}: within one, the perplexity is {within:.4g} (geometric mean;"
        f" {low:.3g} to {high:.3g})."
    )
    if data["constant"]:
        text += f" {data['constant']:,} of {len(data['perplexity_at']):,} have one code only."
    names = ("position_bits", "perplexity_within", "constant")
    return Finding("note", text, {name: data[name] for name in names})


def _together(data: Result, told: np.ndarray) -> Iterator[Finding]:
    """Name the codes that attract and avoid each other most, as far as they are frequent."""
    bits = data["together"]
    if not np.isfinite(bits).any():
        return
    high = np.unravel_index(np.nanargmax(bits), bits.shape)
    low = np.unravel_index(np.nanargmin(bits), bits.shape)
    text = (
        f"Of the {len(told)} most frequent codes, {told[high[0]]} and {told[high[1]]} are neighbors"
        f" {2 ** bits[high]:.3g} times as often as if positions were independent, {told[low[0]]}"
        f" and {told[low[1]]} {2 ** bits[low]:.2g} times as often."
    )
    yield Finding("note", text, {"most": float(bits[high]), "least": float(bits[low])})
