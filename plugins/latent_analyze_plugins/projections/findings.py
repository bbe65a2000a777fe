"""Where fine structure is within the null's spread and where not, and what is not defined.

Fine structure is what filaments and voids are made of: grain, and the dispersion in windows across
which a Gaussian is flat. Elsewhere dispersion and empty cells tell where the cloud is dense.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Finding
from latent_analyze_plugins.projections.frame import each_window, window_label

if TYPE_CHECKING:
    from latent_analyze.plugin import Calibration, ResultSet

    Tested = tuple[int, int, Calibration]

SIGNIFICANT = 0.05


def find(results: ResultSet) -> Iterator[Finding]:
    """Yield per null the planes without and with fine structure at a zoom; then defects."""
    for null in results.ensembles:
        tested = list(_fine(results, null))
        yield from _compared(results, null, [t for t in tested if t[1]] or tested)
    labels, sampled = results.frame["labels"].split("|"), results.frame["sampled"]
    if sampled:
        yield Finding(
            "note",
            f"The components are those of {sampled:,} sampled z-points, whose spread along them no"
            " null can match: the projections are not calibrated.",
        )
    for source, result in results.results.items():
        hollow = (result["inside"] == 0) & (result["half_width"] > 0)
        for p in np.flatnonzero(hollow.any(axis=1)):
            yield Finding(
                "note",
                f"{source} has no z-point in projection {labels[p]} from the window"
                f" {window_label(int(hollow[p].argmax()))} on: variance-to-mean (dispersion) and"
                " grain are not defined there.",
            )


def _fine(results: ResultSet, null: str) -> Iterator[Tested]:
    """Yield plane, window and calibration of what tells of fine structure there."""
    entries = {e.scalar: e for e in results.calibrations if e.null == null}
    for (p, k), name, _ in each_window(results.frame):
        entry = entries.get(f"grain_{name}", entries.get(f"dispersion_{name}"))
        if entry is not None:
            yield p, k, entry


def _compared(results: ResultSet, null: str, tested: Sequence[Tested]) -> Iterator[Finding]:
    """Yield where fine structure is within the null's spread, and where it stands out."""
    apart = [t for t in tested if t[2].p_adjusted <= SIGNIFICANT]
    calm = [t for t in tested if t[0] not in {p for p, _, _ in apart}]
    if calm:
        smallest = min(entry.p_adjusted for _, _, entry in calm)
        zoomed = calm[0][1] > 0
        where = "at every zoom" if zoomed else "as a whole, too few z-points for a zoom"
        yield Finding(
            "note",
            f"What looks like filaments or voids in projection {_labels(results, calm)} is within"
            f" the null's spread {where} ({null}; {_scales(results, calm)}; smallest"
            f" p = {smallest:.2g}, corrected).",
            {"p_adjusted": smallest},
        )
    outside = [t for t in apart if t[1] and t[2].stands_out]
    if outside:
        yield _structure(results, null, outside)
    small = [t for t in apart if not t[2].stands_out]
    if small:
        yield Finding(
            "note",
            "Fine structure differs significantly, but by less than a tenth, from the null"
            f" {null} in projection {_labels(results, small)} ({_scales(results, small)}).",
            {entry.scalar: entry.value for _, _, entry in small},
        )


def _structure(results: ResultSet, null: str, outside: Sequence[Tested]) -> Finding:
    more = any(entry.value > entry.null_mean for _, _, entry in outside)
    told = "; ".join(
        f"{results.data.scalars[e.scalar].description.split(':')[0]} {e.value:.3g}, null"
        f" {e.null_low:.3g} to {e.null_high:.3g}"
        for _, _, e in outside
    )
    return Finding(
        "finding",
        f"{results.reference} has {'filaments, clumps or voids' if more else 'less fine structure'}"
        f" at {_scales(results, outside)}, unlike the null model {null}: {told} (5-95 % of"
        f" {outside[0][2].repeats} draws; p = {max(e.p_adjusted for _, _, e in outside):.2g},"
        " corrected).",
        {entry.scalar: entry.value for _, _, entry in outside},
    )


def _labels(results: ResultSet, tested: Sequence[Tested]) -> str:
    labels = results.frame["labels"].split("|")
    return ", ".join(labels[plane] for plane in sorted({p for p, _, _ in tested}))


def _scales(results: ResultSet, tested: Sequence[Tested]) -> str:
    widths = [2 * results.frame["half_widths"][p, k] for p, k, _ in tested]
    ends = sorted({f"{w / results.frame['cells']:.2g}" for w in (min(widths), max(widths))})
    return f"cells of {' to '.join(ends)} standard deviations"
