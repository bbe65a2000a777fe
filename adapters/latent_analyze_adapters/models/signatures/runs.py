"""Runs an encoder or a decoder on the rows of a trial, and returns all that it gives."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_adapters.models.session import feeds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from latent_analyze_adapters.models.plan import Plan
    from latent_analyze_adapters.models.session import Session

TRIAL_BATCH = 64


def run_outputs(
    session: Session,
    plan: Plan,
    names: Sequence[str],
    *,
    rows: NDArray[np.number],
    columns: Mapping[str, NDArray[np.generic]],
) -> dict[str, NDArray[np.generic]]:
    """Return outputs by name, one row per row, from rows in the file's format.

    An output whose size does not go with the rows is left out.
    """
    step = 1 if plan.repeated else plan.batch or TRIAL_BATCH
    found: dict[str, list[NDArray[np.generic]]] = {name: [] for name in names}
    for start in range(0, len(rows), step):
        part = slice(start, min(start + step, len(rows)))
        labels = {name: values[part] for name, values in columns.items()}
        feeds = feeds_of(plan, rows[part], labels)
        padded = len(feeds[plan.input.name]) if plan.batched else 1
        for name, output in zip(names, session.run(names, feeds), strict=True):
            if output.size % padded or not output.size:
                found.pop(name, None)
            elif name in found:
                row = output.shape[1:] if output.shape[:1] == (padded,) else (-1,)
                if not plan.batched:
                    row = output.shape
                found[name].append(output.reshape(padded, *row)[: part.stop - start])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def seconds_per_row(
    session: Session,
    plan: Plan,
    rows: NDArray[np.number],
    columns: Mapping[str, NDArray[np.generic]],
) -> float:
    """Return how long a row takes, measured on a few after a first call."""
    few = rows[:8]
    labels = {name: values[:8] for name, values in columns.items()}
    run_outputs(session, plan, plan.outputs, rows=few[:1], columns=labels)
    start = perf_counter()
    run_outputs(session, plan, plan.outputs, rows=few, columns=labels)
    return (perf_counter() - start) / len(few)
