"""Whether the rows of a batch can be trusted: tried out, because exports get it wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze import ModelError
from latent_analyze_adapters.session import Session, run_batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze_adapters.graph import Plan

TOLERANCE = 1e-3
"""Largest difference between a row alone and in a batch, in units of the outputs' spread."""


def settle_batch(session: Session, plan: Plan) -> Plan:
    """Return the plan with one row per call where the graph spoils batches, and say so.

    Two rows are run together and alone. A graph that gives something else each time is left as it
    is, but for the note.

    Raises
    ------
    ModelError
        If the graph does not even run on one row.
    """
    if plan.batch is not None or not plan.batched:
        return plan
    rows = _two_rows(plan)
    alone = [run_batch(session, plan, rows[[i]]) for i in range(2)]
    try:
        both = run_batch(session, plan, rows)
    except ModelError:
        return _one_by_one(plan, "its output ignores the batch axis")
    if _differ(alone[0], run_batch(session, plan, rows[:1])):
        note = f"{plan.role}: something in the graph is random: the same row gives other outputs"
        return replace(plan, notes=(*plan.notes, note))
    apart = [np.concatenate(pair) for pair in zip(*alone, strict=True)]
    return _one_by_one(plan, "rows of a batch change each other") if _differ(apart, both) else plan


def _one_by_one(plan: Plan, why: str) -> Plan:
    return replace(plan, batch=1, notes=(*plan.notes, f"{plan.role}: run row by row, as {why}"))


def _two_rows(plan: Plan) -> NDArray[Any]:
    rng = np.random.default_rng(0)
    if plan.role == "encoder":
        return plan.side.to_file(rng.random((2, *plan.side.shape), np.float32))
    return rng.standard_normal((2, *plan.latent)).astype(plan.input.dtype)


def _differ(first: list[NDArray[np.float32]], second: list[NDArray[np.float32]]) -> bool:
    pairs = [(a.astype(float), b.astype(float)) for a, b in zip(first, second, strict=True)]
    with np.errstate(all="ignore"):
        return any(np.abs(a - b).max() > TOLERANCE * max(b.std(), 1e-6) for a, b in pairs)
