"""The figures: rates of every source next to held-out data, and decoded z-points, framed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from latent_analyze.plotting import (
    FrameStyle,
    GridRow,
    Kind,
    Words,
    as_pixels,
    draw_rows,
    finish,
    new_figure,
    one_draw,
    words_of,
)  # fmt: skip
from latent_analyze.plugin import Figure, Result, ResultSet
from latent_analyze_plugins.random_decode.compute import CYCLE, SUPPORT
from latent_analyze_plugins.random_decode.qualities import DOUBTFUL, GOOD
from latent_analyze_plugins.random_decode.rates import ENOUGH, Rates

BOTH_COLOR, CYCLE_COLOR, SUPPORT_COLOR = "#0072B2", "#E69F00", "#009E73"

LOOK: dict[str, dict[str, Any]] = {
    "good": {"color": BOTH_COLOR, "marker": "o", "ms": 5.5, "label": "good: as the better nine "
             "tenths of held-out data"},
    "coverage": {"color": SUPPORT_COLOR, "marker": "s", "ms": 4.5, "mfc": "white",
                 "label": "coverage: share of the data that is reached"},
    "joint": {"color": BOTH_COLOR, "marker": "o", "ms": 5.5, "label": "joint: both tests"},
    "cycle": {"color": CYCLE_COLOR, "marker": "^", "ms": 4.5, "mfc": "white",
              "label": "cycle: E(D(z)) finds z"},
    "support": {"color": SUPPORT_COLOR, "marker": "s", "ms": 4.5, "mfc": "white",
                "label": "support: near the data"},
}  # fmt: skip
DASHES = {"good": "-", "coverage": ":", "joint": "-", "cycle": "--", "support": ":"}

FRAMES = {
    CYCLE | SUPPORT: FrameStyle("both tests", BOTH_COLOR, "-", 1.4),
    CYCLE: FrameStyle("cycle only", CYCLE_COLOR, (0, (4, 1.5)), 1.4),
    SUPPORT: FrameStyle("support only", SUPPORT_COLOR, (0, (1, 1)), 1.4),
    0: FrameStyle("neither", "#999999", "-", 0.5),
}
"""Verdict -> frame."""

QUALITIES = (
    FrameStyle("good", BOTH_COLOR, "-", 1.4),
    FrameStyle("doubtful", CYCLE_COLOR, (0, (4, 1.5)), 1.4),
    FrameStyle("bad", "#999999", "-", 0.5),
)
"""Frames where good can be told from bad."""

LINE, CURVE, ROOM = 0.24, 2.6, 1.1
"""Inches: height per source, of the curve over b, and of labels and legend."""

BEST = 5
"""Samplers, and cubes, that are drawn as curves: the best ones, and some over all b."""

COLUMNS, CURVES, LONGEST = 16, 8, 18
"""Most images in a row, and most curves of sequences in a panel; labels of more characters are
broken at colons."""


def draw_rates(results: ResultSet) -> Figure:
    """Draw the rates of all sources with their 95 % intervals, and of uniform cubes over b."""
    rates = Rates(results)
    rows = _sources(results, rates.samplers)
    ratios = [LINE * len(rows) + ROOM, CURVE][: 2 if rates.cubes else 1]
    figure, axes = new_figure(
        len(ratios), 1, height=sum(ratios) / len(ratios), squeeze=False,
        gridspec_kw={"height_ratios": ratios},
    )  # fmt: skip
    _draw_sources(axes[0, 0], rows, rates)
    if rates.cubes:
        _draw_cubes(axes[1, 0], rates)
    found = (f"{label} {result[f'{rates.name}_rate']:.2f}" for label, result in rows.items())
    alt = f"The {rates.name} rate of {', '.join(found)}."
    return Figure("random-decode-rates", _caption(results, rates), finish(figure), alt)


def draw(results: ResultSet) -> list[Figure]:
    """Draw the rates, the decoded z-points of each source, and those of each class."""
    figures = [draw_rates(results), draw_images(results)]
    return [*figures, draw_classes(results)] if results.frame["condition"] else figures


def draw_images(results: ResultSet) -> Figure:
    """Draw one row of framed images (or of what else the decoder gives) per source."""
    rates, words = Rates(results), words_of(results.frame["kind"])
    samplers, cubes = rates.samplers, list(rates.cubes)
    curves = drawn_kind(words) not in ("image", "window")
    if curves:
        samplers, cubes = samplers[:BEST], cubes[:: -(-len(cubes) // BEST) or 1]
    sources = _sources(results, [*samplers, *cubes])
    caption = (
        "Decoded z-points, one row per source. The first row are held-out z-points of the"
        f" reference: it shows what the decoder can do.{_labeled(results)}{note_on(words)}"
    )
    if curves:
        left = len(rates.samplers) + len(rates.cubes) - len(samplers) - len(cubes)
        caption += f" Colors and dashes: {_framed(rates)}."
        caption += f" {left} sources are left out." if left else ""
    else:
        caption += f" Frames: {_framed(rates)}."
    if drawn_kind(words) == "window":
        caption += " Colors span the values of the first row; others may lie beyond."
    rows = [row for label, result in sources.items() for row in _grid_rows(label, result, words)]
    names = results.frame["names"].tolist()
    figure = draw_rows(rows, drawn_kind(words), by_frame=True, names=names, scale_rows=1)
    return Figure("random-decode", caption, figure, f"Decoded from: {', '.join(sources)}.")


def _framed(rates: Rates) -> str:
    """Return what the frames mean."""
    if not rates.judged:
        return "the tests that a z-point passed; in which row they are frequent counts"
    return (
        f"good, as the better {100 - 100 * GOOD:.0f} % of held-out data, doubtful, and bad, as the"
        f" worst {100 * DOUBTFUL:.0f} %; the best ones first"
        f"{', but of cubes a column is a direction' * bool(rates.cubes)}"
    )


def _labeled(results: ResultSet) -> str:
    """Return what a caption says about a decoder that takes labels."""
    name = results.frame["condition"]
    return f" They get their own {name}; z-points without one, that of a random row." * bool(name)


def draw_classes(results: ResultSet) -> Figure:
    """Draw a block of rows per class of the label that the decoder takes."""
    rates, words, frame = Rates(results), words_of(results.frame["kind"]), results.frame
    sources = _sources(results, rates.samplers[:1])
    sources = dict(list(sources.items())[: 1 + bool(rates.samplers)])
    name, classes = frame["condition"], frame["classes"].tolist()
    rows = [
        GridRow(f"{name} {_short(value)}\n{_broken(label)}", shown(result, words, "class_")[place],
                group_start=label == next(iter(sources)))
        for place, value in enumerate(classes)
        for label, result in sources.items()
    ]  # fmt: skip
    first = sources[next(iter(sources))]
    titles = [str(n + 1) for n in range(len(shown(first, words, "class_")[0]))]
    curves = drawn_kind(words) not in ("image", "window")
    titles = ["first z-point shown", "last"] if curves else titles
    figure = draw_rows(rows, drawn_kind(words), titles=titles, names=frame["names"].tolist())
    caption = (
        f"Decoded with each class of the label {name}: in every block the same z-points, held out"
        f"{' and of ' + rates.samplers[0] if rates.samplers else ''}; only the class differs."
        f"{note_on(words)}"
    )
    alt = f"Decoded z-points for {name} {', '.join(map(_short, classes))}."
    return Figure("random-decode-classes", caption, figure, alt)


def drawn_kind(words: Words) -> Kind:
    """Return how saved decoded rows are drawn: of volumes, slices are saved."""
    return "window" if words.kind == "volume" else words.kind


def note_on(words: Words) -> str:
    """Return what a caption says about volumes."""
    if words.kind != "volume":
        return ""
    return " Of each volume, the slice through the middle of its first long axis."


def shown(result: Result, words: Words, start: str = "") -> Any:
    """Return saved decoded rows as they are drawn."""
    if words.kind == "image":
        return as_pixels(result[f"{start}images"] / 255)
    name = f"{start}vectors"
    return result[name if name in result.arrays else f"{start}decoded"]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _broken(label: str) -> str:
    return label if len(label) <= LONGEST else label.replace(":", ":\n")


def _sources(results: ResultSet, labels: list[str]) -> dict[str, Result]:
    """Return held-out data, the sources of these labels, then one draw per null."""
    shown = {label: results.results[label] for label in labels}
    return {f"{results.reference}, held out": results.data, **shown, **one_draw(results)}


def _grid_rows(label: str, result: Result, words: Words) -> Iterator[GridRow]:
    rows, all_frames = shown(result, words), _frames(result)
    curves = drawn_kind(words) not in ("image", "window")
    if "shown_quality" in result.arrays and not label.startswith("uniform:"):
        # The columns of cubes are the same directions: these stay below each other.
        order = np.argsort(-result["shown_quality"], kind="stable")
        rows, all_frames = rows[order], [all_frames[place] for place in order]
    if curves:
        rows = rows[: CURVES if words.kind == "sequence" else COLUMNS]
    text = label if curves else _broken(label)
    for start in range(0, len(rows), COLUMNS):
        part, first = slice(start, start + COLUMNS), start == 0
        frames = all_frames[part]
        apart = first and len(rows) > COLUMNS
        yield GridRow(text if first else "", rows[part], frames, group_start=apart)


def _frames(result: Result) -> list[FrameStyle]:
    """Return the frame of each output shown: by its quality, or by the tests it passed."""
    if "shown_quality" not in result.arrays:
        return [FRAMES[verdict] for verdict in result["verdict"].tolist()]
    bounds = np.digitize(-result["shown_quality"], [-GOOD, -DOUBTFUL], right=True)
    return [QUALITIES[place] for place in bounds]


def _draw_sources(axis: Any, rows: dict[str, Result], rates: Rates) -> None:
    for place, name in enumerate(rates.names):
        y = np.arange(len(rows)) + 0.22 * (place - (len(rates.names) - 1) / 2)
        share, low, high = rates.table(rows.values(), name)
        axis.hlines(y, low, high, color=LOOK[name]["color"], lw=1.2)
        axis.plot(share, y, ls="", **LOOK[name])
    _control_lines(axis.axvline, rates)
    names = [f"{label} (copies)" if rates.copies_of(r) else label for label, r in rows.items()]
    axis.set_yticks(range(len(rows)), names, fontsize=8)
    axis.set(xlim=(-0.02, 1.02), ylim=(len(rows) - 0.5, -0.5))
    axis.set_xlabel(
        "share of the draws that is good, and of the data that is reached (95 % interval)"
        if rates.judged else "share of the z-points that passes (95 % interval)"
    )  # fmt: skip
    axis.grid(axis="y", color="#EEEEEE", lw=0.8)
    axis.set_axisbelow(True)


def _draw_cubes(axis: Any, rates: Rates) -> None:
    bs = list(rates.cubes.values())
    for name in rates.names:
        share, low, high = rates.table([rates.results[label] for label in rates.cubes], name)
        axis.fill_between(bs, low, high, color=LOOK[name]["color"], alpha=0.15, lw=0)
        axis.plot(bs, share, ls=DASHES[name], lw=1.4, **LOOK[name])
    _control_lines(axis.axhline, rates)
    axis.set(xscale="log", ylim=(-0.02, 1.02), ylabel="share")
    axis.set_xticks(bs, [f"{b:g}" for b in bs])
    axis.minorticks_off()
    unit = "spreads of the data" if rates.unit == "spread" else "latent units"
    axis.set_xlabel(f"b of uniform vectors in [-b, b] on every axis ({unit})")


def _control_lines(line: Any, rates: Rates) -> None:
    line(rates.control, color="black", lw=0.9, ls="-", label=f"{rates.name}, held-out data")
    line(ENOUGH * rates.control, color="black", lw=0.9, ls=(0, (2, 2)), label="half of it")


def _caption(results: ResultSet, rates: Rates) -> str:
    text = _judged(results) if rates.judged else _tested(results)
    if rates.cubes:
        text += " Below: uniform vectors over the half-width b of their cube."
    return text


def _judged(results: ResultSet) -> str:
    return (
        "Blue: share of the decoded draws of each source that are good: as well reconstructed, and"
        f" as much at home among the data, as the better {100 - 100 * GOOD:.0f} % of held-out rows"
        f" of {results.reference}. Green: share of the data that the draws reach. Black: the share"
        " of held-out rows that are good, and half of it. The first sources have the highest"
        " product of both shares. Sources that repeat rows of the data are marked as copies."
    )


def _tested(results: ResultSet) -> str:
    text = (
        "Share of the z-points of each source that passes, with 95 % intervals (Wilson); black:"
        f" held-out z-points of {results.reference}, the positive control, and half their rate."
        " Cycle: the encoder finds a decoded z-point again, as closely as for held-out data."
        f" Support: no farther from a z-point of the data than that one's neighbor number"
        f" {results.frame['neighbors']}."
    )
    if results.frame["no_cycle"]:
        text += f" No cycle rate, as {results.frame['no_cycle']}."
    return text
