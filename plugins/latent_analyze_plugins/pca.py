"""Principal components: along which directions the cloud of z-points is long."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pydantic import Field, PositiveInt

from latent_analyze.plotting import finish, gray_caption, new_figure, overlay, plain_log_ticks
from latent_analyze.plugin import (
    Analysis,
    AnalysisOptions,
    Context,
    Figure,
    Finding,
    Frame,
    Measure,
    Result,
    ResultSet,
    Source,
    Values,
)  # fmt: skip
from latent_analyze.statistics import (
    PRECISION,
    participation_ratio,
    rank,
    second_moments,
    separated_components,
)

SHARES = (90, 95, 99)
UNIT = "latent units²"
FOLLOWED, FEW_AXES = 0.5, 3
"""A component follows the axes that hold this share of its squared length, if they are so few."""
SHOWN_COMPONENTS, SHOWN_AXES = 10, 48


class PcaOptions(AnalysisOptions):
    """Options of `Pca`."""

    components: PositiveInt = Field(
        50, description="components kept for other analyses; all, if there are fewer"
    )
    seed: int = Field(0, description="seed of the sample taken above 4,096 dimensions")


class Pca(Analysis):
    """Along which directions the cloud is long, and how many of them it fills.

    Principal components (Pearson 1901; Hotelling 1933): eigenvectors of the covariance of all
    z-points, in float64 and about their mean. Above 4,096 dimensions those of a seeded sample of
    2,000 z-points. The frame, and the result of the reference, keep ``mean`` and ``components``:
    ``(z - mean) @ components.T`` are the scores of any rows z.

    Nothing here is calibrated: a Gaussian null has the reference's covariance, and with it the
    whole spectrum, by construction. Nulls of another kind, such as `shuffled`, are drawn beside it.
    """

    name, title = "pca", "Principal components"
    Options = PcaOptions
    measures = (
        Measure("n", "finite z-points", "z-points"),
        Measure("total_variance", "over all axes", UNIT),
        Measure("explained_1", "variance along the first component", "share"),
        Measure("explained_2", "variance along the first two components", "share"),
        Measure("participation_ratio", "(sum of variances)² / sum of their squares: as many as "
                "share the variance evenly", "components"),
        Measure("components_{share}", "hold {share} % of the variance", "components"),
        Measure("rank", f"with more than {PRECISION:g} of the first one's variance", "components"),
        Measure("separated", "lead with a variance apart from the next one by more than its "
                "sampling error", "components"),
        Measure("share_in_kept", "variance within the first {kept} components of the reference",
                "share"),
        Measure("variance", "along the source's own components", UNIT, dims=("component",)),
        Measure("cumulated", "of all variance", "share", dims=("component",)),
        Measure("variance_along", "along the components of the reference", UNIT,
                dims=("kept_component",)),
        Measure("mean", "center of the cloud", "latent units", dims=("axis",)),
        Measure("components", "unit vectors", dims=("kept_component", "axis")),
    )  # fmt: skip

    def prepare(self, reference: Source) -> Frame:
        """Fit the components to the reference."""
        moments = second_moments(reference, self.options.seed)
        variances, components = moments.components(self.options.components)
        return Frame({
            "mean": moments.summary.mean, "components": components, "variances": variances,
            "kept": len(components), "constant_axes": int((moments.summary.variance == 0).sum()),
        })  # fmt: skip

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Return a source's own spectrum, and its variance along the reference's components."""
        moments = second_moments(source, self.options.seed)
        summary, size = moments.summary, moments.sample_size
        variances, along = moments.spectrum(), moments.along(frame["components"])
        cumulated = np.cumsum(variances) / variances.sum()
        needed = np.searchsorted(cumulated, np.array(SHARES) / 100 - 1e-12) + 1
        found = {
            "n": summary.count,
            "total_variance": summary.variance.sum(),
            "explained_1": cumulated[0],
            "explained_2": cumulated[:2][-1],
            "participation_ratio": participation_ratio(variances),
            **{f"components_{share}": n for share, n in zip(SHARES, needed, strict=True)},
            "rank": rank(variances),
            "separated": separated_components(variances, size or summary.count),
            "share_in_kept": min(along.sum() / variances.sum(), 1.0),
            "variance": variances, "cumulated": cumulated, "variance_along": along,
        }  # fmt: skip
        if source.fingerprint == context.reference.fingerprint:
            found |= {name: frame[name] for name in ("mean", "components")}
        return Values(found, sample_size=size, notes=moments.notes)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say in how many components the variance lies, and which axes the first one follows."""
        yield _spread(results)
        yield from _first_component(results)
        yield from (_beside(label, result, results) for label, result in results.shown.items())
        numbers = {name: results.data[name] for name in ("n", "rank")}
        yield from (Finding("note", f"{text}.", numbers) for text in _limits(results))

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw variance per component and cumulated, and the components over the axes."""
        yield _draw_spectrum(results)
        yield _draw_components(results)


def _spread(results: ResultSet) -> Finding:
    names = ("components_90", "explained_1", "participation_ratio")
    needed, first, ratio = (results.data[name] for name in names)
    return Finding(
        "note",
        f"{needed} of {len(results.frame['mean'])} principal components hold 90 % of the variance, "
        f"the first alone {100 * first:.3g} %; it is shared as if evenly by {ratio:.3g} "
        "(participation ratio). A Gaussian null has the same spectrum by construction.",
        {name: results.data[name] for name in names},
    )


