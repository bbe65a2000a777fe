"""What is measured on a source: rates of its z-points, and some of them decoded."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import middle_slices
from latent_analyze.plugin import AnalysisError, Batch, Context, Frame, Source, Values, take_rows
from latent_analyze.statistics import wilson
from latent_analyze_plugins.random_decode.departing import measure_departure
from latent_analyze_plugins.random_decode.metric import white_in
from latent_analyze_plugins.random_decode.qualities import (
    DOUBTFUL,
    GOOD,
    Ranked,
    good_rate,
    good_relative,
)
from latent_analyze_plugins.random_decode.reach import measure_reach
from latent_analyze_plugins.random_decode.scores import Scores, score

SATURATED = 1 / 255
"""A pixel this close to an end of the range is black or white in 8 bits."""

PER_CLASS = 8
"""Decoded z-points shown per class."""

CYCLE, SUPPORT = 1, 2
"""Bits of a verdict."""


def evaluate(frame: Frame, source: Source, context: Context, *, options: Any) -> Values:
    """Score a sample of a source; of the reference itself the evaluation half.

    Raises
    ------
    AnalysisError
        If no output of the decoder is finite.
    """
    if source.fingerprint == context.reference.fingerprint:
        batch = take_rows(source, frame["evaluation_rows"])
    else:
        batch = context.sample(options.points)
    n = len(batch)
    # Evenly spaced: a sample is in row order, and data sets are often sorted by class.
    shown = np.unique(np.linspace(0, n - 1, min(options.images, n)).round()).astype(int)
    scores = score(frame, batch, context, shown=shown, task=f"decode {source.label}")
    lost = int((~scores.outputs.finite).sum())
    if lost == n:
        raise AnalysisError(
            "finite numbers from the decoder",
            found=f"NaN or infinity in all {n} outputs for {source.label}",
            next_step="check the decoder, or leave z-points so far out away",
        )
    values = {
        **_rates(scores, frame), "nonfinite": lost, **_pictures(scores, shown, frame["kind"]),
        **_reached(frame, batch, scores, context=context),
        **by_class(frame, batch.take(shown), context),
    }  # fmt: skip
    notes = _notes(frame, scores, shown)
    return Values(values, sample_size=n, notes=notes, rows=batch.rows)


def _rates(scores: Scores, frame: Frame) -> dict[str, Any]:
    """Return rates, absolute and relative, and the scores that they count."""
    passed, values = scores.passed, {}
    for name, mask in passed.items():
        values[f"{name}_rate"] = float(mask.mean())
        if frame[f"control_{name}"] > 0:
            values[f"{name}_relative"] = values[f"{name}_rate"] / frame[f"control_{name}"]
    if frame["control_nearest"] > 0:
        nearest = float(np.median(scores.nearest))
        values["distance_relative"] = nearest / frame["control_nearest"]
    intervals = [wilson(float(mask.mean()), len(mask)) for mask in passed.values()]
    if scores.ranked is not None:
        rate = good_rate(scores.ranked)
        values |= {"good_rate": rate.value, **_relative(scores.ranked, frame)}
        intervals[0] = (rate.low, rate.high)
    found = {"cycle_score": scores.cycle, "support_score": scores.support,
             "quality": None if scores.ranked is None else scores.ranked.quality}  # fmt: skip
    with np.errstate(over="ignore"):
        arrays = {k: v.astype(np.float32) for k, v in found.items() if v is not None}
    return {**values, "interval": np.array(intervals), **arrays}


def _relative(ranked: Ranked, frame: Frame) -> dict[str, Any]:
    """Return the good rate over that of held-out rows, with its interval, and the doubtful rate."""
    quality = frame["control_quality"]
    control = Ranked(quality, np.zeros(len(quality), np.int64), ranked.sizes)
    found = good_relative(ranked, control)
    doubtful = (ranked.quality >= DOUBTFUL) & (ranked.quality < GOOD)
    return {
        "good_relative": found.value, "good_relative_interval": np.array([found.low, found.high]),
        "doubtful_rate": float(doubtful.mean()),
    }  # fmt: skip


def _reached(frame: Frame, batch: Batch, scores: Scores, *, context: Context) -> dict[str, Any]:
    """Return what of the data is reached, and copied; nothing where outputs cannot be told."""
    if scores.ranked is None:
        return {}
    each = (scores.data, batch.z, scores.outputs.landing)
    support, z, landing = (white_in(frame.values, rows) for rows in each)
    return {
        **measure_reach(frame, support, z=z, landing=landing, seed=context.seed),
        **measure_departure(batch.z, scores.data, context.seed),
    }


def _pictures(scores: Scores, shown: NDArray[np.int64], kind: str) -> dict[str, Any]:
    """Return finite decoded rows, what they hold, and the tests they passed."""
    passed, good = scores.passed, scores.outputs.finite[shown]
    bits = SUPPORT * passed["support"].astype(np.uint8)
    if "cycle" in passed:
        bits |= CYCLE * passed["cycle"].astype(np.uint8)
    decoded = scores.outputs.decoded[good]
    judged: dict[str, Any] = {}
    if scores.ranked is not None:
        quality = scores.ranked.quality[shown[good]]
        judged = {"shown_quality": quality.astype(np.float32)}
    return {
        "verdict": bits[shown[good]],
        **judged,
        **contents(decoded, kind),
        **kept(decoded, kind),
    }


def contents(decoded: NDArray[np.float32], kind: str) -> dict[str, float]:
    """Return what decoded rows hold: mean, contrast, diversity, and saturation of images."""
    flat = decoded.reshape(len(decoded), math.prod(decoded.shape[1:]))
    values = _contents(flat)
    if kind == "image" and len(flat):
        values["saturated"] = float(((flat <= SATURATED) | (flat >= 1 - SATURATED)).mean())
    return values


def kept(decoded: NDArray[Any], kind: str, start: str = "", axes: int = 1) -> dict[str, Any]:
    """Return decoded rows as they are saved: images in 8 bits, the middle slice of volumes.

    Shape (..., *row) with `axes` leading axes; `start` is put before the name.
    """
    if kind == "image":
        pixels = np.rint(255 * np.clip(decoded, 0, 1)).astype(np.uint8)
        return {f"{start}images": pixels[..., None] if pixels.ndim == axes + 2 else pixels}
    if kind == "volume":
        slices = middle_slices(decoded.reshape(-1, *decoded.shape[axes:]))
        decoded = slices.reshape(*decoded.shape[:axes], *slices.shape[1:])
    return {f"{start}{'vectors' if decoded.ndim == axes + 1 else 'decoded'}": decoded}


def by_class(frame: Frame, batch: Batch, context: Context) -> dict[str, Any]:
    """Return some z-points decoded with each class of the label that the decoder takes."""
    name, classes = frame["condition"], frame["classes"]
    if not name:
        return {}
    batch = batch.take(slice(PER_CLASS))
    own = context.model_labels(batch.rows)
    each = ({**own, name: np.full(len(batch), value)} for value in classes)
    found = [context.decode(batch.z, labels) for labels in each]
    rows = np.nan_to_num(np.stack(found), nan=0.0, posinf=0.0, neginf=0.0)
    return kept(rows, frame["kind"], "class_", axes=2)


def _contents(flat: NDArray[np.float32]) -> dict[str, float]:
    if not len(flat):
        return {}
    return {
        "mean_value": float(flat.mean(dtype=np.float64)),
        "contrast": float(flat.std(axis=1, dtype=np.float64).mean()),
        "diversity": float(flat.std(axis=0, dtype=np.float64).mean()),
    }


def _notes(frame: Frame, scores: Scores, shown: NDArray[np.int64]) -> list[str]:
    notes, decoded = [], scores.outputs.decoded[scores.outputs.finite[shown]]
    beyond = float(((decoded < -SATURATED) | (decoded > 1 + SATURATED)).sum())
    if frame["kind"] == "image" and beyond:
        share = 100 * beyond / decoded.size
        notes.append(f"{share:.2g} % of the pixels shown lie outside [0, 1]: clipped")
    if frame["no_cycle"]:
        notes.append(f"{frame['no_cycle']}: no cycle rate and no joint rate")
    return notes
