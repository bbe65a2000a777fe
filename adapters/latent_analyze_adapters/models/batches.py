"""Whether the rows of a batch can be trusted: tried out, because exports get it wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import ModelError
from latent_analyze_adapters.models.session import Session, run_batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze_adapters.models.plan import Plan

TOLERANCE = 1e-3
"""Largest difference between a row alone and in a batch, in units of the outputs' spread."""

REPEATS = 4
"""Runs of a row again: one mask of a few values is the same twice by chance."""


def settle_batch(session: Session, plan: Plan) -> Plan:
    """Return the plan with one row per call where the graph spoils batches, and say so.

    Two rows are run together and alone (where the batch is fixed, each beside copies of itself). A
    graph that gives something else each time is left as it is, but for the note.

    Raises
    ------
    ModelError
        If the graph does not even run on one row, or rows change each other and running them one by
        one makes them all alike.
    """
    rows = _two_rows(plan)
    alone = [run_batch(session, plan, rows[[i]]) for i in range(2)]
    repeats = (run_batch(session, plan, rows[[i % 2]]) for i in range(REPEATS))
    if any(_differ(alone[i % 2], found) for i, found in enumerate(repeats)):
        note = f"{plan.role}: something in the graph is random: the same row gives other outputs"
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
    return _one_by_one(plan, "rows of a batch change each other")


def _mixes_rows(session: Session, plan: Plan) -> ModelError:
    return ModelError(
        f"{'an' if plan.role == 'encoder' else 'a'} {plan.role} that treats each row on its own",
        found=f"one whose rows change each other, and are all alike alone, in {session.graph.name}",
        next_step="export it in evaluation mode, as with model.eval() of PyTorch: batch "
        "normalization in training mode does this",
    )


def _one_by_one(plan: Plan, why: str) -> Plan:
    if plan.batch is None:
        return replace(plan, batch=1, notes=(*plan.notes, f"{plan.role}: run row by row, as {why}"))
    note = f"{plan.role}: run row by row, each in a batch of {plan.batch} copies of it, as {why}"
    return replace(plan, single=True, notes=(*plan.notes, note))


def _two_rows(plan: Plan) -> NDArray[Any]:
    rng = np.random.default_rng(0)
    if plan.role == "encoder":
        return plan.side.to_file(rng.random((2, *plan.side.shape), np.float32))
    return rng.standard_normal((2, *plan.latent)).astype(plan.input.dtype)


def _differ(first: list[NDArray[np.float32]], second: list[NDArray[np.float32]]) -> bool:
    pairs = [(a.astype(float), b.astype(float)) for a, b in zip(first, second, strict=True)]
    with np.errstate(all="ignore"):
        return any(np.abs(a - b).max() > _allowed(b) for a, b in pairs)


def _allowed(values: NDArray[np.float64]) -> float:
    # Outputs that hardly differ, beside what they are, differ by rounding.
    rounding = 8 * float(np.finfo(np.float32).eps) * np.abs(values).max(initial=0.0)
    return float(max(TOLERANCE * values.std(), TOLERANCE * 1e-6, rounding))
