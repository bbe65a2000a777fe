"""Small sources and null ensembles, and analyses run over them without any file."""

from __future__ import annotations

import math
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
from latent_analyze.sources.codes import Codes, codes_of
from latent_analyze.sources.seeding import keyed_rng
from latent_analyze.sources.source import Source, take_rows

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


def tiny_codes(
    count: int = 600, shape: tuple[int, ...] = (3, 3), codes: int = 8, *, seed: int = 0
) -> ArraySource:
    """Return rows of codes: each position repeats the one before it half of the time.

    The last code never occurs. A label is ``digit``.
    """
    rng = keyed_rng(seed, "tiny codes", count, codes)
    positions = math.prod(shape)
    rows = rng.integers(0, codes - 1, (count, positions))
    for place in range(1, positions):
        repeated = rng.random(count) < 0.5
        rows[repeated, place] = rows[repeated, place - 1]
    return ArraySource(
        rows, "data", labels={"digit": rng.integers(0, 10, count)}, codes=Codes(shape, codes)
    )


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
    given = {
        "encoder": model is not None and model.spec.can_encode,
        "decoder": model is not None and model.spec.can_decode,
        "images": images is not None, "paired": bool(others),
        "log_var": "log_var" in reference.fields,
        "labels": any(name.startswith("label:") for name in reference.fields),
    }  # fmt: skip
    lacks = {name: "" if there else "not given" for name, there in given.items()}
    shared = CaseContext(
        reference, seed=seed, others=tuple(others), lacks=lacks, value_names=tuple(value_names)
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


def shuffled_members(reference: Source, repeats: int = 20, *, seed: int = 0) -> list[Source]:
    """Return members of a null of codes that keeps how often each is at each position."""
    return null_members(Shuffled(), reference, label="shuffled", seed=seed, repeats=repeats)


class Shuffled(Sampler):
    """The codes of a reference, with every position in an order of its own."""

    name = "shuffled"
    needs_reference = True
    latents = frozenset({"codes"})

    def fit(self, reference: Source | None, seed: int) -> ArraySource:
        """Return as many rows as the reference has."""
        assert reference is not None, "a reference"
        rows = take_rows(reference, np.arange(reference.count)).z
        return ArraySource(
            keyed_rng(seed, "testing").permuted(rows, axis=0), "shuffled", codes=codes_of(reference)
        )


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
