"""Grids of images and panels of curves."""

from __future__ import annotations

import numpy as np

from latent_analyze.plotting import draw_curves


def test_the_legend_of_curves_lies_outside_the_panels() -> None:
    rows = [(label, np.random.default_rng(0).random((3, 8))) for label in ("a", "b", "c")]
    figure = draw_curves(rows, positions=("start", "end"))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["start", "end"]
    panels = [axis.get_window_extent() for axis in figure.axes if axis.get_visible()]
    assert not any(legend.get_window_extent().overlaps(panel) for panel in panels)
