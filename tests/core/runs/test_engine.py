from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from latent_analyze import AnalysisError
from latent_analyze.host.contracts import no_progress
from latent_analyze.plugin import (
    Analysis,
    ArraySource,
    Batch,
    Block,
    Context,
    Frame,
    Measure,
    Result,
    Scalar,
    Source,
)
from latent_analyze.runs.engine import CaseContext, Failure, LocalEngine, Task
from latent_analyze.runs.engine.local import PARTS, Outcome
from latent_analyze.sources.source import Z_ONLY
from latent_analyze.sources.views import SubsetSource
from latent_analyze.testing import assert_same_result, tiny_source


class Counted(ArraySource):
    """Counts the reads of every block."""

    def __init__(self, z: Any, **kwargs: Any) -> None:
        super().__init__(z, **kwargs)
        self.reads: list[tuple[int, frozenset[str]]] = []
        self.lock = threading.Lock()

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        with self.lock:
            self.reads.append((block.index, fields))
        return super().read(block, fields)


class Sum:
    def __init__(self, analysis: Broken) -> None:
        self.analysis, self.total, self.rows = analysis, 0.0, []

    def add(self, batch: Batch) -> None:
        if self.analysis.breaks == "add" and 3000 in batch.rows:
            raise ValueError("row 3000\nis odd")
        self.total += float(batch.z.sum(dtype=np.float64))
        self.rows += batch.rows.tolist()

    def merge(self, other: Sum) -> None:
        if self.analysis.breaks == "merge":
            raise ValueError("no merge")
        self.total += other.total
        self.rows += other.rows

    def result(self) -> Any:
        if self.analysis.breaks == "result":
            raise ValueError("no result")
        wrong: dict[str, Any] = {
            "type": 3.0,
            "nothing": None,
            "scalar": {"total": None},
            "array as scalar": {"total": np.arange(3)},
            "array": {"rows": np.zeros((3, 3))},
            "undeclared": {"sum": self.total},
            "old": Result({"total": Scalar(self.total)}),
        }
        right = {"total": self.total, "rows": np.array(self.rows, np.int64)}
        return wrong.get(self.analysis.breaks, right)


class Broken(Analysis):
    """Sums up, and breaks where it is told to."""

    name = "broken"
    measures = (Measure("total", "sum"), Measure("rows", "rows seen", dims=("seen",)))

    def __init__(self, breaks: str = "") -> None:
        super().__init__()
        self.breaks = breaks

    def accumulator(self, frame: Frame) -> Sum:
        if self.breaks == "accumulator":
            raise ValueError("no accumulator")
        return Sum(self)


class Probe(Analysis):
    """Gives what its context gives."""

    name = "probe"

    def run(self, frame: Frame, source: Source, context: Context) -> dict[str, Any]:
        context.progress("probe", 1, 1)
        return {
            "seed": context.seed,
            "noise": float(context.rng.random()),
            "more": float(context.rng.random()),
            "reference": context.reference.label,
            "rows": context.sample(25).rows,
        }


def big() -> Counted:
    rng = np.random.default_rng(0)
    return Counted(rng.standard_normal((20_000, 64)).astype(np.float32))


def run(source: Source, *analyses: Analysis, jobs: int = 2, **shared: Any) -> dict[str, Outcome]:
    tasks = [Task(f"{a.name}-{i}", a, Frame()) for i, a in enumerate(analyses)]
    surroundings = CaseContext(**{"reference": source, **shared})
    return LocalEngine(jobs).run(tasks, source, surroundings)


def test_all_streaming_analyses_share_one_pass() -> None:
    source = big()
    found = run(source, Broken(), Broken(), Broken())
    assert sorted(index for index, _ in source.reads) == [b.index for b in source.blocks()]
    assert len(found) == 3


def test_every_row_is_seen_once_and_in_order() -> None:
    source = big()
    result = run(source, Broken(), jobs=4)["broken-0"]
    assert isinstance(result, Result)
    assert np.array_equal(result["rows"], np.arange(20_000))


@pytest.mark.parametrize("jobs", [2, 4, 32])
def test_the_number_of_threads_changes_no_bit(toys: Any, jobs: int) -> None:
    source = big()
    tasks = [Task("a", Broken(), Frame()), Task("b", toys.Moments(), Frame({"dim": 64}))]
    shared = CaseContext(source)
    alone = LocalEngine(1).run(tasks, source, shared)
    many = LocalEngine(jobs).run(tasks, source, shared)
    for key, result in alone.items():
        assert_same_result(result, many[key], tolerance=0.0)  # type: ignore[arg-type]


def test_a_source_of_few_blocks() -> None:
    for count in (1, 5, PARTS * 64 + 1):
        result = run(tiny_source(count, 4), Broken())["broken-0"]
        assert isinstance(result, Result)
        assert np.array_equal(result["rows"], np.arange(count))


