"""The figure: pages of data, shown sources and one draw of each null, drawn the same way."""

from __future__ import annotations

from latent_analyze.plotting import Panel, draw_panels, one_draw
from latent_analyze.plugin import Figure, Result, ResultSet
from latent_analyze_plugins.embedding.compute import RADIUS

REMINDER = (
    "Distances on the page, sizes of islands and gaps between them are not distances in latent"
    " space."
)


def beside(results: ResultSet) -> dict[str, Result]:
    """Return the shown sources and one draw of each null, with their names."""
    return {**results.shown, **one_draw(results)}


def draw_pages(results: ResultSet, name: str, method: str) -> Figure:
    """Draw all pages; those that share what the colors show share the colors, too."""
    panels = _panels(results)
    figure = draw_panels(panels)
    shown = ", ".join([results.reference, *beside(results)])
    again = sum(panel.title == results.reference for panel in panels) > 1
    return Figure(
        name, _caption(results, method, again=again), figure, f"{method} pages of {shown}."
    )


def _panels(results: ResultSet) -> list[Panel]:
    others = [_panel(k, r, str(r["colored_by"])) for k, r in beside(results).items()]
    # What the others are colored by, the data must be too, or nothing can be compared.
    own = _panel(results.reference, results.data, str(results.data["colored_by"]))
    others_use = {panel.color for panel in others}
    again = [_panel(results.reference, results.data, RADIUS)] if others_use - {own.color} else []
    return [own, *again, *others]


def _panel(title: str, result: Result, color: str) -> Panel:
    unit = "latent units" if color == RADIUS or color.startswith("axis_") else ""
    values = result["radius" if color == RADIUS else "color"]
    return Panel(title, result["embedding"], values, color.replace("axis_", "axis "), unit)


def _caption(results: ResultSet, method: str, *, again: bool) -> str:
    data = results.data
    text = (
        f"{method} pages of {data['n']:,} z-points each: the data"
        + (", once per kind of color" if again else "")
        + (f", {', '.join(results.shown)}" if results.shown else "")
        + (", and one draw of each null, drawn the same way" if results.ensembles else "")
        + f". {REMINDER} The axes have no unit, so no numbers stand at them. Of the {data['k']}"
        f" nearest neighbors of a z-point in latent space {100 * data['knn_preservation']:.1f} %"
        f" are among its {data['k']} nearest on the data's page."
    )
    if results.ensembles:
        text += " Islands and filaments that the null shows as well are made by the method."
    return text