def _first_component(results: ResultSet) -> Iterable[Finding]:
    first = results.frame["components"][0] ** 2
    order = np.argsort(-first, kind="stable")
    needed = int(np.searchsorted(np.cumsum(first[order]), FOLLOWED)) + 1
    if results.data["separated"] == 0:
        text = "the first two components have the same variance within its sampling error"
        yield Finding("note", f"Which direction comes first is chance: {text}.")
    elif needed <= min(FEW_AXES, len(first) - 1):
        *others, last = map(str, order[:needed])
        axes = f"axes {', '.join(others)} and {last}" if others else f"axis {last}"
        share = float(first[order[:needed]].sum())
        text = f"The first component follows {axes}: {100 * share:.3g} % of its squared length."
        yield Finding("note", text, {"share": share})


def _beside(label: str, result: Result, results: ResultSet) -> Finding:
    inside, ratio = "share_in_kept", "participation_ratio"
    return Finding(
        "note",
        f"{label}: {100 * result[inside]:.3g} % of its variance lies within the first "
        f"{results.frame['kept']} components of {results.reference} "
        f"({100 * results.data[inside]:.3g} % there); its participation ratio is "
        f"{result[ratio]:.3g} against {results.data[ratio]:.3g}.",
        {name: result[name] for name in (ratio, inside)},
    )


def _limits(results: ResultSet) -> Iterable[str]:
    data, dim, constant = results.data, len(results.frame["mean"]), results.frame["constant_axes"]
    if constant:
        yield f"{constant} of {dim} axes do not vary at all"
    if data["n"] <= dim:
        yield (f"{data['n']:,} z-points in {dim:,} dimensions: at most {data['n'] - 1:,} "
               "components can have a variance, and the first ones look longer than they are"
               )  # fmt: skip
    elif data["rank"] < dim - constant and not data.sample_size:
        yield (f"The z-points lie flat: {data['rank']} of {dim} components have more than "
               f"{PRECISION:g} of the first one's variance")  # fmt: skip
    yield from (note[0].upper() + note[1:] for note in data.notes)


def _draw_spectrum(results: ResultSet) -> Figure:
    figure, (left, right) = new_figure(1, 2, height=3.3)
    sources = results.results.values()
    for axis, name in ((left, "variance_along"), (right, "cumulated")):
        overlay(axis, results, name, markers=True,
                over=lambda result, name=name: 1 + np.arange(len(result[name])))  # fmt: skip
        axis.xaxis.get_major_locator().set_params(integer=True)
    drawn = np.concatenate([result["variance_along"] for result in sources])
    wide = drawn.max() > 10 * drawn[drawn > 0].min()
    left.set(**{"yscale": "log"} if wide else {"ylim": (0, None)})
    if wide:
        plain_log_ticks(left, "y")
    left.set(xlabel="principal component of the reference", ylabel=f"variance along it ({UNIT})")
    last = max(1 + int(np.searchsorted(result["cumulated"], 0.999)) for result in sources)
    right.set(xlabel="number of the source's own components", xlim=(0.5, max(last, 2) + 0.5),
              ylabel="cumulated share of variance", ylim=(0, 1.03))  # fmt: skip
    for share in SHARES:
        right.axhline(share / 100, color="#BBBBBB", lw=0.6, zorder=0)
    caption = (
        "Left: the variance along each principal component of the reference (scree plot). Right: "
        "the share of all variance that each source's own first components hold; horizontal lines "
        "at 90, 95 and 99 %."
    )
    if results.ensembles:
        agrees = "A covariance-matched Gaussian agrees by construction."
        caption += f"{gray_caption(results)} {agrees}"
    needed = "{} components hold 90 % of the variance, {} hold 99 %."
    alt = needed.format(results.data["components_90"], results.data["components_99"])
    return Figure("pca", caption, finish(figure), alt)


def _draw_components(results: ResultSet) -> Figure:
    components = results.frame["components"][:SHOWN_COMPONENTS]
    count, dim = components.shape
    chosen = np.argsort(-(components**2).sum(axis=0), kind="stable")[:SHOWN_AXES]
    axes = np.sort(chosen)
    figure, axis = new_figure(height=1.5 + 0.17 * count)
    limit = float(np.abs(components).max())
    image = axis.imshow(components[:, axes], cmap="PuOr_r", vmin=-limit, vmax=limit,
                        aspect="auto", interpolation="none")  # fmt: skip
    figure.colorbar(image, ax=axis, label="entry of the unit vector", pad=0.02)
    step = max(1, len(axes) // 16)
    axis.set_xticks(range(0, len(axes), step), [str(a) for a in axes[::step]])
    axis.set_yticks(range(count), [str(c + 1) for c in range(count)])
    axis.set(xlabel="axis of the latent space", ylabel="principal component")
    part = "all axes" if len(axes) == dim else f"the {len(axes)} of {dim:,} axes that weigh most"
    caption = (
        f"What the first {count} components are made of, over {part}: each row is a unit vector. "
        "A row with one dark cell follows a single axis; an even row mixes all."
    )
    return Figure("pca-components", caption, figure, "Entries of the first components per axis.")
