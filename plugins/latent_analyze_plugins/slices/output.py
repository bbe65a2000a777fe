"""From an accumulator's counts to scalars and arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Array, Result, Scalar
from latent_analyze_plugins.slices.metric import origin_density_percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latent_analyze.plugin import Frame
    from latent_analyze_plugins.slices.accumulator import LowestPriority, SliceAccumulator

LEAST_SHARE_EFFECT = 0.2
LEAST_SURVIVORS = 5
LEAST_PERCENTILES = 5.0


def pair_name(pair: Sequence[int] | NDArray[np.int64]) -> str:
    """Return the part of a scalar's name that stands for a pair: ``"3_7"``."""
    return f"{pair[0]}_{pair[1]}"


def make_result(seen: SliceAccumulator) -> Result:
    """Return the result of all rows that an accumulator has seen."""
    frame = seen.frame
    survivors = np.cumsum(seen.by_half_width[:, :-1], axis=1)
    at_b = survivors[:, np.searchsorted(frame["bs"], np.float32(frame["b"]))]
    scalars = {
        "n": Scalar(seen.count, "z-points", "finite z-points looked at"),
        "b": Scalar(frame["b"], "latent units", "half-width of the slices"),
        **_survivor_scalars(frame, at_b, seen.count),
        "survivor_share_all_pairs": _all_pairs(seen),
        **_origin_scalars(seen),
    }
    notes = _notes(seen)
    return Result(scalars, _arrays(seen, survivors), len(seen.rows), notes)


def _survivor_scalars(frame: Frame, at_b: NDArray[np.int64], count: int) -> dict[str, Scalar]:
    scalars = {}
    for pair, survivors in zip(frame["pairs"], at_b.tolist(), strict=True):
        name, share = pair_name(pair), survivors / count
        where = f"the slice of axes {pair[0]} and {pair[1]} at b"
        scalars[f"survivors_{name}"] = Scalar(survivors, "z-points", f"survivors in {where}")
        scalars[f"survivor_share_{name}"] = Scalar(
            share,
            "share",
            f"share of the z-points that survives in {where}",
            calibrated=True,
            minimum_effect=max(LEAST_SHARE_EFFECT * share, LEAST_SURVIVORS / count),
        )
    return scalars


def _all_pairs(seen: SliceAccumulator) -> Scalar:
    """A row with c axes beyond b survives for all, dim - 1, one or none of the pairs."""
    dim = seen.frame["dim"]
    pairs = dim * (dim - 1) // 2
    none, one, two = seen.axes_beyond.tolist()
    share = (none * pairs + one * (dim - 1) + two) / (seen.count * pairs)
    return Scalar(
        share,
        "share",
        f"share that survives at b, averaged over all {pairs:,} pairs of axes",
        calibrated=True,
        minimum_effect=max(LEAST_SHARE_EFFECT * share, LEAST_SURVIVORS / seen.count),
    )


def _origin_scalars(seen: SliceAccumulator) -> dict[str, Scalar]:
    frame, rows = seen.frame, seen.rows.values
    scalars = {
        "origin_distance": Scalar(
            float(np.sqrt(frame["origin_square"])),
            "standard deviations",
            "Mahalanobis distance of the origin from the reference's mean",
        ),
        "origin_mahalanobis_percentile": Scalar(
            100.0 * seen.nearer / seen.count,
            "%",
            "z-points nearer to the reference's mean than the origin (Mahalanobis)",
            calibrated=True,
            minimum_effect=LEAST_PERCENTILES,
        ),
    }
    if len(rows) > 1:
        scalars["origin_density_percentile"] = Scalar(
            origin_density_percentile(rows, frame),
            "%",
            "sampled z-points around which it is emptier than around the origin",
            calibrated=True,
            minimum_effect=LEAST_PERCENTILES,
        )
    return scalars


def _arrays(seen: SliceAccumulator, survivors: NDArray[np.int64]) -> dict[str, Array]:
    unit, points = "latent units", ("pair", "point", "coordinate")
    cells = seen.count - seen.cells.sum(axis=(1, 2))
    return {
        "pairs": Array(seen.frame["pairs"], ("pair", "coordinate"), "", "axes, counted from 0"),
        "half_width": Array(seen.frame["bs"], ("half_width",), unit, "grid of b"),
        "survivors": Array(survivors, ("pair", "half_width"), "z-points", "survivors at each b"),
        "smallest_b": Array(seen.smallest_b, ("pair",), unit, "smallest b at which any survives"),
        "cells": Array(seen.cells, ("pair", "first", "second"), "z-points", "projection, counted"),
        "outside": Array(cells, ("pair",), "z-points", "z-points outside the projection's window"),
        "zoom_count": Array(seen.zoom_count, ("pair",), "z-points", "z-points in the zoom"),
        "projection": Array(
            seen.projected.values.transpose(1, 0, 2), points, unit, "a uniform sample of all"
        ),
        "zoom": Array(_padded(seen.zoomed), points, unit, "a sample of those in the zoom"),
        "slice": Array(_padded(seen.sliced), points, unit, "a sample of the survivors"),
    }


def _padded(samples: list[LowestPriority]) -> NDArray[np.float32]:
    """Return the samples of all pairs in one array, filled up with NaN."""
    longest = max(len(sample) for sample in samples)
    padded = np.full((len(samples), longest, 2), np.nan, np.float32)
    for target, sample in zip(padded, samples, strict=True):
        target[: len(sample)] = sample.values
    return padded


def _notes(seen: SliceAccumulator) -> tuple[str, ...]:
    frame = seen.frame
    kind = (
        f"{frame['metric']} (shrinkage {frame['shrinkage']:.2g}), rank {frame['rank']} of"
        f" {frame['dim']}, fitted to {frame['metric_sample']:,} z-points of the reference"
    )
    notes = [f"metric of the distances: {kind}"]
    if frame["constant_axes"]:
        notes.append(f"axes that do not vary, left out of the metric: {frame['constant_axes']}")
    if seen.nonfinite:
        notes.append(f"z-points with NaN or infinity, left out: {seen.nonfinite:,}")
    if len(seen.rows) < 2:
        notes.append("no density around the origin: it needs two z-points")
    return tuple(notes)
