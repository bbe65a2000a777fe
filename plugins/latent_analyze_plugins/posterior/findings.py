"""What the posteriors say in sentences; no null applies, so every finding is a note."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import Finding
from latent_analyze_plugins.posterior.axes import AE_SHARE, BETWEEN, COLLAPSED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Result, ResultSet

NAMED = 8
"""Most axes that a sentence lists."""


def find(results: ResultSet) -> Iterable[Finding]:
    """Yield the verdict, then units, log_var and radii, for the reference and those beside it."""
    for label, result in results.results.items():
        yield _verdict(label, result, results.options)
        yield _units(label, result, results.options)
        if label == results.reference:
            yield _log_var(label, result, results.options)
            yield _radius(label, result)
        yield from _defects(label, result)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 1 else f"{100 * share:,.0f} %"


def _verdict(label: str, result: Result, options: Any) -> Finding:
    verdict, numbers = result["verdict"], _numbers(result, "aggregate_variance", "prior_gap")
    gap = (
        f"the aggregate posterior is {result['prior_gap']:.2g} nats per axis off the moments of the"
        f" prior, where up to {options.prior_gap:g} passes as using it"
    )
    if verdict == COLLAPSED:
        text = f"{label} has collapsed: no axis tells inputs apart; {gap}."
        return Finding("note", text, numbers)
    tiny, share = f"{100 * options.tiny_ratio:g} %", 100 * result["quiet_share"]
    noise = (
        f"sigma is {_percent(result['noise_ratio'])} of the spread of mu (median over the"
        f" {result['carrying_axes']} axes that carry something; at most {tiny} on {share:.3g} % of"
        f" them, an AE would have that on {100 * AE_SHARE:g} %)"
    )
    if result["collapsed_units"]:
        label += f", collapsed in {result['collapsed_units']} of {result['axes']} axes,"
    if verdict == BETWEEN:
        verdict = "neither behaves as an AE nor uses its prior"
    numbers |= _numbers(result, "noise_ratio", "quiet_share", "carrying_axes")
    return Finding("note", f"{label} {verdict}: {noise}; {gap}.", numbers)


def _units(label: str, result: Result, options: Any) -> Finding:
    collapsed, idle = result["collapsed"], ~result["active"] & ~result["collapsed"]
    text = (
        f"{label}: {result['active_units']} of {result['axes']} axes are active (variance of mu"
        f" above {options.active_variance:g}); "
    )
    text += f"collapsed to the prior: {axes_text(collapsed)}"
    if idle.any():
        text += f"; inactive, but off the prior: {axes_text(idle)}"
    strongest = int(result["axis_kl"].argmax())
    text += (
        f". The KL divergence from the prior is {result['kl']:.4g} nats in all,"
        f" {result['axis_kl'][strongest]:.3g} of it along axis {strongest}."
    )
    return Finding("note", text, _numbers(result, "active_units", "collapsed_units", "kl"))


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
    return Finding(
        "note",
        f"{label}: log_var lies between {result['log_var_min']:.3g} and"
        f" {result['log_var_max']:.3g}, {result['log_var_mean']:.3g} on average;"
        f" {100 * result['log_var_above']:.3g} % of the components are above"
        f" {options.threshold:g}.",
        _numbers(result, "log_var_min", "log_var_mean", "log_var_max", "log_var_above"),
    )


def _radius(label: str, result: Result) -> Finding:
    text = (
        f"{label}: a draw z lies at radius {result['radius_z']:.3g} on average where mu lies at"
        f" {result['radius_mu']:.3g}; the two differ by {result['radius_difference']:.2g} on"
        f" average and by {result['radius_difference_max']:.2g} at most"
    )
    numbers = _numbers(result, "radius_mu", "radius_z", "radius_difference")
    if "radius_relative" in result.scalars:
        numbers |= _numbers(result, "radius_relative", "radius_relative_max")
        text += (
            f" ({100 * result['radius_relative']:.3g} % and"
            f" {100 * result['radius_relative_max']:.3g} % of the radius)"
        )
    return Finding("note", text + ".", numbers)


def _defects(label: str, result: Result) -> Iterable[Finding]:
    if result["nonfinite"]:
        yield Finding(
            "note",
            f"{label}: {result['nonfinite']:,} rows without finite mu and variance were left out.",
            _numbers(result, "nonfinite"),
        )
    for note in result.notes:
        yield Finding("note", f"{label}: {note}.")


def _numbers(result: Result, *names: str) -> dict[str, Any]:
    return {name: result[name] for name in names}
