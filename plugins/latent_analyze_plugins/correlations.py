"""Which axes of the latent space depend on each other, and where the cloud's center lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from latent_analyze.plotting import draw_matrices, finish, new_figure, overlay
from latent_analyze.plugin import (
    Analysis,
    AnalysisError,
    AnalysisOptions,
    Context,
    Figure,
    Finding,
    Frame,
    Measure,
    ResultSet,
    Source,
    Summary,
    Values,
)

ROUNDING, CENTER_SHARE, ONE_SIDED, MAX_DRAWN = 1e-6, 0.9, 0.5, 64
FAR_OFF = 3.0
"""A center nearer than this many sampling errors has no place of its own."""
MAGNITUDES = "rank correlation of |z − mean|"
KINDS = {"pearson": "correlation", "rank": "rank correlation", "magnitude": MAGNITUDES}
TESTED: dict[str, Any] = {"calibrated": True, "direction": "high"}
MATRIX = ("axis", "other_axis")


class CorrelationsOptions(AnalysisOptions):
    """Options of `Correlations`."""

    sample: int = Field(10_000, ge=10, description="z-points sampled for rank correlations")
    max_axes: int = Field(
        256, ge=2, le=2048, description="axes compared: the widest ones, where there are more"
    )
    strongest: int = Field(20, ge=1, description="pairs listed")


class Correlations(Analysis):
    """Which axes of the latent space depend on each other, and where the cloud's center lies.

    Three matrices: Pearson's correlation of all z-points; Spearman's rank correlation (1904) of a
    seeded sample; and the rank correlation of the magnitudes |z_i - m_i| about the mean, which is
    that of no correlation but of a common scale: positive where points far out on one axis are far
    out on others too, negative where they are near the middle of the others, as on a shell.

    A Gaussian null has the reference's Pearson correlations by construction. Held against it is
    the dependence beyond them: the magnitudes, and by how much the rank correlations r_s depart
    from (6 / pi) asin(r / 2), their value for a Gaussian of correlation r (Pearson 1907).
    """

    name, title = "correlations", "Dependence between axes"
    counts, Options = {"sample": (1000, 10_000)}, CorrelationsOptions
    measures = (
        Measure("n", "finite z-points", "z-points"),
        Measure("mean_correlation", "mean |Pearson| over all pairs"),
        Measure("strongest_correlation", "largest |Pearson| of a pair"),
        Measure("mean_rank_correlation", "mean |Spearman| over all pairs"),
        Measure("rank_departure", "mean |Spearman - its value for a Gaussian of the same Pearson| "
                "over all pairs", **TESTED, minimum_effect=0.02,
                higher="rank correlations are not those of a Gaussian"),
        Measure("magnitude_dependence", "mean |rank correlation| of |z_i - m_i| over all pairs",
                **TESTED, minimum_effect=0.02,
                higher="how far out z-points are on one axis depends on the other axes"),
        Measure("magnitude_balance", "mean with the sign: above 0, axes are far out together"),
        Measure("strongest_magnitude_dependence", "largest |rank correlation| of |z_i - m_i|",
                **TESTED, minimum_effect=0.05,
                higher="how far out z-points are on one axis depends on another axis"),
        Measure("center_distance", "distance of the mean from the origin", "latent units"),
        Measure("center_spreads", "the same in root mean squares of the axes' standard deviations",
                "spreads"),
        Measure("center_error", "distance that sampling alone gives a mean of zero",
                "latent units"),
        Measure("center_axes", "hold 90 % of the squared distance of the mean", "axes"),
        Measure("axes", "axes compared, counted from 0", dims=("axis",)),
        Measure("pearson", "Pearson's correlation", dims=MATRIX),
        Measure("rank", "Spearman's rank correlation, of the sample", dims=MATRIX),
        Measure("magnitude", "rank correlation of |z_i - m_i|, of the sample", dims=MATRIX),
        Measure("strongest_pairs", "by |Pearson|, descending", dims=("pair", "member")),
        Measure("strongest_values", "Pearson, rank, magnitude", dims=("pair", "kind")),
    )  # fmt: skip

    def prepare(self, reference: Source) -> Frame:
        """Choose the widest axes that vary by more than rounding; AnalysisError if not two do."""
        summary = reference.summary()
        std = np.nan_to_num(summary.std)
        noise = ROUNDING * np.maximum(std.max(initial=0.0), np.abs(np.nan_to_num(summary.mean)))
        varying = np.flatnonzero(std > noise)
        if summary.count < 3 or len(varying) < 2:
            raise AnalysisError(
                "at least three z-points that vary along two axes",
                found=f"{summary.count} z-points that vary along {len(varying)} axes",
                next_step="look at axis_density instead",
            )
        widest = varying[np.argsort(-std[varying], kind="stable")[: self.options.max_axes]]
        return Frame({
            "dim": reference.dim, "axes": np.sort(widest),
            "constant_axes": reference.dim - len(varying), "left_out": len(varying) - len(widest),
        })  # fmt: skip

    def run(self, frame: Frame, source: Source, context: Context) -> Values:
        """Return matrices, strongest pairs and the place of the center."""
        axes, summary = frame["axes"], source.summary()
        sample = context.sample(self.options.sample).z
        rows = sample[np.isfinite(sample).all(axis=1)][:, axes].astype(np.float64)
        if len(rows) < 3:
            raise AnalysisError("at least three finite z-points", found=str(len(rows)))
        pearson, ranks, notes = correlation(rows), rank_correlation(rows), []
        departure = np.abs(ranks - 6 / np.pi * np.arcsin(pearson / 2))
        if summary.covariance is None:
            notes = ["Pearson's correlations are those of the sample"]
        else:
            pearson = _normalized(summary.covariance[np.ix_(axes, axes)])
        magnitudes = rank_correlation(np.abs(rows - rows.mean(axis=0)))
        matrices = dict(zip(KINDS, (pearson, ranks, magnitudes), strict=True))
        found = {
            "n": summary.count, "axes": axes, "rank_departure": upper(departure).mean(),
            **{name: matrix.astype(np.float32) for name, matrix in matrices.items()},
            **_of_pairs(matrices, axes, self.options.strongest), **_center(summary),
        }  # fmt: skip
        return Values(found, sample_size=len(rows), notes=notes)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Name the strongest pairs, the dependence that is no correlation, and the center."""
        yield _strongest(results)
        yield from _beyond_correlation(results)
        yield _place_of_center(results)
        yield from _left_out(results)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the matrices of data and null, and the magnitudes of all pairs in order."""
        yield _draw_maps(results)
        yield _draw_pairs(results)


def correlation(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlation of columns, shape (axis, axis); 0 where one does not vary."""
    centered = rows - rows.mean(axis=0)
    return _normalized(centered.T @ centered)


