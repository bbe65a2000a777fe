"""Drawing: the look of all figures, and parts that figures are made of."""

from latent_analyze.plotting.images import FrameStyle, GridRow, as_pixels, draw_grid
from latent_analyze.plotting.matrices import draw_matrices
from latent_analyze.plotting.overlay import (
    NULL_SHADES,
    all_results,
    band,
    common_edges,
    density,
    gray_caption,
    null_bands,
    null_label,
    one_draw,
    overlay,
    plain_log_ticks,
)
from latent_analyze.plotting.palette import Classes, Scale, coloring
from latent_analyze.plotting.panels import Panel, draw_panels
from latent_analyze.plotting.row_curves import draw_curves
from latent_analyze.plotting.row_shapes import middle_slices
from latent_analyze.plotting.rows import RowPairs, draw_pairs, draw_rows
from latent_analyze.plotting.style import (
    DATA_COLOR,
    NULL_COLOR,
    ORIGIN_COLOR,
    SHOWN_COLORS,
    SHOWN_DASHES,
    SHOWN_MARKERS,
    WIDTH,
    Style,
    finish,
    new_figure,
    new_panels,
    styles,
    tidy,
)
from latent_analyze.plotting.value_names import short_name
from latent_analyze.plotting.words import Kind, Words, kind_of, kind_of_shape, words_of

__all__ = [
    "DATA_COLOR", "NULL_COLOR", "NULL_SHADES", "ORIGIN_COLOR", "SHOWN_COLORS", "SHOWN_DASHES",
    "SHOWN_MARKERS", "WIDTH", "Classes", "FrameStyle", "GridRow", "Kind", "Panel", "RowPairs",
    "Scale", "Style", "Words", "all_results", "as_pixels", "band", "coloring", "common_edges",
    "density", "draw_curves", "draw_grid", "draw_matrices", "draw_pairs", "draw_panels",
    "draw_rows", "finish", "gray_caption", "kind_of", "kind_of_shape", "middle_slices",
    "new_figure", "new_panels", "null_bands", "null_label", "one_draw", "overlay",
    "plain_log_ticks", "short_name", "styles", "tidy", "words_of",
]  # fmt: skip
