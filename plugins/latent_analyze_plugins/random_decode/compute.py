"""What is measured on a source: rates of its z-points, and the images of some of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Context, Frame, Source, Values, take_rows
from latent_analyze_plugins.random_decode.scores import Scores, score

SATURATED = 1 / 255
"""A pixel this close to an end of the range is black or white in 8 bits."""

CYCLE, SUPPORT = 1, 2
"""Bits of a verdict."""

Z95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""


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
    scores = score(frame, batch.z, context, shown=shown, task=f"decode {source.label}")
    lost = int((~scores.finite).sum())
    if lost == n:
        raise AnalysisError(
            "finite numbers from the decoder",
            found=f"NaN or infinity in all {n} outputs for {source.label}",
            next_step="check the decoder, or leave z-points so far out away",
        )
    values = {**_rates(scores, frame), "nonfinite": lost, **_pictures(scores, shown)}
    return Values(values, sample_size=n, notes=_notes(frame, scores, shown), rows=batch.rows)


def wilson_interval(passed: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval (Wilson 1927) of a share: `passed` of `total` >= 1 were seen."""
    share, weight = passed / total, Z95**2 / total
    center = (share + weight / 2) / (1 + weight)
    half = Z95 * math.sqrt(share * (1 - share) / total + weight / (4 * total)) / (1 + weight)
    low = 0.0 if passed == 0 else center - half
    return low, 1.0 if passed == total else center + half


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
    intervals = [wilson_interval(int(mask.sum()), len(mask)) for mask in passed.values()]
    found = {"cycle_score": scores.cycle, "support_score": scores.support}
    arrays = {k: v.astype(np.float32) for k, v in found.items() if v is not None}
    return {**values, "interval": np.array(intervals), **arrays}


def _pictures(scores: Scores, shown: NDArray[np.int64]) -> dict[str, Any]:
    """Return finite decoded images (or vectors), what they hold, and the tests they passed."""
    passed, good = scores.passed, scores.finite[shown]
    bits = SUPPORT * passed["support"].astype(np.uint8)
    if "cycle" in passed:
        bits |= CYCLE * passed["cycle"].astype(np.uint8)
    decoded = scores.decoded[good]
    flat = decoded.reshape(len(decoded), -1)
    values = {"verdict": bits[shown[good]], **_contents(flat)}
    if decoded.ndim < 3:
        return {**values, "vectors": flat}
    if len(flat):
        values["saturated"] = float(((flat <= SATURATED) | (flat >= 1 - SATURATED)).mean())
    pixels = np.rint(255 * np.clip(decoded, 0, 1)).astype(np.uint8)
    return {**values, "images": pixels[..., None] if pixels.ndim == 3 else pixels}


def _contents(flat: NDArray[np.float32]) -> dict[str, float]:
    if not len(flat):
        return {}
    return {
        "mean_value": float(flat.mean(dtype=np.float64)),
        "contrast": float(flat.std(axis=1).mean()),
        "diversity": float(flat.std(axis=0).mean()),
    }


def _notes(frame: Frame, scores: Scores, shown: NDArray[np.int64]) -> list[str]:
    notes, decoded = [], scores.decoded[scores.finite[shown]]
    beyond = float(((decoded < -SATURATED) | (decoded > 1 + SATURATED)).sum())
    if decoded.ndim >= 3 and beyond:
        share = 100 * beyond / decoded.size
        notes.append(f"{share:.2g} % of the pixels shown lie outside [0, 1]: clipped")
    if frame["no_cycle"]:
        notes.append(f"{frame['no_cycle']}: no cycle rate and no joint rate")
    return notes
