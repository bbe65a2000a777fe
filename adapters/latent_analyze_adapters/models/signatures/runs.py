"""Runs an encoder or a decoder on the rows of a trial, and returns all that it gives."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_adapters.models.session import feeds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from latent_analyze.plugin import Sample
    from latent_analyze_adapters.models.plan import Plan
    from latent_analyze_adapters.models.session import Session

BUDGET, MOST = 6.0, 300
"""Seconds that a trial may take, and rows that it takes at most."""

STEPS = ((64, MOST), (32, 100), (16, 32))
"""Rows on which all is tried, and those on which the best are: as many as the budget allows."""

FIRST_CALLS, FINAL_CALLS = 24, 6
"""Encodings and decodings of a usual trial."""

TRIAL_BATCH = 64


def first_rows(
    columns: Mapping[str, NDArray[np.generic]], count: int
) -> dict[str, NDArray[np.generic]]:
    """Return labels and arrays of the first rows."""
    return {name: values[:count] for name, values in columns.items()}


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
    labels = first_rows(columns, len(few))
    run_outputs(session, plan, plan.outputs, rows=few[:1], columns=labels)
    start = perf_counter()
    run_outputs(session, plan, plan.outputs, rows=few, columns=labels)
    return (perf_counter() - start) / len(few)


def rows_to_try(session: Session, plan: Plan, sample: Sample) -> tuple[int, int]:
    """Return how many rows can be tried, first and last, in the time that a trial may take."""
    columns = first_rows(sample.columns, 8)
    rows = plan.image.to_file(sample.x[:8])
    seconds = min(seconds_per_row(session, plan, rows, columns) for _ in range(3))
    for first, last in STEPS:
        if seconds * (FIRST_CALLS * first + FINAL_CALLS * last) <= BUDGET:
            return first, last
    return STEPS[-1]
