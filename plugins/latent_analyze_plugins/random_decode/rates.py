"""The figure of rates: every source beside held-out data, and uniform cubes over b."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latent_analyze.plugin import Figure
from latent_analyze_plugins.random_decode.companions import shown_cubes, shown_samplers
from latent_analyze_plugins.random_decode.findings import ENOUGH, criterion
from latent_analyze_plugins.random_decode.output import interval
from latent_analyze_plugins.random_decode.scores import CRITERIA

if TYPE_CHECKING:
    from latent_analyze.plugin import Result, ResultSet

LOOK = {
    "joint": ("#0072B2", "o", "-"),
    "cycle": ("#E69F00", "^", "--"),
    "support": ("#009E73", "s", ":"),
}
"""Criterion -> color, marker and dash."""

LINE, CURVE, ROOM = 0.24, 2.6, 1.1
"""Inches: height per source, of the curve over b, and of labels and legend."""


def draw_rates(results: ResultSet) -> Figure:
    """Draw the rates of all sources with their 95 % intervals, and of uniform cubes over b."""
    from latent_analyze.plotting import finish, new_figure

    rows, cubes = _rows(results), shown_cubes(results)
    height = LINE * len(rows) + ROOM
    ratios = [height, CURVE] if cubes else [height]
    figure, axes = new_figure(
        len(ratios), 1, height=sum(ratios) / len(ratios), squeeze=False,
        gridspec_kw={"height_ratios": ratios},
    )  # fmt: skip
    _draw_sources(axes[0, 0], rows, results)
    if cubes:
        _draw_cubes(axes[1, 0], cubes, results)
    finish(figure)
    return Figure("random-decode-rates", _caption(results), figure, _alt(rows, results))


def _rows(results: ResultSet) -> list[tuple[str, Result]]:
    """Return held-out data, the other sources by descending rate, then one draw per null."""
    name = criterion(results)
    labels = sorted(
        shown_samplers(results), key=lambda label: -results.results[label][f"{name}_rate"]
    )
    rows = [(f"{results.reference}, held out", results.data)]
    rows += [(label, results.results[label]) for label in labels]
    return rows + [
        (f"null {null}, one draw", members[0]) for null, members in results.ensembles.items()
    ]


def _draw_sources(axis: Any, rows: list[tuple[str, Result]], results: ResultSet) -> None:
    names = [name for name in CRITERIA if f"{name}_rate" in results.data.scalars]
    for place, name in enumerate(names):
        offset = 0.22 * (place - (len(names) - 1) / 2)
        for row, (_, result) in enumerate(rows):
            _draw_rate(axis, (row + offset, result), name, first=row == 0)
    _control_lines(axis.axvline, results)
    axis.set_yticks(range(len(rows)), [label for label, _ in rows], fontsize=8)
    axis.set(xlim=(-0.02, 1.02), ylim=(len(rows) - 0.5, -0.5))
    axis.set_xlabel("share of the z-points that passes (95 % interval)")
    axis.grid(axis="y", color="#EEEEEE", lw=0.8)
    axis.set_axisbelow(True)


def _draw_rate(axis: Any, place: tuple[float, Result], name: str, *, first: bool) -> None:
    y, result = place
    color, marker, _ = LOOK[name]
    low, high = interval(result, name)
    axis.plot([low, high], [y, y], color=color, lw=1.2)
    axis.plot(
        [result[f"{name}_rate"]], [y], marker=marker, ms=5.5 if name == "joint" else 4.5, ls="",
        color=color, mfc=color if name == "joint" else "white",
        label=_legend_text(name) if first else None,
    )  # fmt: skip


def _draw_cubes(axis: Any, cubes: dict[str, float], results: ResultSet) -> None:
    found = [results.results[label] for label in cubes]
    bs = list(cubes.values())
    for name in CRITERIA:
        if f"{name}_rate" not in results.data.scalars:
            continue
        color, marker, dash = LOOK[name]
        bounds = [interval(result, name) for result in found]
        axis.fill_between(bs, *zip(*bounds, strict=True), color=color, alpha=0.15, lw=0)
        axis.plot(
            bs, [result[f"{name}_rate"] for result in found], color=color, marker=marker, ls=dash,
            mfc=color if name == "joint" else "white", ms=5, lw=1.4,
        )  # fmt: skip
    _control_lines(axis.axhline, results)
    axis.set(xscale="log", ylim=(-0.02, 1.02), ylabel="share that passes")
    axis.set_xticks(bs, [f"{b:g}" for b in bs])
    axis.minorticks_off()
    options: Any = results.options
    unit = "spreads of the data" if options.unit == "spread" else "latent units"
    axis.set_xlabel(f"b of uniform vectors in [-b, b] on every axis ({unit})")


def _control_lines(line: Any, results: ResultSet) -> None:
    name = criterion(results)
    control = results.frame[f"control_{name}"]
    line(control, color="black", lw=0.9, ls="-", label=f"{name}, held-out data")
    line(ENOUGH * control, color="black", lw=0.9, ls=(0, (2, 2)), label="half of it")


def _legend_text(name: str) -> str:
    return {
        "joint": "joint: both tests",
        "cycle": "cycle: E(D(z)) finds z",
        "support": "support: near the data",
    }[name]


def _caption(results: ResultSet) -> str:
    text = (
        "Share of the z-points of each source that passes, with 95 % intervals (Wilson); black:"
        f" held-out z-points of {results.reference}, the positive control, and half their rate."
        " Cycle: the encoder finds a decoded z-point again, as closely as for held-out data."
        f" Support: no farther from a z-point of the data than that one's neighbor number"
        f" {results.frame['neighbors']}."
    )
    if results.frame["no_cycle"]:
        text += f" No cycle rate, as {results.frame['no_cycle']}."
    if shown_cubes(results):
        text += " Below: uniform vectors over the half-width b of their cube."
    return text


def _alt(rows: list[tuple[str, Result]], results: ResultSet) -> str:
    name = criterion(results)
    rates = ", ".join(f"{label} {result[f'{name}_rate']:.2f}" for label, result in rows)
    return f"The {name} rate of {rates}."
