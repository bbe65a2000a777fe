"""What the radii of a case say, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from latent_analyze.plugin import Calibration, Finding, Result, ResultSet
from latent_analyze_plugins.radius.counts import MAX_BINS
from latent_analyze_plugins.shared.histograms import rounded, share_below


def find(results: ResultSet) -> Iterable[Finding]:
    """Say where the shells lie, what the null model does not explain, and what was left out."""
    yield from _shell_findings(results)
    for null in results.ensembles:
        entries = [entry for entry in results.standouts() if entry.null == null]
        if entries:
            yield _standout_finding(null, entries)
    for label, result in results.results.items():
        yield from _defects(label, result)


def _shell_findings(results: ResultSet) -> Iterable[Finding]:
    data, frame = results.data, results.frame
    if not data["count"]:
        return
    yield Finding(
        "note",
        f"The z-points of {results.reference} lie in a shell of radius "
        f"{shell(data['mean'], data['std'])} (mean ± standard deviation). A Gaussian with their "
        f"mean and covariance would lie at {shell(frame['expected'], frame['expected_width'])}.",
        _numbers(data, "mean", "std", "expected", "expected_width"),
    )
    yield Finding(
        "note",
        f"Uniform vectors in [-b, b]^N have the same mean radius for b = {data['uniform_b']:.3g}; "
        f"the standard deviation of their radius is {data['uniform_width']:.3g}.",
        _numbers(data, "uniform_b", "uniform_width"),
    )
    for label, result in results.shown.items():
        if result["count"]:
            yield _shared_finding(label, result, data)


def _shared_finding(label: str, result: Result, data: Result) -> Finding:
    width = data["bin_width"]
    low, high = data["q05"], data["q95"]
    inside = f"[{rounded(low, data['std'])}, {rounded(high, data['std'])}]"
    counts = result["counts"]
    share = 0.0
    if counts.any():
        share = share_below(counts, high / width) - share_below(counts, low / width)
    return Finding(
        "note",
        f"{label}: {100 * share:.1f} % of its z-points have a radius within {inside}, where 90 % "
        f"of the data have theirs; its shell has radius {shell(result['mean'], result['std'])}.",
        {"share": share, **_numbers(result, "mean", "std")},
    )


def shell(mean: float, std: float) -> str:
    """Return mean ± standard deviation of a radius, with the same number of places."""
    return f"{rounded(mean, std)} ± {rounded(std, std)}"


_MEANING: Mapping[str, tuple[str, str, str]] = {
    "std": ("standard deviation", "thicker", "thinner"),
    "q05": ("5 % quantile", "its inner edge lies higher", "its inner edge lies lower"),
    "q95": ("95 % quantile", "its outer edge lies higher", "its outer edge lies lower"),
}


def _standout_finding(null: str, entries: Sequence[Calibration]) -> Finding:
    """One sentence per null: the scalars say the same thing in three ways."""
    words = [_MEANING[e.scalar][1 if e.value > e.null_mean else 2] for e in entries]
    parts = [
        f"{_MEANING[e.scalar][0]} {e.value:.4g} against {e.null_mean:.4g} ({e.null_low:.4g} to "
        f"{e.null_high:.4g})"
        for e in entries
    ]
    first = entries[0]
    return Finding(
        "warning",
        f"The shell is not that of the null {null}: {', '.join(words)}: {'; '.join(parts)}. In "
        f"brackets 5-95 % of {first.repeats} draws; p = "
        f"{max(e.p_adjusted for e in entries):.2g} after correction.",
        {e.scalar: e.value for e in entries} | {"p_adjusted": max(e.p_adjusted for e in entries)},
    )


def _defects(label: str, result: Result) -> Iterable[Finding]:
    if not result["count"]:
        yield Finding("note", f"{label} has no finite z-points: its radii are not defined.")
    if result["outside"]:
        yield Finding(
            "note",
            f"{label}: {result['outside']} radii lie beyond the {MAX_BINS:,} intervals of width "
            f"{result['bin_width']:g}; mode, median and quantiles leave them out. A larger "
            "bin_width counts them.",
            _numbers(result, "outside"),
        )
    if result["nonfinite"]:
        yield Finding(
            "note",
            f"{label}: {result['nonfinite']} z-points hold NaN or infinity and were left out.",
            _numbers(result, "nonfinite"),
        )


def _numbers(result: Result, *names: str) -> dict[str, Any]:
    return {name: result[name] for name in names}
