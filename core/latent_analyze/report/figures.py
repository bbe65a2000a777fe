"""Drawing the figures of a run: a plot that fails is a failure of its analysis, nothing more."""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING

from latent_analyze.errors import PluginError
from latent_analyze.files.writing import safe_name
from latent_analyze.host.contracts import Progress, no_progress
from latent_analyze.host.results import Figure
from latent_analyze.runs.engine import Failure, failure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure

    from latent_analyze.runs.outcome import AnalysisOutcome, RunOutcome

DPI = 200
"""Pixels per inch: sharp in print and on dense screens."""

SOFTWARE = "latent-analyze"
"""Written into every PNG, so that a later run knows which figures it may remove."""


@dataclass(frozen=True)
class Drawn:
    """A figure as PNG.

    Attributes
    ----------
    file
        Name of its file in ``figures/``, unique in the run.
    caption, alt
        Text below the figure, and text in its place for who cannot see it.
    png
        The bytes of the file; the same figure gives the same bytes.
    """

    file: str
    caption: str
    alt: str
    png: bytes

    @property
    def inches(self) -> tuple[float, float]:
        """Width and height in inches."""
        width, height = struct.unpack(">II", self.png[16:24])
        return width / DPI, height / DPI


Figures = Mapping[tuple[int, str], Sequence[Drawn]]
"""(Index of the case, key of the analysis) -> figures in the order of the plot."""


def draw_figures(
    outcome: RunOutcome, progress: Progress = no_progress
) -> tuple[RunOutcome, Figures]:
    """Draw the figures of all analyses.

    Parameters
    ----------
    outcome
        What a run found; it is not changed.
    progress
        Called as progress("figures", done, total), in analyses.

    Returns
    -------
    outcome
        The run with the plots that failed among its failures, so that ``outcome.failed`` tells.
    figures
        What could be drawn.
    """
    total = sum(len(case.analyses) for case in outcome.cases)
    names, cases = _Names(), []
    figures: dict[tuple[int, str], Sequence[Drawn]] = {}
    for i, case in enumerate(outcome.cases):
        entries = {}
        for key, entry in case.analyses.items():
            progress("figures", len(figures), total)
            figures[i, key], failures = _draw(entry, case.reference.label, names)
            # Without those that are known already: a run may be drawn twice.
            failures = [f for f in failures if f not in entry.failures]
            entries[key] = replace(entry, failures=(*entry.failures, *failures))
        cases.append(replace(case, analyses=entries))
    progress("figures", total, total)
    return replace(outcome, cases=cases), figures


class _Names:
    """Gives file names that are safe and unique, also where case does not count."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def __call__(self, text: str) -> str:
        candidates = (safe_name(text if n == 1 else f"{text}-{n}") for n in count(1))
        name = next(name for name in candidates if name.lower() not in self.taken)
        self.taken.add(name.lower())
        return f"{name}.png"


def _draw(entry: AnalysisOutcome, case: str, names: _Names) -> tuple[list[Drawn], list[Failure]]:
    """Return what could be drawn, and the failure that ended it, if one did."""
    import matplotlib

    drawn: list[Drawn] = []
    if entry.results is None or entry.plot is None:
        return drawn, []
    try:
        # A plot that changes matplotlib's settings changes no other analysis' figures.
        with matplotlib.rc_context():
            for figure in entry.plot(entry.results) or ():
                # One by one: those before a failure are kept.
                drawn.append(_render(figure, f"{case}-{entry.key}", names))  # noqa: PERF401
    except Exception as error:
        return drawn, [failure(entry.key, "figures", error)]
    return drawn, []


def _render(figure: Figure, prefix: str, names: _Names) -> Drawn:
    if not isinstance(figure, Figure):
        raise PluginError(
            "a latent_analyze.Figure from plot", found=type(figure).__name__,
            next_step="yield Figure(name, caption, figure)",
        )  # fmt: skip
    try:
        png = _png(figure.figure)
    finally:
        _free(figure.figure)
    name = names(f"{prefix}-{figure.name}")
    return Drawn(name, figure.caption, figure.alt or figure.caption, png)


def _png(figure: MplFigure) -> bytes:
    stream = BytesIO()
    # "tight" as in notebooks: no label is cut off in a plugin without a layout engine.
    figure.savefig(
        stream, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.04, facecolor="white",
        metadata={"Software": SOFTWARE},
    )  # fmt: skip
    return stream.getvalue()


def _free(figure: MplFigure) -> None:
    """Give the memory back, and take the figure from pyplot where a plugin used that."""
    figure.clear()
    if "matplotlib.pyplot" in sys.modules:
        from matplotlib import pyplot

        pyplot.close(figure)
