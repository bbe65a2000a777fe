"""What all sources of a case share: held-out rows, the balls of the data, and thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Context, Frame, Source, keyed_rng, take_rows
from latent_analyze_plugins.random_decode.scores import fit_cycle, fit_support, no_cycle, score
from latent_analyze_plugins.shared.decoding import conditions, output_kind
from latent_analyze_plugins.shared.value_names import value_names

HELD_OUT_SHARE, SMALLEST_HALF = 5, 5
"""At most one row in five goes into each held-out half; below 5, a quantile says nothing."""

LOOKED_AT, MOST_CLASSES, MANY = 5000, 10, 30
"""Rows whose label is read, classes shown, and different numbers that are no classes."""

EVENLY = (0.05, 0.275, 0.5, 0.725, 0.95)
"""Ranks of a number with many values that stand for its classes."""

MAX_SUPPORT_VALUES = 1 << 24
"""Most numbers in the support set: 128 MiB of float64."""


def make_frame(reference: Source, options: Any, context: Context) -> Frame:
    """Return rows, metrics, radii, thresholds, and the rates of the evaluation half.

    Raises
    ------
    AnalysisError
        If the reference has too few rows, if they are all alike, or if the model gives NaN or
        infinity for more than 5 % of the calibration half.
    """
    summary = reference.summary()
    if not summary.spread > 0:
        raise AnalysisError(
            "at least two different z-points in the reference",
            found=f"{summary.count} z-points that are all alike",
            next_step="check that the encoder's output depends on its input",
        )
    split = _split_rows(reference, options, context.seed)
    data = take_rows(reference, split["support_rows"]).z
    values = {
        **split, **fit_support(data, summary.std, options.neighbors), "spread": summary.std,
        "neighbors": options.neighbors, "no_cycle": no_cycle(context.model), "no_data": False,
        "kind": output_kind(context, reference), **find_classes(reference, context),
    }  # fmt: skip
    values["names"] = value_names(context, values["kind"])
    if not values["no_cycle"]:
        held_out = take_rows(reference, split["calibration_rows"])
        values |= fit_cycle(held_out, summary.std, context)
    return Frame(values | _control(Frame(values), context))


def find_classes(reference: Source, context: Context) -> dict[str, Any]:
    """Return the first label that the decoder takes, and values of it to decode with.

    The most frequent ones; of a number with many values, some evenly over its ranks.
    """
    names = conditions(context, reference)
    if not names:
        return {"condition": "", "classes": np.zeros(0)}
    field = f"label:{names[0]}"
    values = context.sample(LOOKED_AT, frozenset({"z", field})).labels[names[0]]
    different, counts = np.unique(values, return_counts=True)
    if len(different) > MANY and values.dtype.kind in "fiu":
        chosen = np.unique(np.quantile(values, EVENLY, method="inverted_cdf"))
    else:
        chosen = np.sort(different[np.argsort(-counts, kind="stable")[:MOST_CLASSES]])
    return {"condition": names[0], "classes": chosen}


def _split_rows(reference: Source, options: Any, seed: int) -> dict[str, NDArray[np.int64]]:
    """Return seeded row numbers, ascending, of the support set and of both held-out halves."""
    count = reference.count
    half = min(options.points, count // HELD_OUT_SHARE)
    most = max(MAX_SUPPORT_VALUES // reference.dim, options.neighbors + 1)
    support = min(options.support, most, count - 2 * half)
    if half < SMALLEST_HALF or support <= options.neighbors:
        needed = max(HELD_OUT_SHARE * SMALLEST_HALF, 2 * options.neighbors)
        raise AnalysisError(
            f"at least {needed} z-points to hold some out,"
            f" and more than {options.neighbors} that support others",
            found=f"{count} z-points and at most {support} that support others",
            next_step="encode more data, or set fewer neighbors",
        )
    order = keyed_rng(seed, "split").permutation(count)
    return {
        "support_rows": np.sort(order[2 * half : 2 * half + support]),
        "calibration_rows": np.sort(order[:half]),
        "evaluation_rows": np.sort(order[half : 2 * half]),
    }


def _control(frame: Frame, context: Context) -> dict[str, float]:
    """Return the rates of the evaluation half, and its median distance from the data."""
    batch = take_rows(context.reference, frame["evaluation_rows"])
    scores = score(frame, batch, context, task="decode the evaluation half")
    rates = {f"control_{name}": float(mask.mean()) for name, mask in scores.passed.items()}
    return {**rates, "control_nearest": float(np.median(scores.nearest))}
