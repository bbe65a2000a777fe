"""Figures of a decoder without data: what it gives at each radius, and what its axes do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from latent_analyze.plotting import (
    DATA_COLOR,
    NULL_COLOR,
    SHOWN_COLORS,
    GridRow,
    Words,
    draw_rows,
    finish,
    new_figure,
    words_of,
)
from latent_analyze.plugin import Figure, Result, ResultSet
from latent_analyze_plugins.random_decode.figures import drawn_kind, note_on, shown
from latent_analyze_plugins.random_decode.without_data.compute import DEAD, RADII

BARS = 40
"""Most axes that have a bar of their own."""

LOWEST, COLUMNS, CURVES = 1e-4, 12, 6
"""Lowest change drawn, relative to the strongest; most decoded rows in a line, as pictures and as
curves."""


def draw_all(results: ResultSet) -> Iterator[Figure]:
    """Yield what is decoded at each radius, and numbers of axes and radii."""
    data, words = results.data, words_of(results.frame["kind"])
    yield _draw_radii(data, words)
    yield _draw_numbers(data, words)


def _draw_radii(data: Result, words: Words) -> Figure:
    curves = drawn_kind(words) not in ("image", "window")
    most, line = (CURVES, " ") if curves else (COLUMNS, "\n")
    rows = [
        GridRow(f"{radius:g} x the{line}typical radius", found[:most])
        for radius, found in zip(RADII, shown(data, words, "radius_"), strict=True)
    ]
    titles = ("first z-point shown", "last") if curves else ()
    figure = draw_rows(rows, drawn_kind(words), titles=titles)
    caption = (
        f"Decoded {words.many} of random z-points, moved along their direction to distances from"
        " the mean of 0.5, 1, 2 and 4 times the typical one. There are no data to hold them"
        f" against.{note_on(words)}"
    )
    alt = f"Decoded {words.many} at {len(rows)} radii."
    return Figure("random-decode", caption, figure, alt)


def _draw_numbers(data: Result, words: Words) -> Figure:
    figure, (left, right) = new_figure(1, 2, height=3.2)
    _draw_axes(left, data, words)
    radii, shares = data["radius"], data["at_ends"]
    right.plot(radii, shares, "o-", color=DATA_COLOR, lw=1.4, ms=5,
               label=f"{words.values} at an end of the range")  # fmt: skip
    right.set(xscale="log", ylim=(-0.02, 1.02), xlabel="distance from the mean (typical radii)",
              ylabel=f"share of the {words.values}")  # fmt: skip
    right.set_xticks(radii, [f"{radius:g}" for radius in radii])
    right.minorticks_off()
    same = data["unchanging"]
    right.axhline(same, color=NULL_COLOR, lw=1.0, ls=":", label=f"{words.values} that never change")
    caption = (
        f"Left: what one standard deviation to either side does to the {words.one}, axis by axis,"
        " strongest first, on a logarithmic scale; axes below the dashed line, 1 % of the"
        f" strongest, are dead. Right: the share of the {words.values} within 1/255 of the ends of"
        " the range, at growing distances from the mean of the drawn z-points; dotted: the share"
        " that is the same in all draws."
    )
    alt = f"{data['dead_axes']} dead axes; {100 * data['at_ends_far']:.0f} % at the ends far out."
    return Figure("random-decode-axes", caption, finish(figure), alt)


def _draw_axes(axis: Any, data: Result, words: Words) -> None:
    change = data["axis_change"]
    order, most = np.argsort(-change, kind="stable"), float(change.max()) or 1.0
    heights = np.maximum(change[order], LOWEST * most)
    live, places = change[order] > DEAD * most, np.arange(len(order))
    if len(order) <= BARS:
        for mask, color, label, hatch in (
            (live, DATA_COLOR, "axes that change the output", ""),
            (~live, SHOWN_COLORS[0], "dead axes", "///"),
        ):
            look = {"color": color if not hatch else "white", "edgecolor": color, "hatch": hatch}
            if mask.any():
                axis.bar(places[mask], heights[mask], width=0.8, label=label, **look)
        step = -(-len(order) // 16)
        axis.set_xticks(places[::step], [str(a) for a in order[::step]], fontsize=7)
        axis.set_xlabel("axis (from 0), strongest first")
    else:
        axis.plot(places + 1, heights, color=DATA_COLOR, lw=1.4, label="axes, strongest first")
        axis.set_xlabel("rank of the axis")
    axis.axhline(DEAD * most, color="black", lw=0.9, ls="--", label="1 % of the strongest")
    axis.set(yscale="log", ylim=(0.7 * LOWEST * most, 1.6 * most))
    axis.set_ylabel(f"change of the output (per {words.value})")
