"""What all sources of a case share: held-out rows, the balls of the data, and thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Context, Frame, Source, keyed_rng, take_rows
from latent_analyze_plugins.random_decode.metric import white_in
from latent_analyze_plugins.random_decode.passes import no_cycle, run_model
from latent_analyze_plugins.random_decode.qualities import good_rate
from latent_analyze_plugins.random_decode.reach import fit_reach
from latent_analyze_plugins.random_decode.scores import fit_cycle, fit_support, score
from latent_analyze_plugins.random_decode.telling import JUNK_ROWS, fit_telling
from latent_analyze_plugins.shared.decoding import conditions, output_kind
from latent_analyze_plugins.shared.value_names import value_names

HELD_OUT_SHARE, SMALLEST_HALF = 5, 5
"""At most one row in five goes into each held-out part; below 5, a quantile says nothing."""

LOOKED_AT, MOST_CLASSES, MANY = 5000, 10, 30
"""Rows whose label is read, classes shown, and different numbers that are no classes."""

EVENLY = (0.05, 0.275, 0.5, 0.725, 0.95)
"""Ranks of a number with many values that stand for its classes."""

UNSEEN = ("test", "val", "valid", "validation", "dev", "holdout", "held_out")
"""Values of the label `split` that are said of rows that no model was trained on."""

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
    if values["no_cycle"]:
        values["cannot_say"] = values["no_cycle"]
    else:
        values |= _standard(values, data, context, spread=summary.std)
    return Frame(values | _control(Frame(values), context))


def _standard(
    values: dict[str, Any], data: NDArray[np.float32], context: Context, *, spread: Any
) -> dict[str, Any]:
    """Return what the model makes of the calibration half, `cannot_say` if that tells nothing."""
    held_out = take_rows(context.reference, values["calibration_rows"])
    some = np.arange(min(JUNK_ROWS, len(held_out)))
    first = run_model(context, held_out, some, task="decode the calibration half")
    found = fit_cycle(held_out.z, first.landing, spread)
    found |= fit_telling(values, held_out, data, first=first, context=context)
    if found["cannot_say"]:
        return found
    white = {"support": white_in(values, data), "held_out": white_in(values, held_out.z)}
    return found | fit_reach(values | found, context.reference, white=white, seed=context.seed)


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
    """Return seeded row numbers, ascending, of the support set and of both held-out parts."""
    count = reference.count
    sizes = (options.points, 2 * options.points)
    half, calibration = (min(size, count // HELD_OUT_SHARE) for size in sizes)
    held_out = half + calibration
    most = max(MAX_SUPPORT_VALUES // reference.dim, options.neighbors + 1)
    support = min(options.support, most, count - held_out)
    if half < SMALLEST_HALF or support <= options.neighbors:
        needed = max(HELD_OUT_SHARE * SMALLEST_HALF, 2 * options.neighbors)
        raise AnalysisError(
            f"at least {needed} z-points to hold some out,"
            f" and more than {options.neighbors} that support others",
            found=f"{count} z-points and at most {support} that support others",
            next_step="encode more data, or set fewer neighbors",
        )
    order = keyed_rng(seed, "split").permutation(count)
    if (unseen := _unseen(reference)) is not None and unseen.sum() >= held_out:
        order = np.concatenate([order[unseen[order]], order[~unseen[order]]])
    return {
        "support_rows": np.sort(order[held_out : held_out + support]),
        "calibration_rows": np.sort(order[:calibration]),
        "evaluation_rows": np.sort(order[calibration:held_out]),
    }


def _unseen(reference: Source) -> NDArray[np.bool_] | None:
    """Return which rows the model has not seen, where a label `split` says so; else None."""
    if "label:split" not in reference.fields:
        return None
    parts = [reference.read(block, frozenset({"label:split"})) for block in reference.blocks()]
    split = np.concatenate([part.labels["split"] for part in parts])
    unseen = np.isin(np.char.lower(split.astype(str)), UNSEEN)
    return unseen if unseen.any() and not unseen.all() else None


def _control(frame: Frame, context: Context) -> dict[str, Any]:
    """Return the rates of the evaluation half, and its median distance from the data."""
    batch = take_rows(context.reference, frame["evaluation_rows"])
    scores = score(frame, batch, context, task="decode the evaluation half")
    rates: dict[str, Any] = {
        f"control_{name}": float(mask.mean()) for name, mask in scores.passed.items()
    }
    if scores.ranked is not None:
        rates["control_good"] = good_rate(scores.ranked).value
        rates["control_quality"] = scores.ranked.quality
    return {**rates, "control_nearest": float(np.median(scores.nearest))}
