"""The report: figures, ``results.json``, ``run.toml`` and one self-contained HTML page."""

from latent_analyze.report.figures import Drawn, Figures, draw_figures
from latent_analyze.report.folder import write_report

__all__ = ["Drawn", "Figures", "draw_figures", "write_report"]
