"""Checks that rows of a batch do not affect each other, which exports often get wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.session import Session, run_batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze_adapters.models.plan import Plan

TOLERANCE = 1e-3
"""Largest difference between a row alone and in a batch, in standard deviations of the outputs."""

REPEATS = 4
"""How often a row is run again: a dropout mask of few values may repeat by chance."""


def check_batching(session: Session, plan: Plan) -> Plan:
    """Return the plan, changed to one row per call, with a note, if batches give wrong results.

    Two rows of noise are run together and alone (each among copies of itself, if the batch is
    fixed). A graph that is random is left as it is, but noted.

    Raises
    ------
    ModelError
        If the graph does not even run on one row; or if rows affect each other, and running them
        one by one gives the same output for all of them.
    """
    rows = _two_rows(plan)
    alone = [run_batch(session, plan, rows[[i]]) for i in range(2)]
    repeats = (run_batch(session, plan, rows[[i % 2]]) for i in range(REPEATS))
    if any(_differ(alone[i % 2], found) for i, found in enumerate(repeats)):
        note = f"{plan.role}: the graph is random: two runs on the same row differ"
        return replace(plan, notes=(*plan.notes, note))
    if plan.batch == 1:
        return plan
    try:
        both = run_batch(session, plan, rows)
    except ModelError:
        if plan.batch is not None:
            raise
        return _one_by_one(plan, "its output ignores the batch axis")
    apart = [np.concatenate(pair) for pair in zip(*alone, strict=True)]
    if not _differ(apart, both):
        return plan
    if not _differ(*alone):
        raise _mixes_rows(session, plan)
    return _one_by_one(plan, "rows of a batch affect each other")


def _mixes_rows(session: Session, plan: Plan) -> ModelError:
    return ModelError(
        f"{'an' if plan.role == 'encoder' else 'a'} {plan.role} that treats each row on its own",
        found=f"one whose rows affect each other, and all give the same output alone, in "
        f"{session.graph.name}",
        next_step="export it in evaluation mode, as with model.eval() of PyTorch: batch "
        "normalization in training mode does this",
    )


def _one_by_one(plan: Plan, why: str) -> Plan:
    if plan.batch is None:
        return replace(plan, batch=1, notes=(*plan.notes, f"{plan.role}: run row by row, as {why}"))
    note = f"{plan.role}: run row by row, each in a batch of {plan.batch} copies of it, as {why}"
    return replace(plan, repeated=True, notes=(*plan.notes, note))


def _two_rows(plan: Plan) -> NDArray[np.number]:
    rng = np.random.default_rng(0)
    if plan.role == "encoder":
        rows = rng.random((2, *plan.image.shape), np.float32)
        if plan.image.layout == "array" and np.dtype(plan.image.dtype).kind in "iu":
            rows = np.rint(rows)
        return plan.image.to_file(rows)
    return rng.standard_normal((2, *plan.latent)).astype(plan.input.dtype)


def _differ(first: list[NDArray[np.float32]], second: list[NDArray[np.float32]]) -> bool:
    pairs = [(a.astype(float), b.astype(float)) for a, b in zip(first, second, strict=True)]
    with np.errstate(all="ignore"):
        return any(np.abs(a - b).max() > _allowed(b) for a, b in pairs)


def _allowed(values: NDArray[np.float64]) -> float:
    # Outputs that vary little, compared with their size, differ by rounding.
    rounding = 8 * float(np.finfo(np.float32).eps) * np.abs(values).max(initial=0.0)
    return float(max(TOLERANCE * values.std(), TOLERANCE * 1e-6, rounding))
