"""Runs of toy analyses with figures, for the tests of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from latent_analyze.plotting import new_figure
from latent_analyze.plugin import (
    Analysis,
    Context,
    Figure,
    Finding,
    Frame,
    Measure,
    ResultSet,
    Values,
)
from latent_analyze.runs.config import make_config
from latent_analyze.runs.outcome import RunOutcome
from latent_analyze.runs.plan import make_plan
from latent_analyze.runs.runner import Runner


def drawn(name: str = "curve", caption: str = "A curve.") -> Figure:
    figure, axis = new_figure(height=1.0)
    axis.plot([0, 1], [0, 1])
    return Figure(name, caption, figure, "a line that rises")


class Spread(Analysis):
    """How far do the z-points spread?"""

    name = "spread"
    title = "Spread of the z-points"
    measures = (
        Measure("kurtosis", "fourth moment over squared second", calibrated=True),
        Measure("undefined", "never a number", "latent units"),
        Measure("n", "sampled", "z-points"),
        Measure("kind", "what it is"),
    )

    def run(self, frame: Frame, source: Any, context: Context) -> Values:
        z = context.sample(200).z.astype(np.float64)
        z -= z.mean(axis=0)
        peak = float((z**4).mean() / (z**2).mean() ** 2)
        values = {
            "kurtosis": peak,
            "undefined": float("nan"),
            "n": len(z),
            "kind": "a <b>text</b>",
        }
        return Values(values, sample_size=len(z), notes=(f"note on {source.label}", "said of all"))

    def interpret(self, results: ResultSet) -> Iterator[Finding]:
        yield Finding("note", "It spreads.", {"kurtosis": results.data["kurtosis"]})
        if results.standouts():
            yield Finding("warning", "Look at the tails.", {"p": 1 / 21})

    def plot(self, results: ResultSet) -> Iterator[Figure]:
        yield drawn(caption=f"Spread of {results.reference}.")


class FailsToDraw(Spread):
    """Does its plot fail?"""

    name = "fails_to_draw"

    def plot(self, results: ResultSet) -> Iterator[Figure]:
        yield drawn("whole")
        raise RuntimeError("no <i>ink</i>")


class FailsToRun(Spread):
    """Does it run?"""

    name = "fails_to_run"

    def run(self, frame: Frame, source: Any, context: Context) -> Values:
        raise ValueError("nothing to see")


class NeedsDecoder(Spread):
    """Can it decode?"""

    name = "needs_decoder"
    requires = frozenset({"decoder"})


@pytest.fixture
def toy_analyses() -> SimpleNamespace:
    return SimpleNamespace(
        Spread=Spread,
        FailsToDraw=FailsToDraw,
        FailsToRun=FailsToRun,
        NeedsDecoder=NeedsDecoder,
        drawn=drawn,
    )


@pytest.fixture
def make_outcome(tmp_path: Path, make_host: Callable[..., Any]) -> Callable[..., RunOutcome]:
    """Return a runner of analyses over cubes of points; further keywords go into the config."""

    def make(*analyses: type[Analysis], labels: Sequence[str] = (), **config: Any) -> RunOutcome:
        chosen = analyses or (Spread,)
        sources = []
        for i in range(max(len(labels), 1)):
            path = tmp_path / f"points-{i}.npy"
            np.save(path, np.random.default_rng(i).random((300, 3)).astype(np.float32))
            sources.append(str(path))
        values: dict[str, Any] = {
            "sources": sources,
            "label": tuple(labels),
            "plugins": [{"name": cls.name} for cls in chosen],
            "null": ["gaussian"],
            **config,
        }
        host = make_host(*chosen)
        return Runner(host).run(make_plan(make_config(values), host))

    return make
