"""What a page says, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latent_analyze.plugin import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from latent_analyze.plugin import Calibration, Result, ResultSet

REMINDER = (
    "Distances on the page, sizes of islands and gaps between them are not distances in latent"
    " space."
)


def find(results: ResultSet, method: str) -> Iterable[Finding]:
    """Say how much of the neighborhoods is on the page, and what the null does not explain."""
    data = results.data
    text = (
        f"{_kept(data)} of each z-point's {data['k']} nearest neighbors in latent space are still"
        f" among its {data['k']} nearest on the {method} page of {data['n']:,} z-points of"
        f" {results.reference}; trustworthiness {data['trustworthiness']:.3f}."
    )
    beside = [f"{label} {_kept(result)}" for label, result in others(results)]
    if beside:
        text += f" Drawn the same way: {'; '.join(beside)}."
    numbers = {name: data[name] for name in ("knn_preservation", "trustworthiness", "n")}
    yield Finding("note", f"{text} {REMINDER}", numbers)
    for entry in results.standouts():
        yield _standout(entry, method)
    for label, result in results.results.items():
        for note in result.notes:
            if note.startswith(("left out", "components")):
                yield Finding("note", f"{label}: {note}.")


def others(results: ResultSet) -> list[tuple[str, Result]]:
    """Return the shown sources and one draw of each null, with their names."""
    drawn = []
    for null, members in results.ensembles.items():
        several = f", 1 of {len(members)} draws" if len(members) > 1 else ""
        drawn.append((f"null {null}{several}", members[0]))
    return [*results.shown.items(), *drawn]


def _kept(result: Result) -> str:
    return f"{100 * result['knn_preservation']:.1f} %"


def _standout(entry: Calibration, method: str) -> Finding:
    more = entry.value > entry.null_mean
    meaning = "fit a page better" if more else "fit a page worse"
    return Finding(
        "warning",
        f"The neighborhoods {meaning} than those of the null {entry.null}: {method} keeps"
        f" {100 * entry.value:.1f} % of the nearest neighbors, against {100 * entry.null_mean:.1f}"
        f" % ({100 * entry.null_low:.1f} to {100 * entry.null_high:.1f} % in 5-95 % of"
        f" {entry.repeats} draws; p = {entry.p_adjusted:.2g} after correction).",
        {"value": entry.value, "null_mean": entry.null_mean, "p_adjusted": entry.p_adjusted},
    )
