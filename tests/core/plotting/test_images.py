"""Grids of images and panels of curves."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze.plotting import GridRow, draw_curves, draw_grid


def test_the_legend_of_curves_lies_outside_the_panels() -> None:
    rows = [(label, np.random.default_rng(0).random((3, 8))) for label in ("a", "b", "c")]
    figure = draw_curves(rows, positions=("start", "end"))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["start", "end"]
    panels = [axis.get_window_extent() for axis in figure.axes if axis.get_visible()]
    assert not any(legend.get_window_extent().overlaps(panel) for panel in panels)


def test_colors_may_span_the_first_rows_alone() -> None:
    """Rows far out do not make all others look flat."""
    near, far = np.linspace(0, 1, 48).reshape(3, 4, 4, 1), np.full((3, 4, 4, 1), 50.0)
    rows = [GridRow("data", near), GridRow("far", far)]
    ends = [draw_grid(rows, scale_rows=n).axes[0].images[0].get_clim()[1] for n in (0, 1)]
    assert ends == pytest.approx([50, 1], abs=0.01)