def test_a_source_without_rows() -> None:
    result = run(ArraySource(np.zeros((0, 3))), Broken())["broken-0"]
    assert isinstance(result, Result)
    assert result["total"] == 0.0


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        ("accumulator", "ValueError: no accumulator"),
        ("add", "ValueError: row 3000"),
        ("merge", "ValueError: no merge"),
        ("result", "ValueError: no result"),
        ("type", "expected {name: value} from broken, found float"),
        ("nothing", "expected {name: value} from broken, found NoneType"),
        ("scalar", "expected a number or text as broken.total, found NoneType"),
        ("array as scalar", "declare its dims if it is an array"),
        ("array", r"expected an array of ('seen',) as broken.rows, found shape (3, 3)"),
        ("undeclared", 'add Measure("sum", '),
        ("old", "as in version 0.1; declare `measures` on the class"),
    ],
)
def test_a_failing_accumulator_loses_nothing_of_the_others(breaks: str, message: str) -> None:
    source = big()
    found = run(source, Broken(), Broken(breaks), Probe())
    good, bad, probe = found.values()
    assert isinstance(good, Result)
    assert np.array_equal(good["rows"], np.arange(20_000))
    assert isinstance(probe, Result)
    assert isinstance(bad, Failure)
    assert (bad.analysis, bad.source) == ("broken-1", "data")
    assert "\n" not in bad.error
    assert message in bad.error
    assert list(found) == ["broken-0", "broken-1", "probe-2"]


def test_program_errors_keep_their_traceback() -> None:
    bad = run(big(), Broken("add"))["broken-0"]
    assert isinstance(bad, Failure)
    assert bad.error == "ValueError: row 3000\\nis odd"
    assert "in add" in bad.traceback


class Raises(Probe):
    name = "raises"

    def run(self, frame: Frame, source: Source, context: Context) -> dict[str, Any]:
        raise AnalysisError("two modes", found="one", next_step="look")


def test_expected_errors_are_one_line_without_traceback() -> None:
    found = run(big(), Raises(), Probe())
    bad = found["raises-0"]
    assert isinstance(bad, Failure)
    assert (bad.error, bad.traceback) == ("expected two modes, found one; look", "")
    assert isinstance(found["probe-1"], Result)


class Fields(Broken):
    name = "fields"
    fields = frozenset({"z", "label:digit"})


def test_only_the_fields_that_are_asked_for_are_read() -> None:
    z, labels = np.zeros((100, 2), np.float32), {"digit": np.arange(100), "other": np.arange(100)}
    plain, labelled = Counted(z, labels=labels), Counted(z, labels=labels)
    run(plain, Broken())
    run(labelled, Broken(), Fields())
    assert plain.reads == [(0, Z_ONLY)]
    assert labelled.reads == [(0, Fields.fields)]


def test_a_sampled_analysis_gets_a_seeded_sample_and_generator() -> None:
    one, same, other = (run(big(), Probe(), seed=s)["probe-0"] for s in (1, 1, 2))
    assert_same_result(one, same, tolerance=0.0)  # type: ignore[arg-type]
    for name in ("seed", "noise", "rows"):
        assert not np.array_equal(one[name], other[name])  # type: ignore[index]
    assert one["noise"] != one["more"]  # type: ignore[index]
    assert len(np.unique(one["rows"])) == 25  # type: ignore[index]


def test_an_analysis_has_a_generator_of_its_own_the_same_on_every_source() -> None:
    first, second = run(big(), Probe(), Probe()).values()
    moved = run(ArraySource(big().z + 1), Probe())["probe-0"]
    assert first["noise"] != second["noise"]  # type: ignore[index]
    # The same choices and rows of every source: differences are not those of the sampling.
    assert first["noise"] == moved["noise"]  # type: ignore[index]
    assert np.array_equal(first["rows"], moved["rows"])  # type: ignore[index]


def test_progress_and_reference_reach_the_analysis() -> None:
    calls: list[tuple[str, int, int]] = []
    other = tiny_source(label="the reference")
    found = run(big(), Probe(), reference=other, progress=lambda *call: calls.append(call))
    assert found["probe-0"]["reference"] == "the reference"  # type: ignore[index]
    assert calls == [("probe", 1, 1)]
    no_progress("nothing", 0, 0)


class Asks(Probe):
    name = "asks"

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def run(self, frame: Frame, source: Source, context: Context) -> dict[str, Any]:
        if self.what == "model":
            return {"model": str(context.model)}
        return {"images": float(context.images(np.arange(2)).sum())}


def test_without_a_model_or_images_the_error_says_so() -> None:
    model, images = run(big(), Asks("model"), Asks("images")).values()
    assert isinstance(model, Failure)
    assert "give --model" in model.error
    assert isinstance(images, Failure)
    assert "without a data set" in images.error


def test_images_are_those_of_the_reference_alone() -> None:
    source = big()
    other = SubsetSource(source, np.arange(10), "some")
    shared: dict[str, Any] = {"reference": source, "read_images": lambda rows: np.ones(len(rows))}
    assert run(source, Asks("images"), **shared)["asks-0"]["images"] == 2.0  # type: ignore[index]
    assert isinstance(run(other, Asks("images"), **shared)["asks-0"], Failure)


class Torn(ArraySource):
    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        raise OSError("disk gone")


def test_a_source_that_cannot_be_read_is_the_callers_business() -> None:
    with pytest.raises(OSError, match="disk gone"):
        run(Torn(np.zeros((3, 2))), Broken())
