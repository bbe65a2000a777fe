"""The page: one HTML file with everything in it, readable without scripts and without a network."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, get_args

from latent_analyze.errors import printable
from latent_analyze.files.writing import safe_name
from latent_analyze.host.numbers import show
from latent_analyze.host.results import Severity
from latent_analyze.report.facts import Group, case_facts, detail, given_source, option_texts
from latent_analyze.report.tables import Table, scalar_table
from latent_analyze.runs.calibration import ALPHA
from latent_analyze.runs.config import dump_config
from latent_analyze.runs.selection import by_reason

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from latent_analyze.host.results import Finding
    from latent_analyze.report.figures import Drawn, Figures
    from latent_analyze.runs.engine import Failure
    from latent_analyze.runs.outcome import AnalysisOutcome, CaseOutcome, RunOutcome
    from latent_analyze.runs.selection import LeftOut

SCREEN_PIXELS_PER_INCH = 118
"""A figure of the house's width, 7 inches, fills the page's text column."""

SEVERITIES: Sequence[Severity] = get_args(Severity)

STEPS = {
    "figures": "while drawing its figures",
    "findings": "while making its findings",
    "companions": "while making sources of its own",
}
"""What the runner and the report write where no source failed."""


def render_page(outcome: RunOutcome, figures: Figures) -> str:
    """Return the whole page as HTML.

    Labels and file names come from outside: everything is escaped, and control characters stand
    as text.
    """
    environment = _environment()
    template = environment.get_template("report.html.jinja")
    # The loader is set where the environment is made.
    style, _, _ = environment.loader.get_source(environment, "style.css")  # type: ignore[union-attr]
    return template.render(page=_Page(outcome, figures), style=_raw(style), alpha=ALPHA)


@dataclass(frozen=True)
class _Image:
    """A figure on the page."""

    number: int
    drawn: Drawn

    @property
    def uri(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.drawn.png).decode("ascii")

    @property
    def size(self) -> tuple[int, int]:
        width, height = self.drawn.inches
        return round(width * SCREEN_PIXELS_PER_INCH), round(height * SCREEN_PIXELS_PER_INCH)


@dataclass(frozen=True)
class _Found:
    """A finding, and where it comes from."""

    finding: Finding
    case: str
    analysis: str
    anchor: str

    @property
    def numbers(self) -> list[tuple[str, str]]:
        return [(name, show(value)) for name, value in self.finding.numbers.items()]


@dataclass(frozen=True)
class _Analysis:
    """One analysis of a case."""

    entry: AnalysisOutcome
    anchor: str
    images: Sequence[_Image]
    rows: str

    @cached_property
    def table(self) -> Table | None:
        results = self.entry.results
        return scalar_table(results) if results is not None and self._has_scalars else None

    @property
    def _has_scalars(self) -> bool:
        results = self.entry.results
        return results is not None and any(r.scalars for r in results.results.values())

    @property
    def options(self) -> list[tuple[str, str]]:
        results = self.entry.results
        return [] if results is None else option_texts(results.options)

    @property
    def remarks(self) -> list[tuple[str, str]]:
        """(labels, note), and sample sizes; what all sources say alike stands once."""
        results = self.entry.results.results if self.entry.results is not None else {}
        by_note: dict[str, list[str]] = {}
        for label, result in results.items():
            size = result.sample_size
            sampled = [] if size is None else [f"sample of {show(size)} {self.rows}"]
            for note in (*sampled, *result.notes):
                by_note.setdefault(note, []).append(label)
        everyone = len(results)
        return [
            ("" if len(labels) == everyone else ", ".join(labels), note)
            for note, labels in by_note.items()
        ]


@dataclass(frozen=True)
class _Case:
    """One case of the run."""

    outcome: CaseOutcome
    anchor: str
    source: str
    facts: Sequence[Group]
    analyses: Sequence[_Analysis]

    @property
    def label(self) -> str:
        return self.outcome.reference.label

    @property
    def subject(self) -> str:
        """Data set and model, or else the name of the source."""
        data = detail(self.outcome, "dataset", "name")
        data = data or PurePath(detail(self.outcome, "dataset", "location")).name
        model = detail(self.outcome, "model", "name")
        named = " in ".join(part for part in (data, model) if part)
        return named or PurePath(self.source).name or self.label

    @property
    def found(self) -> list[_Found]:
        anchors = {a.entry.key: a.anchor for a in self.analyses}
        return [
            _Found(f, self.label, key, anchors.get(key, self.anchor))
            for key, f in self.outcome.findings
        ]


class _Page:
    """What the template shows."""

    def __init__(self, outcome: RunOutcome, figures: Figures) -> None:
        self.outcome, self.config = outcome, outcome.config
        self.run_toml = dump_config(self.config)
        self.cases = list(_cases(outcome, figures))

    @property
    def title(self) -> str:
        subjects = [case.subject for case in self.cases]
        return f"Latent-space report: {', '.join(dict.fromkeys(subjects))}"

    @property
    def findings(self) -> list[_Found]:
        order = {severity: i for i, severity in enumerate(SEVERITIES)}
        found = [found for case in self.cases for found in case.found]
        return sorted(found, key=lambda one: order[one.finding.severity])

    @property
    def counts(self) -> list[tuple[str, int]]:
        """(severity, how many), the gravest first."""
        times = Counter(found.finding.severity for found in self.findings)
        return [(s, times[s]) for s in SEVERITIES if times[s]]

    @property
    def has_codes(self) -> bool:
        return any(case.outcome.reference.codes is not None for case in self.cases)

    @property
    def left_out(self) -> list[tuple[str, LeftOut]]:
        return [(c.label, entry) for c in self.cases for entry in by_reason(c.outcome.left_out)]

    @property
    def failures(self) -> list[tuple[str, Failure]]:
        return [(case.label, entry) for case in self.cases for entry in case.outcome.failures]


def _cases(outcome: RunOutcome, figures: Figures) -> Iterator[_Case]:
    number = 0
    for i, case in enumerate(outcome.cases):
        analyses = []
        for key, entry in case.analyses.items():
            drawn = figures.get((i, key), ())
            images = [_Image(number + n, d) for n, d in enumerate(drawn, start=1)]
            number += len(images)
            rows = "rows" if case.reference.codes else "z-points"
            analyses.append(_Analysis(entry, f"case-{i + 1}-{safe_name(key)}", images, rows))
        facts, source = case_facts(case, outcome.config), given_source(case, outcome.config)
        yield _Case(case, f"case-{i + 1}", source, facts, analyses)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("latent_analyze.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(show=show, prose=_prose, lines=_lines, place=_place)
    return environment


def _finalize(value: Any) -> Any:
    """Take control characters out of every text that reaches the page."""
    return value if hasattr(value, "__html__") else printable(str(value))


def _raw(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - the package's own style sheet


def _prose(text: str) -> str:
    """Return a docstring's or caption's text on one line."""
    return " ".join(text.split())


def _lines(text: str) -> Markup:
    """Return text with its line breaks, everything else escaped."""
    from markupsafe import Markup, escape

    return Markup("\n").join(escape(printable(line)) for line in text.split("\n"))


def _place(source: str) -> str:
    """Return where an analysis failed."""
    return STEPS.get(source, f"on {source}")
