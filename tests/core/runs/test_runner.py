from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import Field

from latent_analyze.files.provenance import code_hash
from latent_analyze.host.discovery import Host
from latent_analyze.plugin import (
    Analysis,
    AnalysisOptions,
    ArraySource,
    Batch,
    Block,
    Context,
    DrawnSource,
    Finding,
    Frame,
    Measure,
    ResultSet,
    Sampler,
    Source,
    Values,
)
from latent_analyze.runs.config import PluginChoice, RunConfig
from latent_analyze.runs.engine import CaseContext, LocalEngine, Task
from latent_analyze.runs.engine.local import Outcome
from latent_analyze.runs.outcome import CaseOutcome, RunOutcome, describe
from latent_analyze.runs.plan import make_plan
from latent_analyze.runs.result_files import ResultFiles, dump_json
from latent_analyze.runs.runner import Runner
from latent_analyze.sources.source import Z_ONLY
from latent_analyze.testing import assert_same_result, tiny_source


class CountingEngine(LocalEngine):
    """Notes what was computed: (analysis, label of the source)."""

    def __init__(self) -> None:
        super().__init__(2)
        self.done: list[tuple[str, str]] = []

    def run(self, tasks: Sequence[Task], source: Source, shared: CaseContext) -> dict[str, Outcome]:
        self.done += [(task.key, source.label) for task in tasks]
        return super().run(tasks, source, shared)


