"""Figures that need no code: drawn from the declared dimensions of an analysis' arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.host.contracts import Analysis
from latent_analyze.host.measures import Measure, find_measure
from latent_analyze.host.results import Figure
from latent_analyze.plotting.images import GridRow, as_pixels, draw_grid
from latent_analyze.plotting.matrices import draw_matrices
from latent_analyze.plotting.overlay import (
    NULL_SHADES,
    all_results,
    common_edges,
    gray_caption,
    null_label,
    one_draw,
    overlay,
)
from latent_analyze.plotting.panels import Panel, draw_panels
from latent_analyze.plotting.style import DATA_COLOR, finish, new_figure, new_panels

if TYPE_CHECKING:
    from latent_analyze.host.results import Array, Calibration, Result, ResultSet

Plot = Callable[["ResultSet"], Iterable[Figure]]

KINDS = {
    ("bin",): "histogram",
    ("axis",): "curve",
    ("axis", "other_axis"): "matrix",
    ("row",): "distribution",
    ("row", "component"): "scatter",
    ("row", "coordinate"): "scatter",
    ("image", "height", "width"): "images",
    ("image", "height", "width", "channel"): "images",
}
"""Dimensions -> the standard figure; arrays of one other dimension are curves."""

LONGEST_ROW = 45
"""Longer descriptions give way to the name."""

MOST_IMAGES = 10
MOST_PANELS = 6


def plot_of(analysis: Analysis) -> Plot:
    """Return what draws an analysis: its own `plot`, or else the standard figures."""
    if type(analysis).plot is not Analysis.plot:
        return analysis.plot
    return partial(standard_figures, analysis=analysis)


@dataclass(frozen=True)
class _Drawing:
    """An array of the reference, and how it is declared to be drawn."""

    name: str
    array: Array
    measure: Measure

    @property
    def kind(self) -> str:
        if self.measure.draw == "histogram" and self.array.dims != ("bin",):
            return "distribution"
        kind = KINDS.get(self.array.dims, "curve" if len(self.array.dims) == 1 else "none")
        if self.measure.draw != "auto":
            kind = self.measure.draw
        flat = kind == "scatter" and self.array.values.shape[-1] < 2
        return "distribution" if flat else kind

    @property
    def title(self) -> str:
        text = self.array.description or self.name
        return text[0].upper() + text[1:]

    @property
    def unit(self) -> str:
        return f", {self.array.unit}" if self.array.unit else ""


def standard_figures(results: ResultSet, analysis: Analysis) -> Iterator[Figure]:
    """Yield the standard figures of an analysis; see `KINDS`.

    Arrays that are drawn the same way share a figure. Where no array is drawn, the calibrated
    scalars are, each against its null.
    """
    drawings = list(_drawings(results, analysis.measures))
    makers: dict[str, Callable[..., Any]] = {
        "curve": partial(_draw_lines, what=_line),
        "histogram": partial(_draw_lines, what=_histogram),
        "distribution": partial(_draw_lines, what=_distribution),
        "matrix": _draw_matrices,
        "scatter": _draw_points,
        "images": _draw_images,
    }
    drawn = False
    for kind, make in makers.items():
        for part in _parts([d for d in drawings if d.kind == kind], kind):
            drawn = True
            name = f"{analysis.name}-{part[0].name}"
            caption = f"{'; '.join(d.title for d in part)}.{_how_to_read(results, kind)}"
            yield Figure(name, caption, make(results, part), caption)
    if not drawn and any(c.repeats > 1 for c in results.calibrations):
        yield _draw_against_nulls(results, analysis)


def _drawings(results: ResultSet, measures: Sequence[Measure]) -> Iterator[_Drawing]:
    for name, array in results.data.arrays.items():
        measure, _ = find_measure(measures, name, len(array.dims))
        measure = measure or Measure(name, name, dims=array.dims)
        if name not in ("row", "id") and array.values.size and array.values.dtype.kind in "biuf":
            yield _Drawing(name, array, measure)


def _parts(drawings: Sequence[_Drawing], kind: str) -> Iterator[Sequence[_Drawing]]:
    size = {"scatter": 1, "images": 1, "matrix": 3}.get(kind, MOST_PANELS)
    for start in range(0, len(drawings), size):
        yield drawings[start : start + size]


def _how_to_read(results: ResultSet, kind: str) -> str:
    if results.ensembles and kind in ("matrix", "scatter", "images"):
        return " Beside the data, one draw of each null model, drawn the same way."
    return gray_caption(results)


def _draw_lines(results: ResultSet, part: Sequence[_Drawing], *, what: Any) -> Any:
    figure, axes = new_panels(len(part), 2, height=3.0)
    for axis, drawing in zip(axes.flat, part, strict=False):
        what(axis, _holding(results, drawing.name), drawing)
        if len(part) > 1:
            axis.set_title(drawing.title, fontsize=9)
    return finish(figure)


def _holding(results: ResultSet, name: str) -> ResultSet:
    """Return the results without those that lack an array, such as one that needs labels."""
    members = {
        null: [member for member in ensemble if name in member.arrays]
        for null, ensemble in results.ensembles.items()
    }
    held = {label: r for label, r in results.results.items() if name in r.arrays}
    return replace(results, results=held, ensembles={k: m for k, m in members.items() if m})


def _over(results: ResultSet, drawing: _Drawing) -> Any:
    over = drawing.measure.over
    if over in results.frame.values:
        return results.frame[over]
    return over if over in results.data.arrays else results.data[over] if over else None


def _line(axis: Any, results: ResultSet, drawing: _Drawing) -> None:
    overlay(axis, results, drawing.name, over=_over(results, drawing), markers=True)
    axis.set_xlabel(drawing.measure.over_label or f"{drawing.array.dims[-1]}, counted from 0")
    axis.set_ylabel(f"{drawing.name.replace('_', ' ')}{drawing.unit}")
    if not drawing.measure.over:
        axis.xaxis.get_major_locator().set_params(integer=True)


def _histogram(axis: Any, results: ResultSet, drawing: _Drawing) -> None:
    def share(result: Result) -> Any:
        counts = result[drawing.name]
        return counts / max(counts.sum(), 1)

    overlay(axis, results, share, over=_over(results, drawing), steps=True)
    over = drawing.measure.over.replace("_", " ") or "bin, counted from 0"
    axis.set(xlabel=drawing.measure.over_label or over, ylim=(0, None))
    axis.set_ylabel(f"share of {drawing.array.unit or 'the counts'} per bin")


def _distribution(axis: Any, results: ResultSet, drawing: _Drawing) -> None:
    shown = [r for r in all_results(results) if drawing.name in r.arrays]
    edges = common_edges([r[drawing.name] for r in shown])

    def share(result: Result) -> Any:
        values = result[drawing.name]
        return np.histogram(values, edges)[0] / max(values.size, 1)

    overlay(axis, results, share, over=edges, steps=True)
    axis.set(xlabel=f"{drawing.name.replace('_', ' ')}{drawing.unit}", ylim=(0, None))
    axis.set_ylabel("share of z-points per bin")


def _draw_matrices(results: ResultSet, part: Sequence[_Drawing]) -> Any:
    titles = {drawing.name: drawing.title for drawing in part}
    return draw_matrices(results, titles, label=part[0].array.unit, hide_diagonal=False)


def _draw_points(results: ResultSet, part: Sequence[_Drawing]) -> Any:
    (drawing,) = part
    color = drawing.measure.over
    panels = []
    for label, result in {**results.results, **one_draw(results)}.items():
        if drawing.name in result.arrays:
            points = result[drawing.name][:, :2]
            known = np.isfinite(points).all(axis=1)
            values = result[color][known] if color in result.arrays else None
            panels.append(Panel(label, points[known], values, color))
    figure = draw_panels(panels, ticks=True)
    figure.supxlabel(f"{drawing.array.dims[-1]} 0{drawing.unit}", fontsize=9)
    figure.supylabel(f"{drawing.array.dims[-1]} 1{drawing.unit}", fontsize=9)
    return figure


def _draw_images(results: ResultSet, part: Sequence[_Drawing]) -> Any:
    (drawing,) = part
    rows = []
    for label, result in {**results.results, **one_draw(results)}.items():
        if drawing.name in result.arrays:
            images = result[drawing.name][:MOST_IMAGES]
            images = images if images.ndim == 4 else images[..., None]
            rows.append(GridRow(label, images if images.dtype == np.uint8 else as_pixels(images)))
    return draw_grid(rows)


def _draw_against_nulls(results: ResultSet, analysis: Analysis) -> Figure:
    entries = results.calibrations
    figure, axis = new_figure(height=0.9 + 0.35 * len(entries))
    for row, entry in enumerate(entries):
        scale = entry.null_std or 1.0
        low, high = (np.array([entry.null_low, entry.null_high]) - entry.null_mean) / scale
        shade = NULL_SHADES[list(results.ensembles).index(entry.null) % len(NULL_SHADES)][0]
        label = null_label(entry.null, entry.repeats)
        axis.plot([low, high], [row, row], color=shade, lw=6, alpha=0.6, label=label)
        effect = (entry.value - entry.null_mean) / scale
        axis.plot(effect, row, "o", color=DATA_COLOR, mec="white", ms=7, label=results.reference)
    several = len(results.ensembles) > 1
    names = [_row_name(results, e) + (f"\n({e.null})" if several else "") for e in entries]
    axis.set_yticks(range(len(entries)), names, fontsize=8)
    axis.set_ylim(len(entries) - 0.5, -0.5)
    # Linear up to three standard deviations: what is far out must not squeeze the rest.
    axis.set_xscale("symlog", linthresh=3.0)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("difference from the null's mean, in standard deviations of its draws")
    caption = (
        "The calibrated numbers of the data (dots) against the range of 90 % of the draws of the"
        " null (gray bars). The axis is linear up to 3 standard deviations, logarithmic beyond."
    )
    return Figure(f"{analysis.name}-against-null", caption, finish(figure), caption)


def _row_name(results: ResultSet, entry: Calibration) -> str:
    text = results.data.scalars[entry.scalar].description
    return text if text and len(text) <= LONGEST_ROW else entry.scalar.replace("_", " ")
