"""What a run found, case by case; the report and the notebook read this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, get_args

from latent_analyze.host.results import Severity
from latent_analyze.runs.case_model import store_of
from latent_analyze.runs.outputs import VIEWS
from latent_analyze.sources.codes import Codes, codes_of, size_in_words

if TYPE_CHECKING:
    from latent_analyze.host.discovery import Problem
    from latent_analyze.host.results import Finding, ResultSet
    from latent_analyze.models.signature import Signature
    from latent_analyze.runs.config import RunConfig
    from latent_analyze.runs.engine import Failure
    from latent_analyze.runs.selection import LeftOut
    from latent_analyze.sources.source import Source

SCHEMA = 1
MODEL = "model"
"""Where findings about the model itself stand, in place of an analysis."""


@dataclass(frozen=True)
class SourceInfo:
    """A source as a report names it.

    Attributes
    ----------
    store, model, signature
        For a store and views of it: the fingerprints of the store and of its model's files, and
        what these mean, if the store says so.
    notes
        What was decided when its data were read, such as which columns are labels.
    codes
        What the codes of the source name; None if its values are coordinates.
    """

    label: str
    count: int
    dim: int
    fingerprint: str
    store: str = ""
    model: str = ""
    signature: Signature | None = None
    notes: tuple[str, ...] = ()
    codes: Codes | None = None

    @property
    def size(self) -> str:
        """How large it is, in words."""
        return size_in_words(self.count, self.dim, self.codes)

    @classmethod
    def of(cls, source: Source) -> SourceInfo:
        """Return what names a source."""
        info = cls(
            source.label, source.count, source.dim, source.fingerprint, codes=codes_of(source),
            notes=_notes_of(source),
        )  # fmt: skip
        store = store_of(source)
        if store is None:
            return info
        ref = store.model_ref
        return replace(
            info, store=store.fingerprint, model=ref.fingerprint, signature=ref.signature
        )


def _notes_of(source: Source) -> tuple[str, ...]:
    """Return the notes on the data behind a source: of its store, or of its file."""
    store = store_of(source)
    if store is not None:
        return store.schema.dataset.notes
    while isinstance(source, VIEWS):
        source = source.base
    return tuple(getattr(source, "notes", ()))


@dataclass(frozen=True)
class NullInfo:
    """A null ensemble as a report names it."""

    label: str
    repeats: int
    description: str


@dataclass(frozen=True)
class AnalysisOutcome:
    """All that one analysis gave in one case.

    Attributes
    ----------
    key
        Key in the run: the name, with options where the analysis is run twice.
    results
        Results of the reference, the shown sources and the null members; None if the reference
        failed.
    """

    key: str
    name: str
    title: str
    description: str
    results: ResultSet | None
    findings: Sequence[Finding] = ()
    failures: Sequence[Failure] = ()
    plot: Any = None


@dataclass(frozen=True)
class CaseOutcome:
    """One case: what was analyzed, what came out, what was left out."""

    reference: SourceInfo
    shown: Sequence[SourceInfo]
    nulls: Sequence[NullInfo]
    analyses: Mapping[str, AnalysisOutcome]
    left_out: Sequence[LeftOut] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    about_model: Sequence[Finding] = ()

    @property
    def findings(self) -> list[tuple[str, Finding]]:
        """(analysis, finding), the gravest first, else in the order of the analyses."""
        order = {severity: i for i, severity in enumerate(get_args(Severity))}
        found = [(MODEL, finding) for finding in self.about_model]
        found += [(key, f) for key, entry in self.analyses.items() for f in entry.findings]
        return sorted(found, key=lambda pair: order[pair[1].severity])

    @property
    def failures(self) -> list[Failure]:
        """Failures of all analyses."""
        return [f for entry in self.analyses.values() for f in entry.failures]


@dataclass(frozen=True)
class RunOutcome:
    """All cases of a run, with what reruns it."""

    config: RunConfig
    cases: Sequence[CaseOutcome]
    versions: Mapping[str, str]
    problems: Sequence[Problem] = ()

    @property
    def failed(self) -> bool:
        """Whether any analysis failed."""
        return any(case.failures for case in self.cases)


def describe(outcome: RunOutcome) -> dict[str, Any]:
    """Return the content of ``results.json`` as plain data."""
    return {"schema": SCHEMA, "cases": [_describe_case(case) for case in outcome.cases]}


def _describe_case(case: CaseOutcome) -> dict[str, Any]:
    return {
        "reference": case.reference.label,
        "sources": {s.label: _source(s) for s in (case.reference, *case.shown)},
        "analyses": {key: _describe_results(entry) for key, entry in case.analyses.items()},
        "findings": [
            {
                "analysis": key,
                "severity": finding.severity,
                "text": finding.text,
                "numbers": dict(finding.numbers),
            }
            for key, finding in case.findings
        ],
        "nulls": {null.label: _describe_null(case, null) for null in case.nulls},
        "failures": [
            {"analysis": f.analysis, "source": f.source, "error": f.error} for f in case.failures
        ],
        "left_out": [{"analysis": e.analysis, "reason": e.reason} for e in case.left_out],
    }


def _source(source: SourceInfo) -> dict[str, Any]:
    return {"count": source.count, "dim": source.dim, "fingerprint": source.fingerprint}


def _describe_results(entry: AnalysisOutcome) -> dict[str, Any]:
    if entry.results is None:
        return {}
    return {
        label: {
            "scalars": {name: scalar.value for name, scalar in result.scalars.items()},
            "sample_size": result.sample_size,
            "notes": list(result.notes),
        }
        for label, result in entry.results.results.items()
    }


def _describe_null(case: CaseOutcome, null: NullInfo) -> dict[str, Any]:
    analyses = {}
    for key, entry in case.analyses.items():
        if entry.results is None:
            continue
        analyses[key] = {
            c.scalar: {
                "value": c.value,
                "mean": c.null_mean,
                "std": c.null_std,
                "low": c.null_low,
                "high": c.null_high,
                "repeats": c.repeats,
                "p_value": c.p_value,
                "p_adjusted": c.p_adjusted,
                "effect": c.effect,
                "stands_out": c.stands_out,
            }
            for c in entry.results.calibrations
            if c.null == null.label
        }
    return {"repeats": null.repeats, "analyses": analyses}
