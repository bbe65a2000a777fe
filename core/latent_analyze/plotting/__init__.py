"""Drawing: the look that all figures share."""

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
    styles,
    tidy,
)

__all__ = [
    "DATA_COLOR",
    "NULL_COLOR",
    "ORIGIN_COLOR",
    "SHOWN_COLORS",
    "SHOWN_DASHES",
    "SHOWN_MARKERS",
    "WIDTH",
    "Style",
    "finish",
    "new_figure",
    "styles",
    "tidy",
]
