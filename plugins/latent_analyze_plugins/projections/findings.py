"""What the counts say, in three parts: the whole, smooth density, and fine structure.

Fine structure is what filaments and voids are made of: grain, and the dispersion in windows across
which a Gaussian is flat. Elsewhere dispersion and empty cells tell where the cloud is dense.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Finding
from latent_analyze_plugins.projections.frame import (
    DISPERSION,
    EMPTY,
    GRAIN,
    STATISTICS,
    window_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from latent_analyze.plugin import Calibration, ResultSet

SIGNIFICANT = 0.05
TITLES = {
    DISPERSION: "variance-to-mean of cells",
    GRAIN: "grain",
    EMPTY: "share of empty cells",
}


@dataclass(frozen=True)
class Reading:
    """A calibrated statistic of one window, and whether it tells of fine structure."""

    statistic: int
    plane: int
    window: int
    fine: bool
    entry: Calibration


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield per null what its draws do not have and what they have as well; then defects."""
    for null in results.ensembles:
        readings = _readings(results, null)
        zooms = [r for r in readings if r.window and r.fine]
        yield from _calm(results, null, zooms or readings)
        yield from _fine(results, null, zooms)
        yield from _whole(results, null, [r for r in readings if not r.window])
        yield from _smooth(results, null, [r for r in readings if r.window and not r.fine])
    yield from _defects(results)


def _readings(results: ResultSet, null: str) -> list[Reading]:
    entries = {e.scalar: e for e in results.calibrations if e.null == null}
    names, tested = results.frame["names"].split("|"), results.frame["tested"]
    found = []
    for s, p, k in np.argwhere(tested).tolist():
        entry = entries.get(f"{STATISTICS[s]}_{names[p]}_{window_name(k)}")
        if entry is not None:
            fine = s == GRAIN or (s == DISPERSION and not tested[GRAIN, p, k])
            found.append(Reading(s, p, k, fine, entry))
    return found


def _calm(results: ResultSet, null: str, readings: Sequence[Reading]) -> Iterator[Finding]:
    """Name the planes in which nothing fine stands out at any zoom."""
    apart = {r.plane for r in readings if r.entry.p_adjusted <= SIGNIFICANT}
    calm = [r for r in readings if r.plane not in apart]
    if calm:
        smallest = min(r.entry.p_adjusted for r in calm)
        where = "at every zoom" if calm[0].window else "as a whole, too few z-points for a zoom"
        yield Finding(
            "note",
            f"What looks like filaments or voids in the {_planes(results, calm)} is within the"
            f" null's spread {where} ({null}; {_scales(results, calm)}; smallest adjusted"
            f" p = {smallest:.2g}).",
            {"p_adjusted": smallest},
        )
    small = [r for r in readings if r.plane in apart and r.entry.p_adjusted <= SIGNIFICANT]
    small = [r for r in small if not r.entry.stands_out]
    if small:
        yield Finding(
            "note",
            "Fine structure differs significantly, but by less than a tenth, from the null"
            f" {null} in the {_told(results, small)}.",
        )


def _fine(results: ResultSet, null: str, readings: Sequence[Reading]) -> Iterator[Finding]:
    outside = [r for r in readings if r.entry.stands_out]
    if not outside:
        return
    text = (
        f"Fine structure that the null {null} does not have, in the {_told(results, outside)}"
        f" ({_p(outside)}). There"
    )
    more = any(r.entry.value > r.entry.null_mean for r in outside)
    text += (
        " z-points gather in filaments or clumps, or leave voids, of about a cell's size"
        if more
        else " z-points lie more evenly than points thrown in at random"
    )
    yield Finding("warning", f"{text} ({_scales(results, outside)}).", _numbers(outside))


def _whole(results: ResultSet, null: str, readings: Sequence[Reading]) -> Iterator[Finding]:
    outside = [r for r in readings if r.entry.stands_out]
    if not outside:
        return
    text = (
        f"Seen as a whole, the cloud is not shaped like the null {null} in the"
        f" {_told(results, outside)} ({_p(outside)})."
    )
    if any(r.fine and r.entry.value > r.entry.null_mean for r in outside):
        scale = _scales(results, outside)
        text += f" Where the grain is higher, edges, ridges or clumps stand out at {scale}."
    yield Finding("warning", text, _numbers(outside))


def _smooth(results: ResultSet, null: str, readings: Sequence[Reading]) -> Iterator[Finding]:
    outside = [r for r in readings if r.entry.stands_out]
    if outside:
        yield Finding(
            "warning",
            f"About its center the cloud is denser or thinner than the null {null} in the"
            f" {_told(results, outside)} ({_p(outside)}): a matter of density over a window, not"
            " of fine structure.",
            _numbers(outside),
        )


def _told(results: ResultSet, readings: Sequence[Reading]) -> str:
    """Return planes with their numbers: ``projection (1, 2): zoom 1, grain 3 against 1 to 2``."""
    labels = _labels(results)
    parts = []
    for plane in sorted({r.plane for r in readings}):
        own = [_against(r) for r in readings if r.plane == plane]
        parts.append(f"{labels[plane]}: {', '.join(own)}")
    return f"projection{'s' if len(parts) > 1 else ''} {'; '.join(parts)}"


def _against(reading: Reading) -> str:
    entry = reading.entry
    where = f"zoom {reading.window}, " if reading.window else ""
    return (
        f"{where}{TITLES[reading.statistic]} {entry.value:.3g} against {entry.null_low:.3g} to"
        f" {entry.null_high:.3g}"
    )


def _planes(results: ResultSet, readings: Iterable[Reading]) -> str:
    labels = [_labels(results)[p] for p in sorted({r.plane for r in readings})]
    if len(labels) == 1:
        return f"projection {labels[0]}"
    return f"projections {', '.join(labels[:-1])} and {labels[-1]}"


def _p(readings: Sequence[Reading]) -> str:
    return f"5-95 % of the draws; adjusted p = {max(r.entry.p_adjusted for r in readings):.2g}"


def _numbers(readings: Sequence[Reading]) -> dict[str, float | int | str]:
    return {r.entry.scalar: r.entry.value for r in readings}


def _scales(results: ResultSet, readings: Sequence[Reading]) -> str:
    widths = [results.frame["half_widths"][r.plane, r.window] for r in readings]
    low, high = (2 * w / results.frame["cells"] for w in (min(widths), max(widths)))
    range_ = f"{low:.2g}" if low == high else f"{low:.2g} to {high:.2g}"
    return f"cells of {range_} standard deviations"


def _defects(results: ResultSet) -> Iterator[Finding]:
    if results.frame["sampled"]:
        yield Finding(
            "note",
            f"The components are those of {results.frame['sampled']:,} sampled z-points, whose"
            " spread along them no null can match: the projections are not calibrated.",
        )
    for label, result in results.results.items():
        if result["nonfinite"]:
            yield Finding(
                "note", f"{label}: {result['nonfinite']:,} z-points hold NaN or infinity."
            )
        hollow = (result["inside"] == 0) & (result["half_width"] > 0)
        for p in np.flatnonzero(hollow.any(axis=1)):
            first = window_name(int(hollow[p].argmax())).replace("zoom", "zoom ")
            yield Finding(
                "note",
                f"{label} has no z-point in the projection {_labels(results)[p]} from the window"
                f" {first} on: variance-to-mean and grain are not defined there.",
            )


def _labels(results: ResultSet) -> list[str]:
    return list(results.frame["labels"].split("|"))
