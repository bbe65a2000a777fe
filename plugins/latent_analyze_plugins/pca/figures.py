"""Figures: the spectrum of all sources, and what the first components are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting import NULL_COLOR, finish, new_figure, styles
from latent_analyze.plugin import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latent_analyze.plugin import ResultSet

SHOWN_COMPONENTS = 10
SHOWN_AXES = 48
NULL_LINES = ((NULL_COLOR, "-", 4.0), ("#333333", (0, (1.5, 1)), 2.5))


def draw(results: ResultSet) -> Iterator[Figure]:
    """Yield the scree plot and the map of components over axes."""
    yield _draw_spectrum(results)
    yield _draw_components(results)


def _draw_spectrum(results: ResultSet) -> Figure:
    figure, (left, right) = new_figure(1, 2, height=3.3)
    _curves(left, results, "variance_along")
    _curves(right, results, "cumulated")
    _scree_limits(left, results)
    left.set(
        xlabel="principal component of the reference", ylabel="variance along it (latent units²)"
    )
    right.set(
        xlabel="number of the source's own components", ylabel="cumulated share of variance",
        ylim=(0, 1.03), xlim=(0.5, _last_component(results) + 0.5),
    )  # fmt: skip
    for share in (0.9, 0.95, 0.99):
        right.axhline(share, color="#BBBBBB", lw=0.6, zorder=0)
    for axis in (left, right):
        axis.xaxis.get_major_locator().set_params(integer=True)
    finish(figure)
    data = results.data
    caption = (
        "Left: the variance along each principal component of the reference (scree plot). Right:"
        " the share of all variance that each source's own first components hold; horizontal lines"
        " at 90, 95 and 99 %."
    )
    if results.ensembles:
        caption += (
            " Gray: one draw of each null model. A covariance-matched Gaussian agrees with the"
            " data by construction."
        )
    return Figure(
        "pca", caption, figure,
        f"{data['components_90']} components hold 90 % of the variance,"
        f" {data['components_99']} hold 99 %.",
    )  # fmt: skip


def _curves(axis: Any, results: ResultSet, name: str) -> None:
    for place, (null, members) in enumerate(results.ensembles.items()):
        values = members[0][name]
        color, dash, width = NULL_LINES[place % len(NULL_LINES)]
        axis.plot(
            np.arange(1, len(values) + 1), values, color=color, lw=width, alpha=0.5, ls=dash,
            label=f"null {null}",
        )  # fmt: skip
    for label, style in styles(results).items():
        values = results.results[label][name]
        marker = style.marker if len(values) <= 64 else ""
        axis.plot(
            np.arange(1, len(values) + 1), values, color=style.color, ls=style.dash, lw=1.3,
            marker=marker, ms=3, label=label,
        )  # fmt: skip


def _scree_limits(axis: Any, results: ResultSet) -> None:
    """Take a logarithmic axis where the variances span more than a factor of ten."""
    drawn = np.concatenate([result["variance_along"] for result in results.results.values()])
    drawn = drawn[drawn > 0]
    if drawn.max() > 10 * drawn.min():
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0)


def _last_component(results: ResultSet) -> int:
    """Return where the cumulated curves may end: the last one has reached 99.9 % by then."""
    needed = [
        int(np.searchsorted(result["cumulated"], 0.999)) + 1 for result in results.results.values()
    ]
    return max(max(needed), 2)


def _draw_components(results: ResultSet) -> Figure:
    components = results.frame["components"][:SHOWN_COMPONENTS]
    dim = components.shape[1]
    weight = (components**2).sum(axis=0)
    axes = np.sort(np.argsort(-weight, kind="stable")[:SHOWN_AXES])
    figure, axis = new_figure(height=1.5 + 0.17 * len(components))
    limit = float(np.abs(components).max())
    image = axis.imshow(
        components[:, axes], cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto",
        interpolation="none",
    )  # fmt: skip
    figure.colorbar(image, ax=axis, label="entry of the unit vector", pad=0.02)
    step = max(1, len(axes) // 16)
    axis.set_xticks(range(0, len(axes), step), [str(a) for a in axes[::step]])
    axis.set_yticks(range(len(components)), [str(c + 1) for c in range(len(components))])
    axis.set(xlabel="axis of the latent space", ylabel="principal component")
    part = "all axes" if len(axes) == dim else f"the {len(axes)} of {dim:,} axes that weigh most"
    caption = (
        f"What the first {len(components)} components are made of, over {part}: each row is a unit"
        " vector. A row with one dark cell follows a single axis; an even row mixes all."
    )
    return Figure("pca-components", caption, figure, "Entries of the first components per axis.")
