"""Whether a model can tell good outputs from bad, and the standard they are held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Batch, Context, keyed_rng
from latent_analyze_plugins.random_decode.examining import Everything, Parts, Space, make_space
from latent_analyze_plugins.random_decode.junk import make_junk
from latent_analyze_plugins.random_decode.landing import fit_landing
from latent_analyze_plugins.random_decode.metric import white_in
from latent_analyze_plugins.random_decode.passes import (
    Outputs,
    examine_finite,
    run_model,
    some_labels,
)
from latent_analyze_plugins.random_decode.qualities import GOOD, Ranked, conformal_quality
from latent_analyze_plugins.random_decode.standard import Standard, informative

Rows = NDArray[np.float32]

JUNK_ROWS, ALLOWED = 100, 0.2
"""Rows of each kind of junk, and the share of a kind that may pass for good."""

EXACT = "this model gives everything back to the last digit: only where it lands is known"
"""Why a cycle without any error says nothing."""

FEWEST = 50
"""With fewer held-out rows, a tenth and a hundredth of them are too few to rank others by."""


def fit_telling(
    values: Mapping[str, Any], held_out: Batch, data: Rows, *, first: Outputs, context: Context
) -> dict[str, Any]:
    """Return what a frame holds of the standard, with `cannot_say`: why it tells nothing, or "".

    Parameters
    ----------
    values
        The frame so far: center and whitening of the support set, and the kind of output.
    held_out, data
        The calibration half, and the z-points of the support set, (n, dim).
    first
        What the model made of the calibration half; its decoded rows become junk.
    """
    if len(held_out) < FEWEST:
        why = f"{len(held_out)} rows could be held out, {FEWEST} are needed"
        return {"cannot_say": f"{why}; take more data, or more points"}
    rows = first.decoded[first.finite[: len(first.decoded)]]
    energy = float(np.square(rows - first.mean).reshape(len(rows), -1).sum(axis=1).mean())
    if not energy > 0:
        return {"cannot_say": "the decoder gives the same for all rows of the data"}
    found = {
        "mean_output": first.mean,
        "energy": energy,
        **fit_landing(white_in(values, data), context.seed),
    }
    parts, rows_used = _measured(make_space({**values, **found}, data, context), held_out)
    if parts is None:
        return {"cannot_say": EXACT}
    found |= {"used": parts.used, "standard_rows": rows_used, **parts.standard.arrays()}
    return found | _power(parts, held_out, first)


def _measured(space: Space, held_out: Batch) -> tuple[Parts | None, NDArray[np.int64]]:
    """Return the standard of held-out rows, if it tells anything, and the rows it is made of."""
    every = Everything(space)
    outputs = run_model(space.context, held_out, task="measure held-out rows", examine=every)
    good = np.flatnonzero(np.isfinite(outputs.examined).all(axis=1))
    errors, surprise = outputs.examined[good, :-1], outputs.examined[good, -1]
    used = informative(errors)
    if not used.any():
        return None, good
    landing, image = space.white(outputs.landing[good]), space.cycle.image
    return Parts(space, Standard.fit(landing, errors[:, used], surprise, image=image), used), good


def make_parts(values: Mapping[str, Any], data: Rows, context: Context) -> Parts:
    """Return what examines outputs, from the arrays of a frame and the support set."""
    return Parts(make_space(values, data, context), Standard.of(values), values["used"])


def rank_parts(standard: Standard, parts: NDArray[np.float64]) -> Ranked:
    """Return the qualities of outputs with these parts, (n, parts); the worst where all are NaN."""
    scores = np.full(len(parts), np.inf)
    measured = ~np.isnan(parts).all(axis=1)
    if measured.any():
        scores[measured] = standard.score(parts[measured])
    return conformal_quality(standard.scores, scores)


def _power(parts: Parts, held_out: Batch, first: Outputs) -> dict[str, Any]:
    """Return kinds of junk, the share of each that passes for good, and `cannot_say`."""
    context = parts.space.context
    good = np.flatnonzero(first.finite[: len(first.decoded)])
    labels = some_labels(context.model_labels(held_out.rows), good)
    rng = keyed_rng(context.seed, "junk")
    junk = make_junk(first.decoded[good], rng, image=parts.space.cycle.image)
    shares = {}
    for kind, rows in junk.items():
        z = context.encode(rows, labels).mu
        found = examine_finite(parts, rows, z, labels=labels)
        shares[kind] = float((rank_parts(parts.standard, found).quality >= GOOD).mean())
    return {
        "junk_kinds": np.array(list(shares)), "junk_passed": np.array(list(shares.values())),
        "cannot_say": _reconstructs(shares),
    }  # fmt: skip


def _reconstructs(shares: Mapping[str, float]) -> str:
    """Return that junk passes, and which; "" if hardly any does."""
    passed = [f"{100 * share:.0f} % of {kind}" for kind, share in shares.items() if share > ALLOWED]
    return f"this model reconstructs junk too: {', '.join(passed)} pass" if passed else ""
