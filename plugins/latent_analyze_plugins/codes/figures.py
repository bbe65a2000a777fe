"""Figures: usage, positions, what positions know, codes side by side, decoded codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plotting import (
    ORIGIN_COLOR,
    GridRow,
    draw_matrices,
    draw_rows,
    finish,
    gray_caption,
    new_figure,
    overlay,
    plain_log_ticks,
    styles,
    words_of,
)  # fmt: skip
from latent_analyze.plugin import Figure, Result, ResultSet

SCALE = "cividis"
NAMED = 24
"""Most codes with their numbers in the figure of neighbors."""


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield the figures that the results have the arrays for."""
    yield _draw_usage(results)
    if "bits_by_steps" in results.data.arrays:
        yield _draw_information(results)
        yield _draw_together(results)
    if "decoded" in results.data.arrays:
        yield _draw_decoded(results)


def _draw_usage(results: ResultSet) -> Figure:
    data, shape = results.data, tuple(results.frame["shape"])
    several = len(data["perplexity_at"]) > 1
    figure, axes = new_figure(1, 1 + several, height=3.1, squeeze=False)
    left = axes[0, 0]
    for label, style in styles(results).items():
        shares = _ranked(results.results[label])
        look = {"color": style.color, "ls": style.dash, "lw": 1.4}
        left.plot(1 + np.arange(len(shares)), shares, label=label, **look)
    left.axhline(1 / data["codes"], color=ORIGIN_COLOR, lw=0.8, ls=":", label="1 / codes")
    left.set(xlabel="rank of the code", ylabel="share of all codes", yscale="log",
             xlim=(0.5, data["codes"] + 0.5))  # fmt: skip
    plain_log_ticks(left, "y")
    caption = (
        f"How often the {data['codes']:,} codes occur, the most frequent first; dotted: each as"
        f" often as any. {data['dead']:,} never occur. As many codes would say as much if used"
        f" evenly: {data['perplexity']:.4g} (perplexity)."
    )
    if several:
        _draw_places(axes[0, 1], results, "perplexity_at", "perplexity")
        caption += f" Right: the perplexity of {_each(shape)}."
    alt = f"{data['used']} of {data['codes']} codes occur, perplexity {data['perplexity']:.4g}."
    return Figure("codes", caption, finish(figure), alt)


def _ranked(result: Result) -> NDArray[np.float64]:
    """Return the shares of codes that occur, the largest first."""
    usage = np.sort(result["usage"])[::-1]
    return np.asarray(usage[usage > 0] / usage.sum(), np.float64)


def _draw_information(results: ResultSet) -> Figure:
    data, shape = results.data, tuple(results.frame["shape"])
    figure, (left, right) = new_figure(1, 2, height=3.1)
    overlay(left, results, "bits_by_steps", over="steps", markers=True)
    left.axhline(0, color=ORIGIN_COLOR, lw=0.8, ls=":")
    left.set(xlabel="steps between two positions", ylabel="mutual information (bits)")
    left.xaxis.get_major_locator().set_params(integer=True)
    _draw_places(right, results, "neighbor_bits_at", "bits shared with neighbors")
    told, share = len(results.frame["told"]), data["told_share"]
    rest = "" if share == 1 else f" ({100 * share:.3g} % of all; the others count as one)"
    caption = (
        "What the code at one position tells about that at another: mutual information over their"
        f" distance, corrected for its bias, with the {told} most frequent codes told apart{rest}."
        f" Right: with its neighbors, for {_each(shape)}.{gray_caption(results)}"
    )
    alt = f"Neighbors share {data['neighbor_bits']:.3g} bits."
    return Figure("codes-positions", caption, finish(figure), alt)


def _draw_together(results: ResultSet) -> Figure:
    told = results.frame["told"]
    chosen = np.arange(min(len(told), NAMED))
    figure = draw_matrices(
        results, {"together": "neighbors"}, chosen=chosen, names=told[chosen],
        hide_diagonal=False, label="log2 (observed / expected)", axis="code",
    )  # fmt: skip
    caption = (
        f"Which of the {len(chosen)} most frequent codes are neighbors more often (brown) and less"
        " often (purple) than if positions were independent, each position with its own usage."
        " Gray: fewer than 5 expected."
    )
    if results.ensembles:
        caption += " Beside it, one draw of each null: what chance alone shows."
    return Figure("codes-together", caption, figure, "Which codes are neighbors.")


def _draw_decoded(results: ResultSet) -> Figure:
    data = results.data
    codes, rows = data["shown_codes"], data["decoded"]
    shares = 100 * data["usage"][codes] / data["usage"].sum()
    kind = data["decoded_kind"]
    ends = (f"code {codes[0]}, the most frequent", f"code {codes[-1]}")
    titles = [str(code) for code in codes] if kind in ("image", "window", "volume") else ends
    grid = [GridRow("one code at\nall positions", rows)]
    text = f"{words_of(kind).a} with one code at all positions"
    if "decoded_among" in data.arrays:
        grid.append(GridRow(f"in the middle,\nthe rest {codes[0]}", data["decoded_among"]))
        text += f", and of one code in the middle with code {codes[0]} around it"
    figure = draw_rows(grid, kind, titles=titles)
    caption = (
        f"What the decoder makes of {text}, for the {len(codes)} most frequent codes"
        f" ({shares[0]:.2g} to {shares[-1]:.2g} % of all)."
    )
    return Figure("codes-decoded", caption, figure, "Decoded codes.")


def _draw_places(axis: Any, results: ResultSet, name: str, label: str) -> None:
    """Draw values per position: a map where positions lie in a plane, else a curve."""
    shape = tuple(int(n) for n in results.frame["shape"])
    if len(shape) != 2 or min(shape) == 1:
        overlay(axis, results, name)
        axis.set(xlabel="position", ylabel=label)
        return
    drawn = axis.imshow(results.data[name].reshape(shape), cmap=SCALE, interpolation="none")
    axis.spines[:].set_visible(False)
    axis.set(xlabel="column", ylabel="row")
    for side in (axis.xaxis, axis.yaxis):
        side.get_major_locator().set_params(integer=True)
    bar = axis.figure.colorbar(drawn, ax=axis, shrink=0.85)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)


def _each(shape: tuple[int, ...]) -> str:
    return (
        "each position" if len(shape) == 1 else f"each of {' × '.join(map(str, shape))} positions"
    )
