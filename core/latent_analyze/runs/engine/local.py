"""The local engine: all streaming analyses of a source in one pass, on this machine's threads."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.errors import LatentAnalyzeError, printable
from latent_analyze.host.measures import ROW
from latent_analyze.host.results import Array, Result
from latent_analyze.runs.engine.tasks import CaseContext, Failure, RunContext, Task
from latent_analyze.sources.source import Z_ONLY, Batch, Block, Source, take_rows

if TYPE_CHECKING:
    from latent_analyze.host.contracts import Accumulator

Outcome = Result | Failure

PARTS = 8
"""A source is cut into so many runs of blocks, however many threads there are: sums of floats are
then the same on any machine with the same libraries."""


class LocalEngine:
    """Runs tasks over sources with threads; kernels and NumPy release the interpreter's lock.

    Parameters
    ----------
    jobs
        Number of threads; all processors by default.
    """

    def __init__(self, jobs: int | None = None) -> None:
        self.jobs = jobs or os.cpu_count() or 1

    def run(self, tasks: Sequence[Task], source: Source, shared: CaseContext) -> dict[str, Outcome]:
        """Run all tasks over one source: key of the task -> result or failure."""
        streaming = [task for task in tasks if task.analysis.is_streaming()]
        found = self._stream(streaming, source) if streaming else {}
        for task in tasks:
            if task.key not in found:
                found[task.key] = _run_one(task, source, shared)
        return {task.key: found[task.key] for task in tasks}

    def _stream(self, tasks: Sequence[Task], source: Source) -> dict[str, Outcome]:
        from threadpoolctl import threadpool_limits

        parts = _cut(source.blocks(), PARTS)
        # The threads of the matrix library would fight ours for the same processors.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(min(self.jobs, len(parts))) as pool:
            passes = list(pool.map(partial(_one_pass, tasks, source), parts))
        return {
            task.key: _merge(task, source, [one[i] for one in passes])
            for i, task in enumerate(tasks)
        }


def failure(key: str, source: str, error: Exception) -> Failure:
    """Return the record of a failed analysis: one line, and the traceback of a program error."""
    if isinstance(error, LatentAnalyzeError):
        return Failure(key, source, str(error))
    trace = "".join(traceback.format_exception(error))
    return Failure(key, source, printable(f"{type(error).__name__}: {error}"), trace)


class _Guarded:
    """An accumulator that remembers its first error instead of ending everybody's pass."""

    def __init__(self, task: Task) -> None:
        self.error: Exception | None = None
        self.accumulator: Accumulator | None = None
        try:
            self.accumulator = task.analysis.accumulator(task.frame)
        except Exception as error:
            self.error = error

    def add(self, batch: Batch) -> None:
        if self.accumulator is None or self.error is not None:
            return
        try:
            self.accumulator.add(batch)
        except Exception as error:
            self.error = error


def _one_pass(tasks: Sequence[Task], source: Source, blocks: Sequence[Block]) -> list[_Guarded]:
    accumulators = [_Guarded(task) for task in tasks]
    fields = Z_ONLY.union(*(task.analysis.fields for task in tasks))
    for block in blocks:
        batch = source.read(block, fields)
        for accumulator in accumulators:
            accumulator.add(batch)
    return accumulators


def _merge(task: Task, source: Source, parts: Sequence[_Guarded]) -> Outcome:
    try:
        total: Accumulator | None = None
        for part in parts:
            if part.error is not None:
                raise part.error
            if total is None:
                total = part.accumulator
            else:
                total.merge(part.accumulator)
        return _result(task, total.result() if total is not None else None, source)
    except Exception as error:
        return failure(task.key, source.label, error)


def _run_one(task: Task, source: Source, shared: CaseContext) -> Outcome:
    try:
        context = RunContext(source, task.key, shared)
        result = _result(task, task.analysis.run(task.frame, source, context), source)
        return replace(result, notes=(*result.notes, *context.notes))
    except Exception as error:
        return failure(task.key, source.label, error)


def _result(task: Task, returned: object, source: Source) -> Result:
    """Return the result that an analysis' plain values make, with the ids of their rows."""
    result = task.analysis.declare(task.frame, source).result(returned)
    if ROW not in result.arrays or "id" not in source.fields:
        return result
    rows = result[ROW]
    ids: object = take_rows(source, rows, frozenset({"id"})).ids if len(rows) else []
    known = Array(np.asarray(ids, dtype=str), (ROW,), "", "id of the row in its data set")
    return replace(result, arrays={**result.arrays, "id": known})


def _cut(blocks: Sequence[Block], parts: int) -> list[Sequence[Block]]:
    if not blocks:
        return [[]]
    size = -(-len(blocks) // parts)
    return [blocks[i : i + size] for i in range(0, len(blocks), size)]
