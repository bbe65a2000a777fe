"""What the posteriors say in sentences; no null applies, so every finding is a note."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Finding, Result, ResultSet
from latent_analyze_plugins.posterior.compute import AE_SHARE, BETWEEN, COLLAPSED

NAMED = 8
"""Most axes that a sentence lists."""


def find(results: ResultSet) -> Iterable[Finding]:
    """Yield the verdict, then units, log_var and radii, for the reference and those beside it."""
    options: Any = results.options
    for label, result in results.results.items():
        yield _verdict(label, result, options)
        yield _units(label, result, options)
        if label == results.reference:
            yield _log_var(label, result, options)
            yield _radius(label, result)
        yield from (Finding("note", f"{label}: {note}.") for note in result.notes)


def _note(text: str, result: Result, *names: str) -> Finding:
    return Finding("note", text, {name: result[name] for name in names if name in result.scalars})


def _verdict(label: str, result: Result, options: Any) -> Finding:
    verdict, names = result["verdict"], ["aggregate_variance", "prior_gap"]
    gap = (
        f"the aggregate posterior is {result['prior_gap']:.2g} nats per axis off the moments of the"
        f" prior, where up to {options.prior_gap:g} passes as using it"
    )
    if verdict == COLLAPSED:
        return _note(f"{label} has collapsed: no axis tells inputs apart; {gap}.", result, *names)
    ratio = 100 * result["noise_ratio"]
    percent = f"{ratio:.2g} %" if ratio < 100 else f"{ratio:,.0f} %"
    noise = (
        f"sigma is {percent} of the spread of mu (median over the"
        f" {result['carrying_axes']} axes that carry something; at most"
        f" {100 * options.tiny_ratio:g} % on {100 * result['quiet_share']:.3g} % of them, an AE"
        f" would have that on {100 * AE_SHARE:g} %)"
    )
    if result["collapsed_units"]:
        label += f", collapsed in {result['collapsed_units']} of {result['axes']} axes,"
    if verdict == BETWEEN:
        verdict = "neither behaves as an AE nor uses its prior"
    names += ["noise_ratio", "quiet_share", "carrying_axes"]
    return _note(f"{label} {verdict}: {noise}; {gap}.", result, *names)


def _units(label: str, result: Result, options: Any) -> Finding:
    collapsed, idle = result["collapsed"], ~result["active"] & ~result["collapsed"]
    strongest = int(result["axis_kl"].argmax())
    text = (
        f"{label}: {result['active_units']} of {result['axes']} axes are active (variance of mu"
        f" above {options.active_variance:g}); collapsed to the prior: {axes_text(collapsed)}"
        + (f"; inactive, but off the prior: {axes_text(idle)}" if idle.any() else "")
        + f". The KL divergence from the prior is {result['kl']:.4g} nats in all,"
        f" {result['axis_kl'][strongest]:.3g} of it along axis {strongest}."
    )
    return _note(text, result, "active_units", "collapsed_units", "kl")


def axes_text(mask: NDArray[np.bool_]) -> str:
    """Return the axes of a mask as text: ``"none"``, ``"axes 3, 7"``, ``"12 axes (0, 1, ...)"``."""
    found = np.flatnonzero(mask).tolist()
    if not found:
        return "none"
    listed = ", ".join(map(str, found[:NAMED]))
    if len(found) > NAMED:
        return f"{len(found)} axes ({listed}, ...)"
    return f"{'axis' if len(found) == 1 else 'axes'} {listed}"


def _log_var(label: str, result: Result, options: Any) -> Finding:
    names = ("log_var_min", "log_var_max", "log_var_mean", "log_var_above")
    low, high, mean, above = (result[name] for name in names)
    text = (
        f"{label}: log_var lies between {low:.3g} and {high:.3g}, {mean:.3g} on average;"
        f" {100 * above:.3g} % of the components are above {options.threshold:g}."
    )
    return _note(text, result, *names)


def _radius(label: str, result: Result) -> Finding:
    names = ("radius_mu", "radius_z", "radius_difference")
    of_mu, of_z, difference = (result[name] for name in names)
    text = (
        f"{label}: a draw z lies at radius {of_z:.3g} on average where mu lies at {of_mu:.3g}; the"
        f" two differ by {difference:.2g} on average and by {result['radius_difference_max']:.2g}"
        " at most"
    )
    relative = ("radius_relative", "radius_relative_max")
    if relative[0] in result.scalars:
        shares = " and ".join(f"{100 * result[name]:.3g} %" for name in relative)
        text += f" ({shares} of the radius)"
    return _note(f"{text}.", result, *names, *relative)
