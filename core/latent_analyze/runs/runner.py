"""Carrying out a plan: frames, results (kept where nothing changed), calibration, findings."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from latent_analyze.errors import AnalysisError
from latent_analyze.files.hashing import content_hash
from latent_analyze.files.provenance import library_versions
from latent_analyze.host.contracts import Progress, no_progress
from latent_analyze.host.results import Finding, Frame, Result, ResultSet
from latent_analyze.plotting.standard_figures import plot_of
from latent_analyze.runs.calibration import Test, calibrate, tests_of
from latent_analyze.runs.engine import Failure, LocalEngine, Outcome, RunContext, Task, failure
from latent_analyze.runs.findings import all_findings
from latent_analyze.runs.model_findings import with_model_findings
from latent_analyze.runs.nulls import null_member
from latent_analyze.runs.opening import fit_sampler
from latent_analyze.runs.outcome import (
    AnalysisOutcome,
    CaseOutcome,
    NullInfo,
    RunOutcome,
    SourceInfo,
)
from latent_analyze.runs.plan import Case, Plan
from latent_analyze.runs.result_files import ResultFiles
from latent_analyze.runs.selection import Choice, LeftOut

if TYPE_CHECKING:
    from latent_analyze.host.discovery import Host
    from latent_analyze.host.results import Calibration
    from latent_analyze.sources.source import Source


@dataclass
class _Work:
    """One analysis of one case while it is being worked on."""

    choice: Choice
    task: Task
    results: dict[str, Result] = field(default_factory=dict)
    ensembles: dict[str, list[Result]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def take(self, outcome: Outcome, label: str) -> None:
        if isinstance(outcome, Failure):
            self.failures.append(outcome)
        else:
            self.results[label] = outcome

    def tests(self, reference: str, repeats: int) -> list[Test]:
        # An ensemble that lost a member would take its share of the error rate from all others.
        whole = {null: found for null, found in self.ensembles.items() if len(found) == repeats}
        return tests_of(self.results[reference], whole) if reference in self.results else []

    def result_set(self, reference: str, calibrations: Sequence[Calibration]) -> ResultSet:
        return ResultSet(
            analysis=self.task.key,
            options=self.task.analysis.options,
            frame=self.task.frame,
            reference=reference,
            results=self.results,
            ensembles=self.ensembles,
            calibrations=calibrations,
        )


class Runner:
    """Runs the cases of a plan.

    Parameters
    ----------
    host
        The plugins.
    files
        Where results are kept and found again.
    engine
        What runs tasks over a source.
    """

    def __init__(
        self,
        host: Host,
        *,
        files: ResultFiles | None = None,
        engine: LocalEngine | None = None,
        progress: Progress = no_progress,
    ) -> None:
        self.host, self.progress = host, progress
        self.files, self.engine = files or ResultFiles(None), engine or LocalEngine()
        self.versions = library_versions()

    def run(self, plan: Plan) -> RunOutcome:
        """Run all cases, then calibrate all that they test together."""
        works = [self._run_case(case, plan) for case in plan.cases]
        families: dict[Hashable, list[Test]] = {
            (i, work.task.key): work.tests(case.reference.label, plan.config.null_repeats)
            for i, (case, case_works) in enumerate(zip(plan.cases, works, strict=True))
            for work in case_works
        }
        calibrations = calibrate(families)
        cases = [
            _case_outcome(
                case,
                {w.task.key: _finish(w, case, calibrations.get((i, w.task.key), ())) for w in ws},
                [LeftOut(w.task.key, reason) for w in ws for reason in w.skipped],
                plan.config.null_repeats,
            )
            for i, (case, ws) in enumerate(zip(plan.cases, works, strict=True))
        ]
        about = with_model_findings(cases)
        return RunOutcome(plan.config, about, self.versions, tuple(self.host.problems))

    def _run_case(self, case: Case, plan: Plan) -> list[_Work]:
        works = [self._prepare(choice, case) for choice in case.choices]
        ready = [work for work in works if not work.failures]
        for source in (case.reference, *case.shown):
            self._over(ready, source, case, plan)
        for work in ready:
            self._companions(work, case, plan)
        for label in case.nulls:
            self._ensemble(
                [w for w in ready if case.reference.label in w.results], label, case, plan
            )
        return works

    def _prepare(self, choice: Choice, case: Case) -> _Work:
        analysis = choice.make()
        try:
            context = RunContext(case.reference, choice.key, case.shared)
            frame = analysis.prepare_with(case.reference, context)
            if not isinstance(frame, Frame):
                raise AnalysisError(
                    f"a Frame from prepare of {choice.key}", found=type(frame).__name__,
                    next_step='return Frame({"name": value})',
                )  # fmt: skip
        except Exception as error:
            failed = failure(choice.key, case.reference.label, error)
            return _Work(choice, Task(choice.key, analysis, Frame()), failures=[failed])
        return _Work(choice, Task(choice.key, analysis, frame))

    def _over(self, works: Sequence[_Work], source: Source, case: Case, plan: Plan) -> None:
        parts = (case.reference.label, source.label)
        suited = _suited(works, source, case, source.label)
        for work, outcome in self._results(suited, source, case, parts, plan):
            work.take(outcome, source.label)

    def _companions(self, work: _Work, case: Case, plan: Plan) -> None:
        try:
            texts = work.task.analysis.companions(case.reference)
            sources = [
                fit_sampler(t, self.host, reference=case.reference, seed=plan.config.seed)
                for t in texts
                if t not in work.results
            ]
        except Exception as error:
            work.failures.append(failure(work.task.key, "companions", error))
            return
        for source in sources:
            self._over([work], source, case, plan)

    def _ensemble(self, works: Sequence[_Work], label: str, case: Case, plan: Plan) -> None:
        repeats, seed = plan.config.null_repeats, plan.config.seed
        sampler = case.nulls[label]
        for r in range(repeats):
            self.progress(f"null {label} of {case.reference.label}", r, repeats)
            try:
                member = null_member(sampler, case.reference, label=label, seed=seed, r=r)
            except Exception as error:
                for work in works:
                    work.failures.append(failure(work.task.key, label, error))
                break
            works = works if r else _suited(works, member, case, label)
            wanted = [w for w in works if r == 0 or _calibrates(w, case.reference.label, plan)]
            parts = (case.reference.label, f"null-{label}", f"{r:03d}")
            for work, outcome in self._results(wanted, member, case, parts, plan):
                if isinstance(outcome, Failure):
                    work.failures.append(outcome)
                else:
                    work.ensembles.setdefault(label, []).append(outcome)
        self.progress(f"null {label} of {case.reference.label}", repeats, repeats)

    def _results(
        self,
        works: Sequence[_Work],
        source: Source,
        case: Case,
        parts: tuple[str, ...],
        plan: Plan,
    ) -> list[tuple[_Work, Outcome]]:
        keys = {w.task.key: self._cache_key(w, source, case, plan) for w in works}
        found: dict[str, Outcome] = {}
        for work in works:
            kept = self.files.load(_path_of(parts, work), keys[work.task.key])
            if kept is not None:
                found[work.task.key] = kept
        missing = [work for work in works if work.task.key not in found]
        if missing:
            fresh = self._run_over(missing, source, case)
            for work in missing:
                outcome = fresh[work.task.key]
                if isinstance(outcome, Result):
                    self.files.save(_path_of(parts, work), keys[work.task.key], outcome)
                found[work.task.key] = outcome
        return [(work, found[work.task.key]) for work in works]

    def _run_over(
        self, works: Sequence[_Work], source: Source, case: Case
    ) -> Mapping[str, Outcome]:
        try:
            return self.engine.run([w.task for w in works], source, case.shared)
        except Exception as error:
            if source is case.reference:
                raise
            # A source beside the reference that cannot be read takes nothing else along.
            return {w.task.key: failure(w.task.key, source.label, error) for w in works}

    def _cache_key(self, work: _Work, source: Source, case: Case, plan: Plan) -> str:
        return content_hash(
            source.fingerprint,
            case.reference.fingerprint,
            work.task.frame.fingerprint,
            work.choice.plugin.name,
            work.choice.options.model_dump_json(),
            plan.config.seed,
            case.model_fingerprint,
            [(other.label, other.fingerprint) for other in case.shared.others],
            work.choice.plugin.source_hash,
            sorted(self.versions.items()),
        )


def _path_of(parts: tuple[str, ...], work: _Work) -> tuple[str, ...]:
    return (parts[0], work.task.key, *parts[1:])


def _suited(works: Sequence[_Work], source: Source, case: Case, label: str) -> Sequence[_Work]:
    """Return the analyses whose required fields the rows of `source` have; note the others."""
    suited = []
    for work in works:
        rowwise = {"log_var", "labels", "images", "paired"}
        missing = work.task.analysis.requires & rowwise - source.fields
        if any(name.startswith("label:") for name in source.fields):
            missing -= {"labels"}
        if missing and source is not case.reference:
            lacking = ", ".join(sorted(missing)).replace("paired", "rows paired with another case")
            lacking = lacking.replace("images", "rows of a data set")
            work.skipped.append(f"not on {label}, which has no {lacking}")
        else:
            suited.append(work)
    return suited


def _calibrates(work: _Work, reference: str, plan: Plan) -> bool:
    asked = {"all", work.task.analysis.name} & set(plan.config.calibrate)
    if work.task.analysis.cost == "heavy" and not asked:
        return False
    return any(s.calibrated for s in work.results[reference].scalars.values())


def _finish(work: _Work, case: Case, calibrations: Sequence[Calibration]) -> AnalysisOutcome:
    cls = work.choice.plugin.cls
    outcome = AnalysisOutcome(
        key=work.task.key,
        name=cls.name,
        title=cls.title or cls.name,
        description=work.choice.plugin.description,
        results=None,
        failures=work.failures,
    )
    if case.reference.label not in work.results:
        return outcome
    results = work.result_set(case.reference.label, calibrations)
    findings: list[Finding] = []
    try:
        findings = all_findings(work.task.analysis, results)
    except Exception as error:
        work.failures.append(failure(work.task.key, "findings", error))
    return replace(outcome, results=results, findings=findings, plot=plot_of(work.task.analysis))


def _case_outcome(
    case: Case, analyses: Mapping[str, AnalysisOutcome], skipped: Sequence[LeftOut], repeats: int
) -> CaseOutcome:
    return CaseOutcome(
        reference=SourceInfo.of(case.reference),
        shown=[SourceInfo.of(source) for source in case.shown],
        nulls=[
            NullInfo(label, repeats, type(sampler).__doc__ or "")
            for label, sampler in case.nulls.items()
        ],
        analyses=analyses,
        left_out=(*case.left_out, *skipped),
        details=case.details,
    )
