"""Small sources and null ensembles, and analyses run over them without any file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.host.contracts import Analysis, Sampler
from latent_analyze.host.results import Result, ResultSet
from latent_analyze.runs.calibration import calibrate, tests_of
from latent_analyze.runs.engine import CaseContext, Failure, LocalEngine, RunContext, Task
from latent_analyze.runs.nulls import null_members, root
from latent_analyze.sources.arrays import ArraySource
from latent_analyze.sources.seeding import keyed_rng
from latent_analyze.sources.source import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.models.spec import Model


def tiny_source(
    count: int = 600, dim: int = 5, *, seed: int = 0, variational: bool = False, label: str = "data"
) -> ArraySource:
    """Return an off-center, correlated cloud with a label ``digit`` and a ``split``."""
    rng = keyed_rng(seed, "tiny", count, dim)
    mixing = rng.standard_normal((dim, dim)) / np.sqrt(dim)
    z = rng.standard_normal((count, dim)) @ mixing + np.linspace(-1.0, 2.0, dim)
    log_var = rng.normal(-3.0, 1.0, (count, dim)).astype(np.float32) if variational else None
    labels = {
        "digit": rng.integers(0, 10, count),
        "split": np.where(np.arange(count) % 5 == 0, "test", "train"),
    }
    return ArraySource(z.astype(np.float32), label, labels=labels, log_var=log_var)


def run_analysis(
    analysis: Analysis,
    reference: Source,
    *,
    shown: Sequence[Source] = (),
    nulls: Mapping[str, Sequence[Source]] | None = None,
    model: Model | None = None,
    images: Callable[[NDArray[np.int64]], NDArray[np.float32]] | None = None,
    others: Sequence[Source] = (),
    value_names: Sequence[str] = (),
    seed: int = 0,
) -> ResultSet:
    """Run one analysis over a reference, shown sources and null members, without any file.

    Parameters
    ----------
    model, images, others
        What `context.model`, `context.images(rows)` and `context.paired(n)` give.
    value_names
        Names of the values in a row of images.

    Raises
    ------
    AssertionError
        If the analysis fails on a source.
    """
    shared = CaseContext(
        reference, seed=seed, others=tuple(others), value_names=tuple(value_names)
    )
    if model is not None:
        shared = replace(shared, open_model=lambda: model)
    if images is not None:
        shared = replace(shared, read_images=images)
    frame = analysis.prepare_with(reference, RunContext(reference, analysis.name, shared))
    task = Task(analysis.name, analysis, frame)
    results = {s.label: run_task(task, s, shared) for s in (reference, *shown)}
    ensembles = {
        label: [run_task(task, m, shared) for m in members]
        for label, members in (nulls or {}).items()
    }
    calibrations = calibrate({0: tests_of(results[reference.label], ensembles)})[0]
    return ResultSet(
        analysis.name, analysis.options, frame, reference.label, results, ensembles, calibrations
    )


def gaussian_members(reference: Source, repeats: int = 20, *, seed: int = 0) -> list[Source]:
    """Return members of a moment-matched Gaussian null, without any plugin."""
    sampler = Gaussian()
    return null_members(sampler, reference, label="gaussian", seed=seed, repeats=repeats)


class Gaussian(Sampler):
    """A Gaussian with the mean and covariance of a reference."""

    name = "gaussian"
    needs_reference = True
    matches = "covariance"

    def fit(self, reference: Source | None, seed: int) -> ArraySource:
        """Return as many draws as the reference has rows."""
        assert reference is not None, "a reference"
        summary = reference.summary()
        assert summary.covariance is not None, "few enough dimensions for a covariance"
        eps = keyed_rng(seed, "testing").standard_normal((reference.count, reference.dim))
        z = summary.mean + eps @ root(summary.covariance)
        return ArraySource(z.astype(np.float32), "gaussian")


def run_task(task: Task, source: Source, shared: CaseContext) -> Result:
    """Return the result of a task; AssertionError with its error if it fails."""
    outcome = LocalEngine(1).run([task], source, shared)[task.key]
    if isinstance(outcome, Failure):
        raise AssertionError(f"{task.key} on {source.label}: {outcome.error}\n{outcome.traceback}")
    return outcome
