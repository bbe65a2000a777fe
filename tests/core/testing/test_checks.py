from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import Field
from tests.conftest import Drawn, Moments, MomentsAccumulator

from latent_analyze.plugin import (
    AnalysisOptions,
    Array,
    ArraySource,
    Batch,
    Block,
    DrawnSource,
    Figure,
    Finding,
    Frame,
    Result,
    ResultSet,
    Sampler,
    SamplerOptions,
    Scalar,
    Source,
)
from latent_analyze.testing import (
    assert_same_result,
    check_analysis,
    check_sampler,
    gaussian_members,
    run_analysis,
    tiny_source,
)
from latent_analyze_plugins.samplers import Gaussian, Normal, Posterior, Shuffled, Uniform


def test_tiny_sources_are_seeded_and_off_center() -> None:
    one, same, other = tiny_source(), tiny_source(), tiny_source(seed=1)
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert np.abs(one.z.mean(axis=0)).max() > 1
    assert {"label:digit", "label:split"} <= one.fields
    assert "log_var" in tiny_source(variational=True).fields


def test_good_analyses_pass() -> None:
    results = check_analysis(Moments())
    assert len(results.ensembles["gaussian"]) == 19
    assert results.calibration("moment") is not None
    check_analysis(Moments(Moments.Options(power=3)), source=tiny_source(50, 2))
    check_analysis(Drawn())


def test_run_analysis_over_shown_sources_and_nulls() -> None:
    reference = tiny_source()
    other = ArraySource(reference.z * 2, "twice")
    found = run_analysis(
        Moments(), reference, shown=[other], nulls={"g": gaussian_members(reference, 3)}
    )
    assert found.results["twice"]["moment"] == pytest.approx(2 * found.data["moment"])
    assert len(found.ensembles["g"]) == 3


class Untold(Moments):
    """Has an option without a description."""

    class Options(AnalysisOptions):
        power: int = 1


class Silent(Moments):
    pass


Silent.__doc__ = ""


class NoFrame(Moments):
    """Prepares no frame."""

    def prepare(self, reference: Source) -> Any:
        return {"dim": reference.dim}


class Leaky(Moments):
    """Holds what cannot go to another process."""

    def prepare(self, reference: Source) -> Frame:
        return Frame({"dim": reference.dim, "function": lambda: 0})


class Overwriting(MomentsAccumulator):
    def merge(self, other: MomentsAccumulator) -> None:
        self.rows = other.rows


class Forgetful(Moments):
    """Merges by overwriting."""

    def accumulator(self, frame: Frame) -> MomentsAccumulator:
        return Overwriting(1, frame["dim"])


class Averaging(MomentsAccumulator):
    def add(self, batch: Batch) -> None:
        self.rows = len(batch)
        self.total = float(np.linalg.norm(batch.z, axis=1).sum())
        self.positive = (batch.z > 0).sum(axis=0)


class LastBatch(Moments):
    """Sees the last batch only."""

    def accumulator(self, frame: Frame) -> MomentsAccumulator:
        return Averaging(1, frame["dim"])


class Restless(Drawn):
    """Uses a generator that nobody seeded."""

    def run(self, frame: Frame, source: Source, context: Any) -> Any:
        return {"noise": float(np.random.default_rng().random())}


class Alarming(Moments):
    """Finds something without a null to rest on."""

    def interpret(self, results: ResultSet) -> list[Finding]:
        return [Finding("finding", "The moments are odd.")]


class Wordless(Moments):
    """Has a figure without caption."""

    def plot(self, results: ResultSet) -> list[Figure]:
        from latent_analyze.plotting import new_figure

        return [Figure("empty", "", new_figure()[0])]


class Failing(Drawn):
    """Fails."""

    def run(self, frame: Frame, source: Source, context: Any) -> Any:
        raise ValueError("on purpose")


@pytest.mark.parametrize(
    ("analysis", "message"),
    [
        (Untold(), "option power of moments has a description"),
        (Silent(), "has a docstring"),
        (NoFrame(), "prepare must return a Frame"),
        (Forgetful(), "differs"),
        (LastBatch(), "differs"),
        (Restless(), "noise differs"),
        (Alarming(), "needs a calibration that stands out"),
        (Wordless(), "has a caption"),
        (Failing(), "on purpose"),
    ],
)
def test_broken_promises_are_found(analysis: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_analysis(analysis)


def test_frames_that_cannot_travel_are_found() -> None:
    with pytest.raises((AssertionError, AttributeError, TypeError)):
        check_analysis(Leaky())


@pytest.mark.parametrize("sampler", [Gaussian(), Normal(), Uniform(), Shuffled(), Posterior()])
def test_good_samplers_pass(sampler: Sampler) -> None:
    assert check_sampler(sampler).dim == 5


class Cloud(DrawnSource):
    seeded = True

    @property
    def state(self) -> Mapping[str, Any]:
        return {}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        rng = rng if self.seeded else np.random.default_rng()
        return rng.standard_normal((block.size, self.dim))


class Unseeded(Cloud):
    seeded = False


class Constant(Cloud):
    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        return np.ones((block.size, self.dim))


class Thin(Cloud):
    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        return rng.standard_normal((block.size, self.dim - 1))


class Bad(Sampler):
    """Makes whatever it is told to."""

    name = "bad"

    def __init__(self, cls: type[Cloud]) -> None:
        super().__init__()
        self.cls = cls

    def fit(self, reference: Source | None, seed: int) -> Source:
        count, dim = self.size(reference)
        return self.cls(self.name, count=count, dim=dim, seed=seed)


class OneSeed(Bad):
    """Forgets the seed."""

    def fit(self, reference: Source | None, seed: int) -> Source:
        return super().fit(reference, 0)


class Vague(Bad):
    """Has an option that nobody describes."""

    class Options(SamplerOptions):
        b: float = Field(1.0)


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (Bad(Unseeded), "same seed, same rows"),
        (Bad(Constant), "seed matters"),
        (Bad(Thin), "draws have the shape (600, 5), found (600, 4)"),
        (OneSeed(Cloud), "fingerprint follows seed"),
        (Vague(Cloud), "option b of bad has a description"),
    ],
)
def test_broken_samplers_are_found(sampler: Sampler, message: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(message)):
        check_sampler(sampler)


def one_array(values: Any) -> Result:
    return Result({}, {"a": Array(np.asarray(values), ("x",))})


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ([1, 2], [1, 2], True),
        ([1, 2], [1, 3], False),
        ([1, 2], [1.0, 2.0], False),
        ([1, 2], [1, 2, 3], False),
        ([1.0, 1e-9], [1.0, 0.0], True),
        ([1.0, 1e-3], [1.0, 0.0], False),
        ([np.inf, 1.0], [np.inf, 2.0], False),
        ([np.inf, 1.0], [np.inf, 1.0], True),
        ([np.nan, 1.0], [np.nan, 1.0], True),
        ([np.nan], [1.0], False),
        (["a"], ["b"], False),
    ],
)
def test_assert_same_result(one: Any, two: Any, same: bool) -> None:
    if same:
        assert_same_result(one_array(one), one_array(two))
    else:
        with pytest.raises(AssertionError):
            assert_same_result(one_array(one), one_array(two))


def test_results_of_other_names_differ() -> None:
    with pytest.raises(AssertionError, match="the same scalars"):
        assert_same_result(Result({"a": Scalar(1)}), Result({"b": Scalar(1)}))
    with pytest.raises(AssertionError, match="the same arrays"):
        assert_same_result(one_array([1]), Result())
