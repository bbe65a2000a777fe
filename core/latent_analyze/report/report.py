"""What a run found, in a notebook's hands or as a folder."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latent_analyze.errors import OptionError, unknown_name
from latent_analyze.host.contracts import Progress, no_progress
from latent_analyze.host.measures import ROW
from latent_analyze.report import draw_figures, write_report
from latent_analyze.report.rows import join_rows
from latent_analyze.runs.opening import DEFAULT_STORE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.host.results import Figure, Finding, ResultSet
    from latent_analyze.runs.engine import Failure
    from latent_analyze.runs.outcome import CaseOutcome, RunOutcome

REPORT_ENTRIES = {"report.html", "run.toml", "results.json", "figures", "results", DEFAULT_STORE}


class Report:
    """What a run found: findings, results and figures, in a notebook or as a folder.

    ``report["radius"].data["mean"]`` is a number of the only case's reference.
    """

    def __init__(self, outcome: RunOutcome) -> None:
        self.outcome = outcome

    @property
    def cases(self) -> dict[str, CaseOutcome]:
        """Label of the reference -> outcome."""
        return {case.reference.label: case for case in self.outcome.cases}

    @property
    def findings(self) -> list[Finding]:
        """Findings of all cases, the gravest first within each."""
        return [finding for case in self.outcome.cases for _, finding in case.findings]

    @property
    def failures(self) -> list[Failure]:
        """What failed, in all cases."""
        return [failure for case in self.outcome.cases for failure in case.failures]

    @property
    def failed(self) -> bool:
        """Whether any analysis failed."""
        return self.outcome.failed

    def results(self, analysis: str, case: str | None = None) -> ResultSet:
        """Return the results of an analysis in a case (the first one if not named).

        Raises
        ------
        OptionError
            If the run has no such case or analysis, or the analysis failed.
        """
        chosen = self._case(case)
        if analysis not in chosen.analyses:
            raise unknown_name("analysis of this run", analysis, chosen.analyses)
        results = chosen.analyses[analysis].results
        if results is None:
            error = chosen.analyses[analysis].failures[0].error
            raise OptionError(f"results of {analysis}", found=f"that it failed: {error}")
        return results

    def __getitem__(self, analysis: str) -> ResultSet:
        return self.results(analysis)

    def rows(self, case: str | None = None, source: str | None = None) -> dict[str, NDArray[Any]]:
        """Return all values per row of a case as columns, for a data frame or to color by.

        Parameters
        ----------
        source
            Label of the source; the reference if not given.

        Returns
        -------
        dict
            ``"row"`` and, where the source has them, ``"id"``; then ``"ANALYSIS.MEASURE"`` -> one
            value per row (NaN or an empty text where an analysis did not look at the row). Values
            of several components are columns of their own, ``"tsne.embedding.0"``.
        """
        chosen = self._case(case)
        found = [
            (key, entry.results.results[label])
            for key, entry in chosen.analyses.items()
            if entry.results is not None
            and (label := source or entry.results.reference) in entry.results.results
        ]
        return join_rows({key: result for key, result in found if ROW in result.arrays})

    def figures(self, analysis: str, case: str | None = None) -> list[Figure]:
        """Draw and return the figures of an analysis."""
        results = self.results(analysis, case)
        return list(self._case(case).analyses[analysis].plot(results))

    def save(self, folder: str | Path = "latent-report") -> Path:
        """Write ``report.html`` and what belongs to it; returns the page's path."""
        check_output(Path(folder))
        return self.write(Path(folder))

    def write(self, folder: Path, progress: Progress = no_progress) -> Path:
        """Do what `save` does, whatever else is in the folder."""
        self.outcome, drawn = draw_figures(self.outcome, progress)
        return write_report(self.outcome, folder, drawn)

    def _case(self, label: str | None) -> CaseOutcome:
        if label is None:
            return self.outcome.cases[0]
        if label not in self.cases:
            raise unknown_name("case of this run", label, self.cases)
        return self.cases[label]

    @cached_property
    def _lines(self) -> list[str]:
        return [f"{f.severity}: {f.text}" for f in self.findings]

    def __repr__(self) -> str:
        failed = [f"failed: {f.analysis} on {f.source}: {f.error}" for f in self.failures]
        return "\n".join([f"<Report: {', '.join(self.cases)}>", *failed, *self._lines])


def check_output(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier report; raises OptionError.

    Raises
    ------
    OptionError
        If the report would stand among, or overwrite, files that are not ours.
    """
    if folder.is_file():
        raise OptionError(f"a folder for the report at {folder}", found="a file")
    if not folder.is_dir() or (folder / "run.toml").is_file():
        return
    others = sorted({entry.name for entry in folder.iterdir()} - REPORT_ENTRIES)
    if others:
        raise OptionError(
            f"an empty folder or an earlier report at {folder}",
            found=f"other files ({', '.join(others[:3])})", next_step="choose another with -o",
        )  # fmt: skip
