"""What of the data the draws of a source reach, and whether they are copies of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Frame, Source, take_rows
from latent_analyze.statistics import distinct_rows
from latent_analyze_plugins.random_decode.cells import Cells, compare_cells, fit_cells
from latent_analyze_plugins.random_decode.classes import class_shares, fit_voters
from latent_analyze_plugins.random_decode.copying import Originals, copying, fit_originals
from latent_analyze_plugins.random_decode.coverage import coverage, fit_balls
from latent_analyze_plugins.shared.rows import label_names

Floats = NDArray[np.float64]

MOST_CLASSES = 30
"""A label with more different values names no classes."""


def fit_reach(
    values: Mapping[str, Any], reference: Source, *, white: Mapping[str, Floats], seed: int
) -> dict[str, Any]:
    """Return what a frame holds of cells, classes, and rows that may be copied.

    Parameters
    ----------
    values
        The frame so far, with the landings of the standard.
    white
        Whitened z-points: ``"support"`` (n, dim), and ``"held_out"``, the calibration half.
    """
    landing = values["standard_landing"]
    cells = fit_cells(landing, seed)
    originals = fit_originals(white["support"], white["held_out"], cells)
    rows = values["calibration_rows"][values["standard_rows"]]
    return {
        "cell_centers": cells.centers, "cell_counts": cells.counts(landing),
        **_classes(reference, rows),
        "copied_sizes": originals.sizes, "copied_bounds": originals.bounds,
        "copied_ranks": originals.ranks, "copied_distance": originals.distance,
        "copied_share": len(white["support"]) / reference.count,
        "original_rows": distinct_rows(white["support"]),
    }  # fmt: skip


def measure_reach(
    frame: Frame, support: Floats, *, z: Floats, landing: Floats, seed: int
) -> dict[str, Any]:
    """Return coverage, shares of classes and copies of z-points (m, dim) and their landings.

    All are whitened; `support` are the z-points that may have been copied, (n, dim). z-points whose
    output is not finite have no landing: NaN.
    """
    landed = landing[np.isfinite(landing).all(axis=1)]
    if not len(landed):
        return {}
    covered = coverage(fit_balls(frame["standard_landing"].astype(np.float64)), landed)
    cells = Cells(frame["cell_centers"])
    shares = compare_cells(frame["cell_counts"], cells.counts(landed))
    values: dict[str, Any] = {
        "coverage": covered.share, "coverage_interval": np.array([covered.low, covered.high]),
        "cells_different": float(shares.different.mean()),
        **_copies(frame, cells, support, z=z),
    }  # fmt: skip
    if frame["class_label"]:
        voters = fit_voters(frame["standard_landing"].astype(np.float64), frame["class_of"])
        found = class_shares(voters, landed, seed)
        values |= {
            "class_share": found.draws, "class_missed": found.missed.astype(np.uint8),
            "class_error": voters.error,
        }  # fmt: skip
    return values


def _copies(frame: Frame, cells: Cells, support: Floats, *, z: Floats) -> dict[str, Any]:
    """Return the share of copies: only some rows of the reference are looked at, others count."""
    originals = Originals(
        support[frame["original_rows"]], cells, frame["copied_sizes"], frame["copied_bounds"],
        frame["copied_ranks"], frame["copied_distance"],
    )  # fmt: skip
    found, known = copying(originals, z), frame["copied_share"]
    share, low, high = (min(x / known, 1.0) for x in (found.share, found.low, found.high))
    return {
        "copied": share, "copied_interval": np.array([low, high]),
        "copied_p_value": found.p_value, "nearer": found.nearer,
    }  # fmt: skip


def _classes(reference: Source, rows: NDArray[np.int64]) -> dict[str, Any]:
    """Return the first label with a few different values, its values, and their names."""
    for name in label_names(reference):
        if name == "split":
            continue
        labels = take_rows(reference, rows, frozenset({f"label:{name}"})).labels[name]
        names, of = np.unique(labels, return_inverse=True)
        if 1 < len(names) <= MOST_CLASSES:
            return {"class_label": name, "class_of": of, "class_names": names.astype(str)}
    return {"class_label": "", "class_of": np.zeros(0, np.int64), "class_names": np.zeros(0, "<U1")}
