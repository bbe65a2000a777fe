"""Colors of a page: a few classes apart from each other, or a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CLASS_COLORS = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#B8A600",
    "#8C510A", "#6A3D9A", "#66C2A4", "#F781BF",
)  # fmt: skip
"""Okabe & Ito (2008), a darker yellow, and four that stay apart from them."""

REST = "other"
REST_COLOR = "#BBBBBB"

SCALE = "viridis"
OUTLYING = 0.02
"""Share of the values beyond either end of a scale."""


@dataclass(frozen=True)
class Classes:
    """Names and colors of the classes of a label."""

    colors: dict[str, str]

    def place(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the name of the class of each value; those without a color are the rest."""
        names = as_text(values)
        return np.where(np.isin(names, list(self.colors)), names, REST)


@dataclass(frozen=True)
class Scale:
    """Ends of a color scale."""

    low: float
    high: float


def coloring(panels: Sequence[NDArray[Any]]) -> Classes | Scale:
    """Return classes for text or few different values, else a scale that suits all panels."""
    values = np.concatenate([v.astype(str) if v.dtype.kind == "U" else v for v in panels])
    different, counts = np.unique(as_text(values), return_counts=True)
    few = len(different) <= len(CLASS_COLORS)
    if not few and values.dtype.kind != "U":
        low, high = np.quantile(values.astype(float), [OUTLYING, 1 - OUTLYING])
        return Scale(float(low), float(high) if high > low else float(low) + 1.0)
    kept = different if few else different[np.argsort(-counts, kind="stable")][: len(CLASS_COLORS)]
    names = sorted(kept.tolist(), key=_order)
    colors = dict(zip(names, CLASS_COLORS, strict=False))
    return Classes(colors if few else colors | {REST: REST_COLOR})


def as_text(values: NDArray[Any]) -> NDArray[np.str_]:
    """Return the names of classes: 3.0 is called 3."""
    if values.dtype.kind == "f":
        return np.array([f"{value:g}" for value in values])
    return values.astype(str)


def _order(name: str) -> tuple[int, float, str]:
    """Numbers in their order, then texts."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name