class Session:
    """Runs over open sources and keeps results in one folder."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host, self.folder = host, folder
        self.computed: list[tuple[str, str]] = []

    def __call__(self, *sources: Source, **config: Any) -> RunOutcome:
        given = {f"s{i}": s for i, s in enumerate(sources or (tiny_source(),))}
        names = {"plugins": (), "null_repeats": 5} | config
        names["plugins"] = tuple(PluginChoice(name=n, options=o) for n, o in names["plugins"])
        plan = make_plan(RunConfig(sources=tuple(given), **names), self.host, given=given)
        engine = CountingEngine()
        runner = Runner(self.host, files=ResultFiles(self.folder), engine=engine)
        outcome = runner.run(plan)
        self.computed = engine.done
        return outcome


@pytest.fixture
def session(host: Host, tmp_path: Path) -> Session:
    return Session(host, tmp_path / "results")


@pytest.fixture
def session_of(make_host: Callable[..., Host], tmp_path: Path) -> Callable[..., Session]:
    return lambda *args, **kwargs: Session(make_host(*args, **kwargs), tmp_path / "results")


MOMENTS = ("moments", {})


def only(outcome: RunOutcome) -> CaseOutcome:
    (case,) = outcome.cases
    return case


def results(outcome: RunOutcome, key: str = "moments") -> ResultSet:
    found = only(outcome).analyses[key].results
    assert found is not None
    return found


def test_a_run_holds_reference_shown_and_nulls(session: Session) -> None:
    found = session(shown=("uniform:b=1.5",), nulls=("gaussian", "shuffled"))
    moments = results(found)
    assert list(moments.results) == ["data", "uniform:b=1.5"]
    assert {k: len(v) for k, v in moments.ensembles.items()} == {"gaussian": 5, "shuffled": 5}
    assert moments.data["rows"] == 600
    assert {c.null for c in moments.calibrations} == {"gaussian", "shuffled"}
    assert [f.text for f in only(found).analyses["moments"].findings]
    assert not found.failed


def test_what_needs_no_calibration_is_run_on_one_member_only(session: Session) -> None:
    drawn = results(session(), "drawn")
    assert len(drawn.ensembles["gaussian"]) == 1
    assert not drawn.calibrations


class Heavy(Analysis):
    """Takes long, and could be calibrated."""

    name = "heavy"
    cost = "heavy"
    measures = (Measure("mean", "mean along the first axis", calibrated=True),)

    def run(self, frame: Frame, source: Source, context: Context) -> dict[str, Any]:
        return {"mean": float(source.summary().mean[0])}


def test_heavy_analyses_show_one_null_draw(session_of: Callable[..., Session]) -> None:
    found = session_of(Heavy)(plugins=[("heavy", {})])
    assert len(results(found, "heavy").ensembles["gaussian"]) == 1


def test_a_rerun_computes_nothing(session: Session) -> None:
    first = session(shown=("uniform",))
    assert len(session.computed) == 2 * 2 + 5 + 1
    second = session(shown=("uniform",))
    assert session.computed == []
    for label, result in results(first).results.items():
        assert_same_result(result, results(second).results[label], tolerance=0.0)
    assert results(first).calibrations == results(second).calibrations


def test_twenty_repeats_after_five_compute_fifteen(session: Session) -> None:
    session(plugins=[MOMENTS])
    many = session(plugins=[MOMENTS], null_repeats=20)
    assert session.computed == [("moments", f"gaussian#{r}") for r in range(5, 20)]
    assert len(results(many).ensembles["gaussian"]) == 20
    session(plugins=[MOMENTS], null_repeats=3)
    assert session.computed == []


def test_a_new_analysis_computes_itself_alone(session: Session) -> None:
    session(plugins=[MOMENTS])
    session(plugins=[MOMENTS, ("drawn", {})])
    assert {key for key, _ in session.computed} == {"drawn"}


def test_a_new_source_beside_computes_itself_alone(session: Session) -> None:
    session(plugins=[MOMENTS])
    session(plugins=[MOMENTS], shown=("uniform:b=2",))
    assert session.computed == [("moments", "uniform:b=2")]


@pytest.mark.parametrize(
    "change",
    [
        {"plugins": [("moments", {"power": 2})]},
        {"seed": 1},
        {"source": tiny_source(seed=5)},
    ],
)
def test_another_option_seed_or_source_computes_again(
    session: Session, change: dict[str, Any]
) -> None:
    session(plugins=[MOMENTS])
    sources = [change.pop("source")] if "source" in change else []
    session(*sources, **{"plugins": [MOMENTS], **change})
    assert len(session.computed) == 6


def test_another_label_of_the_same_rows_is_another_place(session: Session) -> None:
    session(plugins=[MOMENTS])
    session(plugins=[MOMENTS], labels=("renamed",))
    assert len(session.computed) == 6


def test_a_damaged_result_is_computed_again(session: Session) -> None:
    session(plugins=[MOMENTS])
    next(session.folder.rglob("data.json")).write_text("{")
    next(session.folder.rglob("003.npz")).write_bytes(b"")
    session(plugins=[MOMENTS])
    assert session.computed == [("moments", "data"), ("moments", "gaussian#3")]


def test_a_changed_plugin_computes_again(
    session: Session, monkeypatch: pytest.MonkeyPatch, toys: Any
) -> None:
    session(plugins=[MOMENTS])
    monkeypatch.setattr("latent_analyze.host.discovery.code_hash", lambda cls: "edited")
    session(plugins=[MOMENTS])
    assert len(session.computed) == 6


def test_a_changed_sampler_computes_its_sources_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(plugins=[MOMENTS], shown=("uniform",))
    monkeypatch.setattr("latent_analyze.sources.drawn.code_hash", lambda cls: "edited")
    session(plugins=[MOMENTS], shown=("uniform",))
    assert [label for _, label in session.computed] == [
        "uniform",
        *(f"gaussian#{r}" for r in range(5)),
    ]
    assert code_hash


def test_other_library_versions_compute_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(plugins=[MOMENTS])
    monkeypatch.setattr("latent_analyze.runs.runner.library_versions", lambda: {"numpy": "9"})
    session(plugins=[MOMENTS])
    assert len(session.computed) == 6


def test_without_a_folder_everything_is_computed(host: Host) -> None:
    plan = make_plan(RunConfig(sources=("s",), null_repeats=2), host, given={"s": tiny_source()})
    for _ in range(2):
        engine = CountingEngine()
        Runner(host, engine=engine).run(plan)
        assert len(engine.done) == 2 + 2 + 1


def test_several_cases_are_calibrated_together(session: Session) -> None:
    far = ArraySource(np.random.default_rng(0).standard_cauchy((600, 3)).astype(np.float32))
    found = session(tiny_source(), far, plugins=[MOMENTS], null_repeats=20, labels=("a", "b"))
    first, second = found.cases
    assert (first.reference.label, second.reference.label) == ("a", "b")
    assert second.analyses["moments"].results is not None
    (calibration,) = second.analyses["moments"].results.calibrations
    assert calibration.stands_out
    assert calibration.p_adjusted == pytest.approx(1 / 21)


class Fails(Analysis):
    """Fails where it is told to."""

    name = "fails"
    measures = (Measure("a", "always 1", calibrated=True),)

    class Options(AnalysisOptions):
        where: str = Field("", description="label of the source, or a step")

    def prepare(self, reference: Source) -> Frame:
        if self.options.where == "prepare":
            raise ValueError("no frame")
        return Frame()

    def companions(self, reference: Source) -> Sequence[str]:
        if self.options.where == "companions":
            return ["uniform:b=-1"]
        return ["uniform:b=0.5"] if self.options.where == "company" else []

    def run(self, frame: Frame, source: Source, context: Context) -> dict[str, Any]:
        if source.label == self.options.where:
            raise ValueError(f"not on\n{source.label}")
        return {"a": 1.0}

    def interpret(self, results: ResultSet) -> Iterable[Any]:
        if self.options.where == "interpret":
            raise ValueError("no findings")
        if self.options.where == "finding":
            return [Finding("fatal", "Bad severity.")]  # type: ignore[arg-type]
        return ["text"] if self.options.where == "text" else []


@pytest.mark.parametrize(
    ("where", "source", "error"),
    [
        ("prepare", "data", "ValueError: no frame"),
        ("data", "data", r"ValueError: not on\ndata"),
        ("uniform", "uniform", r"ValueError: not on\nuniform"),
        ("gaussian#2", "gaussian#2", r"ValueError: not on\ngaussian#2"),
        ("companions", "companions", "expected a value for uniform.b"),
        ("interpret", "findings", "ValueError: no findings"),
        ("finding", "findings", "expected findings of severity problem, warning, finding, note"),
        ("text", "findings", "expected findings of severity"),
    ],
)
def test_failures_are_recorded_and_lose_nothing_else(
    session_of: Callable[..., Session], toys: Any, where: str, source: str, error: str
) -> None:
    session = session_of(toys.Moments, Fails)
    found = session(plugins=[MOMENTS, ("fails", {"where": where})], shown=("uniform",))
    (failed,) = only(found).failures
    assert (failed.analysis, failed.source) == ("fails", source)
    assert failed.error.startswith(error.replace("\n", "\\n"))
    assert found.failed
    assert list(results(found).results) == ["data", "uniform"]
    assert len(results(found).ensembles["gaussian"]) == 5
    text = dump_json(describe(found))
    assert json.loads(text)["cases"][0]["failures"][0]["analysis"] == "fails"


def test_a_null_member_that_failed_takes_no_significance_from_the_others(
    session_of: Callable[..., Session], toys: Any
) -> None:
    session = session_of(toys.Moments, Fails)
    far = ArraySource(np.random.default_rng(0).standard_cauchy((600, 3)).astype(np.float32))
    plugins = [MOMENTS, ("fails", {"where": "gaussian#2"})]
    found = session(far, plugins=plugins, null_repeats=20)
    assert len(only(found).failures) == 1
    assert results(found, "fails").calibrations == []
    assert results(found).standouts()


def test_a_failure_is_tried_again(session_of: Callable[..., Session], toys: Any) -> None:
    session = session_of(Fails)
    for _ in range(2):
        session(plugins=[("fails", {"where": "uniform"})], shown=("uniform",))
        assert ("fails", "uniform") in session.computed
    assert session.computed == [("fails", "uniform")]


def test_companions_stand_beside_one_analysis_only(
    session_of: Callable[..., Session], toys: Any
) -> None:
    session = session_of(toys.Moments, Fails)
    found = session(plugins=[MOMENTS, ("fails", {"where": "company"})])
    assert list(results(found, "fails").results) == ["data", "uniform:b=0.5"]
    assert list(results(found).results) == ["data"]
    again = session(plugins=[("fails", {"where": "company"})], shown=("uniform:b=0.5",))
    assert list(results(again, "fails").results) == ["data", "uniform:b=0.5"]
    assert session.computed == []


class Torn(DrawnSource):
    @property
    def state(self) -> Mapping[str, Any]:
        return {}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        raise ValueError("cannot draw")


class TornSampler(Sampler):
    """Cannot draw."""

    name = "torn"

    def fit(self, reference: Source | None, seed: int) -> Source:
        count, dim = self.size(reference)
        return Torn(self.name, count=count, dim=dim, seed=seed)


class Unfit(Sampler):
    """Cannot be fitted, from the third time on."""

    name = "unfit"
    times = 0

    def fit(self, reference: Source | None, seed: int) -> Source:
        type(self).times += 1
        raise ValueError("cannot fit")


def test_a_sampler_that_breaks_loses_nothing_else(
    session_of: Callable[..., Session], toys: Any
) -> None:
    session = session_of(toys.Moments, samplers=[TornSampler, Unfit])
    found = session(shown=("torn", "uniform"), nulls=("unfit", "torn", "gaussian"))
    assert list(results(found).results) == ["data", "uniform"]
    assert list(results(found).ensembles) == ["gaussian"]
    errors = {f.source: f.error for f in only(found).failures}
    assert errors["torn"] == "ValueError: cannot draw"
    assert errors["unfit"] == "ValueError: cannot fit"


class TornSource(ArraySource):
    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        if "label:digit" in fields:
            raise OSError("disk gone")
        return super().read(block, fields)


class Digits(Analysis):
    """Needs labels and log_var of every row."""

    name = "digits"
    requires = frozenset({"labels", "log_var"})
    fields = frozenset({"z", "log_var", "label:digit"})
    measures = (
        Measure("sevens", "rows of the digit", calibrated=True),
        Measure("a", "log_var", dims=("row", "axis")),
    )

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        batch = context.sample(100, self.fields)
        assert batch.log_var is not None
        count = int((batch.labels["digit"] == 7).sum())
        return Values({"sevens": count, "a": batch.log_var}, rows=batch.rows)


def test_artificial_points_have_no_labels(session_of: Callable[..., Session], toys: Any) -> None:
    session = session_of(toys.Moments, Digits)
    found = session(tiny_source(variational=True), shown=("uniform",))
    assert not only(found).failures
    assert list(results(found, "digits").results) == ["data"]
    assert list(results(found).results) == ["data", "uniform"]
    reasons = {entry.reason for entry in only(found).left_out if entry.analysis == "digits"}
    assert reasons == {
        "not on uniform, which has no labels, log_var",
        "not on gaussian, which has no labels, log_var",
    }


def test_a_reference_that_cannot_be_read_ends_the_run(
    session_of: Callable[..., Session], toys: Any
) -> None:
    class Reads(toys.Moments):  # type: ignore[misc]
        """Reads labels."""

        name = "reads"
        fields = frozenset({"z", "label:digit"})

    source = TornSource(np.ones((5, 2)), labels={"digit": np.arange(5)})
    with pytest.raises(OSError, match="disk gone"):
        session_of(Reads)(source)


def test_left_out_and_problems_are_part_of_the_outcome(
    make_host: Callable[..., Host], tmp_path: Path, toys: Any
) -> None:
    host = make_host(toys.Moments, Digits, adapters=[3])
    found = Session(host, tmp_path)()
    assert [e.analysis for e in only(found).left_out] == ["digits"]
    assert len(found.problems) == 1


def test_progress_is_told(host: Host) -> None:
    calls: list[tuple[str, int, int]] = []
    plan = make_plan(
        RunConfig(sources=("s",), null_repeats=2, plugins=(PluginChoice(name="moments"),)),
        host,
        given={"s": tiny_source()},
    )
    Runner(host, progress=lambda *call: calls.append(call)).run(plan)
    assert calls == [("null gaussian of data", done, 2) for done in (0, 1, 2)]


def test_results_json(session: Session) -> None:
    found = describe(session(plugins=[MOMENTS], shown=("uniform:b=1.5",), null_repeats=20))
    assert found["schema"] == 1
    (case,) = found["cases"]
    assert case["reference"] == "data"
    assert set(case["analyses"]["moments"]) == {"data", "uniform:b=1.5"}
    assert case["analyses"]["moments"]["data"]["scalars"]["rows"] == 600
    null = case["nulls"]["gaussian"]
    assert null["repeats"] == 20
    assert null["analyses"]["moments"]["moment"]["repeats"] == 20
    assert case["sources"]["uniform:b=1.5"] | {"fingerprint": ""} == {
        "count": 600, "dim": 5, "fingerprint": "",
    }  # fmt: skip
    assert json.loads(dump_json(found))["cases"][0]["failures"] == []


class Beside(Analysis):
    """Looks at the other sources of the run."""

    name = "beside"

    def run(self, frame: Any, source: Any, context: Any) -> dict[str, float]:
        return {"sum": sum(float(there.sum()) for _, there in context.paired(50).values())}


def test_another_source_of_the_run_computes_again(session_of: Callable[..., Session]) -> None:
    session = session_of(Beside)
    one, two, three = (ArraySource(np.full((50, 2), i, np.float32), "abc"[i]) for i in (0, 1, 2))
    for other, expected in ((two, 100.0), (three, 200.0)):
        found = session(one, other, plugins=[("beside", {})]).cases[0].analyses["beside"]
        assert found.results is not None
        assert found.results.data["sum"] == expected
