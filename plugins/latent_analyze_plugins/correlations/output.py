"""Axes, correlation matrices, and what they come down to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import AnalysisError, Array, Frame, Result, Scalar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Source, Summary

ROUNDING = 1e-6
CENTER_SHARE = 0.9
LEAST_DEPENDENCE = 0.02
LEAST_STRONGEST = 0.05


def make_frame(reference: Source, options: Any) -> Frame:
    """Return the axes to compare: those that vary, the widest first where there are too many.

    Raises
    ------
    AnalysisError
        If fewer than two axes vary.
    """
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
    widest = varying[np.argsort(-std[varying], kind="stable")[: options.max_axes]]
    return Frame(
        {
            "dim": reference.dim,
            "axes": np.sort(widest),
            "constant_axes": reference.dim - len(varying),
            "left_out": len(varying) - len(widest),
        }
    )


def make_result(
    frame: Frame, summary: Summary, sample: NDArray[np.float32], *, strongest: int
) -> Result:
    """Return the result of a source from its summary and a sample of its rows."""
    axes = frame["axes"]
    rows = sample[np.isfinite(sample).all(axis=1)][:, axes].astype(np.float64)
    if len(rows) < 3:
        raise AnalysisError("at least three finite z-points", found=str(len(rows)))
    of_sample = correlation(rows)
    covariance = summary.covariance
    pearson = (
        of_sample if covariance is None else _normalized(covariance[np.ix_(axes, axes)].copy())
    )
    ranks = rank_correlation(rows)
    magnitudes = rank_correlation(np.abs(rows - rows.mean(axis=0)))
    matrices = {"pearson": pearson, "rank": ranks, "magnitude": magnitudes}
    departure = np.abs(ranks - 6 / np.pi * np.arcsin(of_sample / 2))
    scalars = {
        "n": Scalar(summary.count, "z-points", "finite z-points"),
        **_pair_scalars(matrices, departure),
        **_center_scalars(summary),
    }
    arrays = {"axes": Array(axes, ("axis",), "", "axes compared, counted from 0")}
    arrays |= _matrix_arrays(matrices) | _strongest_pairs(matrices, axes, strongest)
    notes = ("Pearson's correlations are those of the sample",) if covariance is None else ()
    return Result(scalars, arrays, len(rows), notes)


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


def _pair_scalars(
    matrices: dict[str, NDArray[np.float64]], departure: NDArray[np.float64]
) -> dict[str, Scalar]:
    pearson, magnitudes = np.abs(upper(matrices["pearson"])), upper(matrices["magnitude"])
    return {
        "mean_correlation": Scalar(float(pearson.mean()), "", "mean |Pearson| over all pairs"),
        "strongest_correlation": Scalar(float(pearson.max()), "", "largest |Pearson| of a pair"),
        "mean_rank_correlation": Scalar(
            float(np.abs(upper(matrices["rank"])).mean()), "", "mean |Spearman| over all pairs"
        ),
        "rank_departure": Scalar(
            float(upper(departure).mean()), "",
            "mean |Spearman - its value for a Gaussian of the same Pearson| over all pairs",
            calibrated=True, direction="high", minimum_effect=LEAST_DEPENDENCE,
        ),
        "magnitude_dependence": Scalar(
            float(np.abs(magnitudes).mean()), "",
            "mean |rank correlation| of |z_i - m_i| over all pairs",
            calibrated=True, direction="high", minimum_effect=LEAST_DEPENDENCE,
        ),
        "magnitude_balance": Scalar(
            float(magnitudes.mean()), "", "mean with the sign: above 0, axes are far out together"
        ),
        "strongest_magnitude_dependence": Scalar(
            float(np.abs(magnitudes).max()), "", "largest |rank correlation| of |z_i - m_i|",
            calibrated=True, direction="high", minimum_effect=LEAST_STRONGEST,
        ),
    }  # fmt: skip


def _center_scalars(summary: Summary) -> dict[str, Scalar]:
    distance = float(np.linalg.norm(summary.mean))
    squares = np.sort(summary.mean**2)[::-1]
    axes = 0
    if distance:
        share = np.cumsum(squares) / squares.sum()
        axes = int(np.searchsorted(share, CENTER_SHARE - 1e-12)) + 1
    error = float(np.sqrt(summary.variance.sum() / summary.count))
    spread = summary.spread
    return {
        "center_distance": Scalar(distance, "latent units", "distance of the mean from the origin"),
        "center_spreads": Scalar(
            distance / spread if spread else 0.0, "spreads",
            "the same in root mean squares of the axes' standard deviations",
        ),
        "center_error": Scalar(
            error, "latent units", "distance that sampling alone gives a mean of zero"
        ),
        "center_axes": Scalar(axes, "axes", "hold 90 % of the squared distance of the mean"),
    }  # fmt: skip


def _matrix_arrays(matrices: dict[str, NDArray[np.float64]]) -> dict[str, Array]:
    texts = {
        "pearson": "Pearson's correlation",
        "rank": "Spearman's rank correlation, of the sample",
        "magnitude": "rank correlation of |z_i - m_i|, of the sample",
    }
    return {
        name: Array(matrix.astype(np.float32), ("axis", "other_axis"), "", texts[name])
        for name, matrix in matrices.items()
    }


def _strongest_pairs(
    matrices: dict[str, NDArray[np.float64]], axes: NDArray[np.int64], strongest: int
) -> dict[str, Array]:
    first, second = np.triu_indices(len(axes), 1)
    order = np.argsort(-np.abs(upper(matrices["pearson"])), kind="stable")[:strongest]
    pairs = np.stack([axes[first[order]], axes[second[order]]], axis=1)
    values = np.stack([upper(matrix)[order] for matrix in matrices.values()], axis=1)
    return {
        "strongest_pairs": Array(pairs, ("pair", "member"), "", "by |Pearson|, descending"),
        "strongest_values": Array(values, ("pair", "kind"), "", "Pearson, rank, magnitude"),
    }
