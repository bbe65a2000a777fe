"""The report's folder: every file is the old one or the new one, never half of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from latent_analyze.files.writing import replacing, write_error, write_text_atomically
from latent_analyze.host.contracts import Progress, no_progress
from latent_analyze.report.figures import SOFTWARE, Figures, draw_figures
from latent_analyze.report.page import render_page
from latent_analyze.runs.config import dump_config
from latent_analyze.runs.outcome import describe
from latent_analyze.runs.result_files import dump_json

if TYPE_CHECKING:
    from latent_analyze.runs.outcome import RunOutcome

PAGE = "report.html"
FIGURES = "figures"


def write_report(
    outcome: RunOutcome,
    folder: Path,
    figures: Figures | None = None,
    *,
    progress: Progress = no_progress,
) -> Path:
    """Write ``figures/``, ``run.toml``, ``results.json`` and, last, ``report.html``.

    Figures of an earlier run are removed; everything else in the folder is left alone.

    Parameters
    ----------
    outcome, figures
        What `draw_figures` returns; without figures they are drawn here, and only the report
        tells whether a plot failed.
    folder
        Made if it is not there.
    progress
        Called as progress("figures", done, total).

    Returns
    -------
    Path
        The page.

    Raises
    ------
    StoreError
        If the system refuses a write; the page of an earlier run is then still whole.
    """
    if figures is None:
        outcome, figures = draw_figures(outcome, progress)
    page = render_page(outcome, figures)
    pngs = {drawn.file: drawn.png for entry in figures.values() for drawn in entry}
    for name, png in pngs.items():
        with replacing(folder / FIGURES / name) as temporary:
            temporary.write_bytes(png)
    write_text_atomically(folder / "run.toml", dump_config(outcome.config))
    write_text_atomically(folder / "results.json", dump_json(describe(outcome)))
    write_text_atomically(folder / PAGE, page)
    _remove_others(folder / FIGURES, set(pngs))
    return folder / PAGE


def _remove_others(folder: Path, names: set[str]) -> None:
    try:
        for path in folder.glob("*.png"):
            if path.name not in names and _is_ours(path):
                path.unlink()
    except OSError as error:
        raise write_error(folder, error) from error


def _is_ours(path: Path) -> bool:
    """Whether a PNG says that this program drew it: a user's own pictures stay."""
    with path.open("rb") as stream:
        return f"Software\0{SOFTWARE}".encode() in stream.read(512)
