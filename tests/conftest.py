"""Small plugins, sources and hosts that the tests of the core share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from pydantic import Field

from latent_analyze.host.discovery import Host
from latent_analyze.plugin import (
    Analysis,
    AnalysisOptions,
    Batch,
    Context,
    Finding,
    Frame,
    Measure,
    ResultSet,
    Source,
    Values,
    hookimpl,
)
from latent_analyze_adapters.vectors import arrays as vector_arrays
from latent_analyze_plugins import samplers

settings.register_profile("house", deadline=None, max_examples=50)
settings.load_profile("house")


class MomentsOptions(AnalysisOptions):
    power: int = Field(1, gt=0, description="power of the distance from the origin")


class MomentsAccumulator:
    def __init__(self, power: int, dim: int) -> None:
        self.power, self.rows = power, 0
        self.total, self.positive = 0.0, np.zeros(dim, np.int64)

    def add(self, batch: Batch) -> None:
        self.rows += len(batch)
        radii = np.linalg.norm(batch.z.astype(np.float64), axis=1)
        self.total += float((radii**self.power).sum())
        self.positive += (batch.z > 0).sum(axis=0)

    def merge(self, other: MomentsAccumulator) -> None:
        self.rows += other.rows
        self.total += other.total
        self.positive += other.positive

    def result(self) -> dict[str, Any]:
        moment = self.total / self.rows if self.rows else float("nan")
        return {"moment": moment, "rows": self.rows, "positive": self.positive}


class Moments(Analysis):
    """Mean distance from the origin."""

    name = "moments"
    Options = MomentsOptions
    measures = (
        Measure("moment", "mean power of the radius", "latent units", calibrated=True),
        Measure("rows", "rows seen", "z-points"),
        Measure("positive", "rows with z > 0", "z-points", dims=("axis",)),
    )

    def prepare(self, reference: Source) -> Frame:
        return Frame({"dim": reference.dim})

    def accumulator(self, frame: Frame) -> MomentsAccumulator:
        return MomentsAccumulator(self.options.power, frame["dim"])

    def interpret(self, results: ResultSet) -> Sequence[Finding]:
        return [Finding("note", f"The mean radius is {results.data['moment']:.3g}.")]


class Drawn(Analysis):
    """Mean of a seeded sample, and what its generator gives."""

    name = "drawn"
    measures = (
        Measure("mean", "mean of the sample"),
        Measure("noise", "what the generator gives"),
        Measure("rows", "rows of the sample", dims=("sample",)),
    )

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        del frame
        sample = context.sample(40)
        values = {
            "mean": float(sample.z.mean()), "noise": float(context.rng.random()),
            "rows": sample.rows,
        }  # fmt: skip
        return Values(values, sample_size=len(sample))


class Plugin:
    """A plugin made of the classes it is given."""

    def __init__(self, **kinds: Sequence[Any]) -> None:
        self.kinds = kinds

    @hookimpl
    def register_analyses(self) -> Sequence[Any]:
        return self.kinds.get("analyses", ())

    @hookimpl
    def register_samplers(self) -> Sequence[Any]:
        return self.kinds.get("samplers", ())

    @hookimpl
    def register_adapters(self) -> Sequence[Any]:
        return self.kinds.get("adapters", ())


@pytest.fixture
def toys() -> SimpleNamespace:
    """Two small analyses and a maker of plugins."""
    return SimpleNamespace(Moments=Moments, Drawn=Drawn, Plugin=Plugin)


@pytest.fixture
def make_host() -> Callable[..., Host]:
    """Return a host of the toys, the built-in samplers and vectors, and further analyses."""

    def make(*analyses: type[Analysis], **kinds: Sequence[Any]) -> Host:
        chosen = analyses or (Moments, Drawn)
        plugin = Plugin(analyses=chosen, **kinds)
        return Host([plugin, samplers, vector_arrays], discover=False)

    return make


@pytest.fixture
def host(make_host: Callable[..., Host]) -> Host:
    return make_host()