def rank_correlation(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Spearman's correlation of columns; equal values share their mean rank."""
    from scipy.stats import rankdata

    return correlation(rankdata(rows, axis=0))


def upper(matrix: NDArray[Any]) -> NDArray[Any]:
    """Return the entries above the diagonal: one per pair of axes."""
    return matrix[np.triu_indices(len(matrix), 1)]


def _normalized(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    std = np.sqrt(np.maximum(np.diagonal(squares), 0.0))
    inverse = np.divide(1.0, std, out=np.zeros_like(std), where=std > 0)
    matrix = np.clip(squares * np.outer(inverse, inverse), -1.0, 1.0)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def _of_pairs(
    matrices: Mapping[str, NDArray[np.float64]], axes: NDArray[np.int64], strongest: int
) -> dict[str, Any]:
    pearson, ranks, magnitudes = (upper(matrix) for matrix in matrices.values())
    order = np.argsort(-np.abs(pearson), kind="stable")[:strongest]
    pairs = axes[np.stack(np.triu_indices(len(axes), 1), axis=1)[order]]
    return {
        "mean_correlation": np.abs(pearson).mean(),
        "strongest_correlation": np.abs(pearson).max(),
        "mean_rank_correlation": np.abs(ranks).mean(),
        "magnitude_dependence": np.abs(magnitudes).mean(),
        "magnitude_balance": magnitudes.mean(),
        "strongest_magnitude_dependence": np.abs(magnitudes).max(),
        "strongest_pairs": pairs,
        "strongest_values": np.stack([pearson, ranks, magnitudes], axis=1)[order],
    }


def _center(summary: Summary) -> dict[str, float]:
    distance, spread = float(np.linalg.norm(summary.mean)), summary.spread
    squares = np.cumsum(np.sort(summary.mean**2)[::-1])
    needed = int(np.searchsorted(squares, (CENTER_SHARE - 1e-12) * squares[-1])) + 1
    return {
        "center_distance": distance,
        "center_spreads": distance / spread if spread else 0.0,
        "center_error": float(np.sqrt(summary.variance.sum() / summary.count)),
        "center_axes": needed if distance else 0,
    }


def _strongest(results: ResultSet) -> Finding:
    data = results.data
    (first, second), (r, rank, _) = data["strongest_pairs"][0], data["strongest_values"][0]
    pairs, mean = len(upper(data["pearson"])), data["mean_correlation"]
    noise = float(np.sqrt(2 * np.log(2 * pairs + 1) / data["n"]))
    text = (
        f"The strongest correlation is that of axes {first} and {second}: {r:.2g} (rank correlation"
        f" {rank:.2g}); the mean over {pairs:,} pairs is {mean:.2g} (absolute values)."
    )
    if abs(r) < noise:
        text += f" Independent axes would reach {noise:.2g} with as many z-points."
    return Finding("note", text, {"r": float(r), "mean": mean})


def _beyond_correlation(results: ResultSet) -> Iterable[Finding]:
    data, standing = results.data, {entry.scalar for entry in results.standouts()}
    if not any("magnitude" in scalar for scalar in standing):
        return
    matrix = np.triu(np.abs(data["magnitude"]), 1)
    i, j = np.unravel_index(int(matrix.argmax()), matrix.shape)
    text = (
        f"The magnitudes |z − mean| of axes {data['axes'][i]} and {data['axes'][j]} depend most on "
        f"each other (rank correlation {data['magnitude'][i, j]:.2g})"
    )
    balance = data["magnitude_balance"]
    if abs(balance) > ONE_SIDED * data["magnitude_dependence"]:
        side = "far out on others too" if balance > 0 else "near the middle of others"
        text += f"; on the whole, z-points far out on one axis are {side}"
    yield Finding("note", f"{text}.", {"magnitude_balance": balance})


def _place_of_center(results: ResultSet) -> Finding:
    names = ("center_distance", "center_spreads", "center_axes")
    distance, spreads, few = (results.data[name] for name in names)
    error = results.data["center_error"]
    where = f"; {few} of {results.frame['dim']} axes hold 90 % of the squared distance"
    if distance < FAR_OFF * error:
        where = f", which sampling error ({error:.2g}) may explain"
    text = (
        f"The cloud's center lies {spreads:.2g} spreads ({distance:.3g} latent units) from the "
        f"origin{where}."
    )
    return Finding("note", text, {name: results.data[name] for name in names})


def _left_out(results: ResultSet) -> Iterable[Finding]:
    constant, compared = (results.frame[name] for name in ("constant_axes", "axes"))
    of_all = f"of {results.frame['dim']:,} axes"
    if constant:
        why = f"rounding may ({ROUNDING:g} of the widest axis, or of their own mean)"
        text = f"{constant} {of_all} are compared with none: they vary by no more than {why}."
        yield Finding("note", text)
    if results.frame["left_out"]:
        text = f"Only the {len(compared)} widest {of_all} are compared; max_axes takes more."
        yield Finding("note", text)
    for label, result in results.results.items():
        yield from (Finding("note", f"{label}: {note}.") for note in result.notes)


def _draw_maps(results: ResultSet) -> Figure:
    data, axes = results.data, results.frame["axes"]
    strength = np.max([np.abs(data[kind]) for kind in KINDS], axis=0)
    np.fill_diagonal(strength, 0.0)
    chosen = np.sort(np.argsort(-strength.max(axis=0), kind="stable")[:MAX_DRAWN])
    figure = draw_matrices(results, KINDS, chosen=chosen, names=axes[chosen], label="correlation")
    caption = (
        "Every pair of axes: correlation (orange: they rise together, violet: one falls where the "
        "other rises), the same by ranks, and the rank correlation of the magnitudes |z − mean|."
    )
    if len(chosen) < len(axes):
        caption += f" Drawn are the {len(chosen)} of {len(axes)} axes with the largest ones."
    if results.ensembles:
        caption += (
            " Below, one draw of each null: a covariance-matched Gaussian has the left map by "
            "construction; the right one shows dependence that no correlation explains."
        )
    size, magnitudes = data["strongest_correlation"], data["strongest_magnitude_dependence"]
    alt = f"The strongest correlation is {size:.2g}, that of magnitudes {magnitudes:.2g}."
    return Figure("correlations", caption, figure, alt)


def _draw_pairs(results: ResultSet) -> Figure:
    figure, (left, right) = new_figure(1, 2, height=3.0)
    pairs = len(upper(results.data["pearson"]))
    shares = 100 * (np.arange(pairs) + 0.5) / pairs
    overlay(left, results, lambda r: -np.sort(-np.abs(upper(r["pearson"]))), over=shares)
    overlay(right, results, lambda r: -np.sort(-upper(r["magnitude"])), over=shares)
    for axis, title in ((left, "|correlation|, all z-points"), (right, MAGNITUDES)):
        axis.axhline(0, color="black", lw=0.6)
        axis.set(xlabel="pairs of axes, in order (%)", ylabel=title)
    caption = (
        "All pairs of axes in descending order. Left: the size of Pearson's correlation. Right: the"
        " rank correlation of the magnitudes; above zero the two axes are far out together, below "
        "zero one is near its middle where the other is far out."
    )
    if results.ensembles:
        caption += (
            " Gray: the null models; where the data leave the band on the right, axes depend on "
            "each other in a way that the null does not have."
        )
    return Figure("correlations-pairs", caption, finish(figure), "Correlations in order.")
