"""How well each column of a table is reconstructed: its numbers, a sentence and a figure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import DATA_COLOR, finish, new_figure, short_name
from latent_analyze.plugin import Figure, Finding, Measure, Result
from latent_analyze_plugins.shared.value_names import FEATURE, named

MEASURES = (
    FEATURE,
    Measure("feature_explained", "explained, of each column alone", "share", dims=("feature",)),
)

NAMED, SHOWN = 3, 30
"""Columns at either end that the sentence names, and most that are drawn: the worst."""

LINE, ROOM, LONGEST = 0.19, 0.9, 36
"""Inches: height per column, and of the labels; characters of a name."""


class Columns:
    """Errors and variances of columns, summed up over parts of the rows."""

    def __init__(self, names: NDArray[np.str_]) -> None:
        self.names = names
        self.count = 0
        self.error: Any = 0.0
        self.total: Any = 0.0
        self.square: Any = 0.0
        self.origin: Any = None

    def add(self, original: NDArray[np.float32], decoded: NDArray[np.float32]) -> None:
        """Take in rows and their reconstructions, (n, value), if the values have names."""
        if not named(self.names, original) or original.ndim != 2 or not len(original):
            return
        rows = original.astype(np.float64)
        # Squares about some row: those about 0 lose the digits of data far from it.
        self.origin = rows[0] if self.origin is None else self.origin
        self.count += len(rows)
        self.error = self.error + np.square(rows - decoded).sum(axis=0)
        self.total = self.total + (rows - self.origin).sum(axis=0)
        self.square = self.square + np.square(rows - self.origin).sum(axis=0)

    def values(self) -> dict[str, Any]:
        """Return the measures; NaN for a column that is constant; nothing if all are."""
        variance = self.square - np.square(self.total) / max(self.count, 1)
        if not np.any(variance > 0):
            return {}
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(variance > 0, 1 - self.error / variance, np.nan)
        return {"feature": self.names, "feature_explained": share}


def find_columns(data: Result) -> Finding:
    """Say how well columns are reconstructed, and which best and worst."""
    names, shares = _sorted(data)
    middle = float(np.median(shares))
    told = [f"{100 * s:.0f} % of {n}" for n, s in zip(names, shares, strict=True)]
    text = f"Column by column, {100 * middle:.0f} % of the variance is explained"
    if len(told) > 1:
        count = min(NAMED, len(told) // 2)
        low, high = ", ".join(told[:count]), ", ".join(told[-count:])
        text += f" (median of {len(told)}): from {low} to {high}"
    return Finding("note", f"{text}.", {"feature_explained_median": middle})


def draw_columns(data: Result) -> Figure:
    """Draw the explained share of each column, the worst first."""
    names, shares = _sorted(data)
    left = len(names) - SHOWN
    names, shares = names[:SHOWN], shares[:SHOWN]
    figure, axis = new_figure(height=LINE * len(names) + ROOM)
    places = np.arange(len(names))
    axis.barh(places, np.maximum(shares, 0), height=0.7, color=DATA_COLOR)
    for place, share in zip(places, shares, strict=True):
        axis.text(max(share, 0) + 0.01, place, f"{share:.2f}", va="center", fontsize=7)
    axis.set_yticks(places, [short_name(name, LONGEST) for name in names], fontsize=7)
    axis.set(xlim=(0, 1.1), ylim=(len(names) - 0.4, -0.6))
    axis.set_xlabel("share of the column's variance that is explained")
    caption = (
        "How well each column is reconstructed: 1 - mean squared error / variance of the column,"
        " worst first. At 0 it is no better than the column's mean, below 0 (drawn as 0) worse."
    )
    caption += f" {left} better ones are left out." if left > 0 else ""
    alt = f"Explained: {', '.join(f'{n} {s:.2f}' for n, s in zip(names, shares, strict=True))}."
    return Figure("reconstruct-columns", caption, finish(figure, legend=False), alt)


def _sorted(data: Result) -> tuple[list[str], NDArray[np.float64]]:
    """Return names and shares of the columns that vary, the worst first."""
    names, shares = data["feature"], data["feature_explained"]
    order = [place for place in np.argsort(shares, kind="stable") if np.isfinite(shares[place])]
    return names[order].tolist(), shares[order]
