"""Runs an encoder or a decoder on the rows of a trial, and measures how long that takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_adapters.models.session import feeds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from latent_analyze_adapters.models.graph import Shape
    from latent_analyze_adapters.models.network import Network
    from latent_analyze_adapters.models.plan import Plan
    from latent_analyze_adapters.models.session import Session

TRIAL_BATCH = 64

FEW = 8
"""Rows of the first round of a trial, and of what is measured."""

SHORT, REPEATS = 0.02, 3
"""Calls that take less, in seconds, are timed that often: the shortest time counts."""


@dataclass(frozen=True, eq=False)
class Half:
    """An encoder or a decoder that fits: how it was opened, its session, and what it costs.

    Attributes
    ----------
    cost
        What counts against choosing it, such as an output that is not the first.
    likely
        Whether it is tried at once, or only if nothing likely explains the data.
    latent, text
        Of a decoder: shape of a z-point before its axes are reordered, and that order in words.
    """

    network: Network
    session: Session
    cost: float = 0.0
    likely: bool = True
    latent: Shape = ()
    text: str = ""


@dataclass(frozen=True)
class Speed:
    """How long a half takes, in seconds: for a call, and for each row in it.

    `step` is the number of rows per call.
    """

    call: float
    row: float
    step: int = TRIAL_BATCH

    def seconds(self, rows: int) -> float:
        """Return how long some rows take."""
        return math.ceil(rows / self.step) * self.call + rows * self.row


def first_rows(
    columns: Mapping[str, NDArray[np.generic]], count: int
) -> dict[str, NDArray[np.generic]]:
    """Return labels and arrays of the first rows."""
    return some_rows(columns, slice(count))


def some_rows(
    columns: Mapping[str, NDArray[np.generic]], part: slice
) -> dict[str, NDArray[np.generic]]:
    """Return labels and arrays of some rows."""
    return {name: values[part] for name, values in columns.items()}


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
    step = rows_per_call(plan)
    found: dict[str, list[NDArray[np.generic]]] = {name: [] for name in names}
    for start in range(0, len(rows), step):
        part = slice(start, min(start + step, len(rows)))
        feeds = feeds_of(plan, rows[part], some_rows(columns, part))
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


def rows_per_call(plan: Plan) -> int:
    """Return how many rows a call takes."""
    return 1 if plan.repeated else plan.batch or TRIAL_BATCH


def speed_of(run: Callable[[int], object], plan: Plan) -> Speed:
    """Return how long a half takes.

    Parameters
    ----------
    run
        Runs the half on that many rows; it has run on `FEW` before.
    plan
        How the half is called.
    """
    step = rows_per_call(plan)
    several = _shortest(run, FEW)
    if step < FEW:
        return Speed(several / math.ceil(FEW / step), 0.0, step)
    one = min(_shortest(run, 1), several)
    row = (several - one) / (FEW - 1)
    return Speed(one - row if one > row else 0.0, row, step)


def _shortest(run: Callable[[int], object], rows: int) -> float:
    found: list[float] = []
    while not found or (found[0] < SHORT and len(found) < REPEATS):
        start = perf_counter()
        run(rows)
        found.append(perf_counter() - start)
    return min(found)
