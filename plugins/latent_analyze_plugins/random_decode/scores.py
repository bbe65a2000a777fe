"""The two tests of a z-point: does the encoder find it again, and is it near the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Batch, Context, Frame, Model, take_rows
from latent_analyze.statistics import MAX_FULL_DIM, nearest_others, shrunk_correlation

CRITERIA = ("joint", "cycle", "support")
"""Names of the rates, the one that counts first."""

QUANTILE, FOLDS = 0.95, 5
"""Share of the calibration half that passes the test of the cycle; folds it is fitted in."""

NARROWEST = 1e-3
"""An axis narrower than this share of the widest is measured as if it were that wide."""

FLATTEST = 1e-6
"""Variances of standardized axes below this share of the largest are raised to it."""

ROUNDING = 1e-5
"""Residuals below this share of |z| and of the data's spread are rounding in float32: none."""

SMALLEST_RADIUS = 1e-6
"""Radius of a ball around z-points that are all alike: rounding of the distances, no more."""

CHUNK = 64
"""Rows whose distances to all others are held at once: few enough to stay in a cache."""

NO_ROWS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Scores:
    """What was found about n z-points; a score of at most 1 passes its test.

    Attributes
    ----------
    cycle
        |E(D(z)) - z| over its threshold, shape (n,); None if the model does not encode what it
        decodes.
    support
        Distance to a z-point of the data over the radius of its ball, smallest over the data, (n,).
    nearest
        Distance to the nearest z-point of the data, whitened, (n,).
    decoded, finite
        Outputs of the decoder for the rows asked for; whether the output is finite, (n,).
    """

    cycle: NDArray[np.float64] | None
    support: NDArray[np.float64]
    nearest: NDArray[np.float64]
    decoded: NDArray[np.float32]
    finite: NDArray[np.bool_]

    @property
    def passed(self) -> Mapping[str, NDArray[np.bool_]]:
        """Criterion -> whether each z-point meets it, in the order of `CRITERIA`."""
        support = self.support <= 1
        if self.cycle is None:
            return {"support": support}
        cycle = self.cycle <= 1
        return {"joint": cycle & support, "cycle": cycle, "support": support}


def score(
    frame: Frame, batch: Batch, context: Context, *, task: str, shown: NDArray[np.int64] = NO_ROWS
) -> Scores:
    """Score z-points of the source, and keep the decoded outputs of the rows `shown`."""
    z, whitening = batch.z, frame["whitening"].astype(np.float64)
    data = take_rows(context.reference, frame["support_rows"]).z
    white, support = (whitened(part - frame["center"], whitening) for part in (z, data))
    near, nearest = support_scores(white, support, frame["radii"])
    decoded, finite, residual = run_cycle(context, batch, shown, task=task)
    cycle = None if frame["no_cycle"] else _cycle_scores(frame, z, residual)
    return Scores(cycle, near, nearest, decoded, finite)


def no_cycle(model: Model) -> str:
    """Return why a model cannot encode what it decodes, or an empty text if it can."""
    spec = model.spec
    if not spec.can_encode:
        return "the model has no encoder"
    if spec.input is None or spec.output is None or spec.input.shape != spec.output.shape:
        return "the encoder takes another shape than the decoder gives"
    return ""


def run_cycle(
    context: Context, batch: Batch, shown: NDArray[np.int64] = NO_ROWS, *, task: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
    """Decode z-points, at least one, and, where the model can, encode them again.

    Both with the labels of the rows, or drawn ones, as `Context.model_labels` says.

    Returns
    -------
    decoded, finite
        See `Scores`; decoded are the rows `shown`, ascending.
    residual
        E(D(z)) - z, shape (n, dim); NaN where decoder or encoder gave no finite number.
    """
    z, labels, model = batch.z, context.model_labels(batch.rows), context.model
    back, step = not no_cycle(model), max(model.spec.batch, 1)
    decoded, finite, again = [], np.zeros(len(z), bool), np.full(z.shape, np.nan)
    for start in range(0, len(z), step):
        context.progress(task, start, len(z))
        given = {name: values[start : start + step] for name, values in labels.items()}
        x = context.decode(z[start : start + step], given)
        good = np.isfinite(x.reshape(len(x), -1)).all(axis=1)
        finite[start : start + step] = good
        low, high = np.searchsorted(shown, [start, start + len(x)])
        decoded.append(x[shown[low:high] - start])
        if back and good.any():
            given = {name: values[good] for name, values in given.items()}
            again[start + np.flatnonzero(good)] = context.encode(x[good], given).mu
    context.progress(task, len(z), len(z))
    return np.concatenate(decoded), finite, again - z


def fit_support(
    z: NDArray[np.float32], spread: NDArray[np.float64], neighbors: int
) -> dict[str, Any]:
    """Return center and metric of the support set (n, dim), and the radius of each one's ball."""
    center, floor = z.mean(axis=0, dtype=np.float64), np.full(len(spread), NARROWEST * spread.max())
    whitening = fit_whitening(z - center, floor).astype(np.float32)
    radii = knn_radii(whitened(z - center, whitening.astype(np.float64)), neighbors)
    return {"center": center, "whitening": whitening, "radii": radii}


def fit_cycle(batch: Batch, spread: NDArray[np.float64], context: Context) -> dict[str, Any]:
    """Return the metric of the residuals of held-out z-points, and their 95 % quantile in it.

    Raises
    ------
    AnalysisError
        If the model gives NaN or infinity for more than 5 % of them.
    """
    z = batch.z
    *_, residual = run_cycle(context, batch, task="decode the calibration half")
    good = np.isfinite(residual).all(axis=1)
    if good.mean() < QUANTILE:
        raise AnalysisError(
            "finite numbers from decoder and encoder for the reference's own z-points",
            found=f"NaN or infinity for {(~good).sum()} of {len(z)}",
            next_step="check the model",
        )
    largest = np.maximum(np.abs(z).max(axis=0), NARROWEST * spread.max())
    clean, floor = _without_rounding(residual[good], z[good], spread), ROUNDING * largest
    lengths = np.full(len(z), np.inf)
    lengths[good] = _crossed_lengths(clean, floor)
    threshold = float(np.quantile(lengths, QUANTILE, method="inverted_cdf"))
    whitening = fit_whitening(clean, floor).astype(np.float32)
    return {"residual_whitening": whitening, "threshold": threshold}


def _crossed_lengths(
    residual: NDArray[np.float64], floor: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the length of each residual in the metric of the other folds, shape (n,).

    In a metric that they were themselves fitted to, residuals look shorter than new ones.
    """
    lengths, fold = np.empty(len(residual)), np.arange(len(residual)) % FOLDS
    for own in range(FOLDS):
        mine = fold == own
        white = whitened(residual[mine], fit_whitening(residual[~mine], floor))
        lengths[mine] = np.linalg.norm(white, axis=1)
    return lengths


def _cycle_scores(
    frame: Frame, z: NDArray[np.float32], residual: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return lengths over the threshold: 0 for rounding alone, infinite for what is no number."""
    clean = _without_rounding(residual, z, frame["spread"])
    white = whitened(clean, frame["residual_whitening"].astype(np.float64))
    lengths = np.linalg.norm(white, axis=1)
    lengths[~np.isfinite(lengths)] = np.inf
    smallest = np.finfo(np.float64).tiny
    return np.where(lengths > 0, lengths / max(frame["threshold"], smallest), 0.0)


def _without_rounding(
    residual: NDArray[np.float64], z: NDArray[np.float32], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return residuals (n, dim) with those that are rounding alone set to zero."""
    return np.where(np.abs(residual) <= ROUNDING * (np.abs(z) + spread), 0.0, residual)


def fit_whitening(rows: NDArray[np.float64], floor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return W such that |rows @ W| is a distance in the metric of the rows' second moments.

    The correlations are shrunk as Ledoit & Wolf (2004) do, and narrow directions are measured as
    if they were wider, axes as if they had at least the spread `floor` (dim,): none is left out, so
    what departs in a direction that the rows (n, dim) do not vary in is far away. W has the shape
    (dim, dim), and above 1,024 dimensions (dim,), one factor per axis.
    """
    scale = np.maximum(np.sqrt(np.einsum("ij,ij->j", rows, rows) / len(rows)), floor)
    if rows.shape[1] > MAX_FULL_DIM:
        return 1.0 / scale
    values, vectors = shrunk_correlation(rows / scale)
    if not values[-1] > 0:
        return np.diag(1.0 / scale)
    return vectors / np.sqrt(np.maximum(values, FLATTEST * values[-1])) / scale[:, None]


def whitened(rows: NDArray[np.float64], whitening: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows @ whitening, shape (n, dim)."""
    return rows * whitening if whitening.ndim == 1 else rows @ whitening


def knn_radii(white: NDArray[np.float64], neighbors: int) -> NDArray[np.float64]:
    """Return the distance of each row to its k-th nearest other row, shape (n,)."""
    return np.maximum(nearest_others(white, neighbors)[0][:, -1], SMALLEST_RADIUS)


def support_scores(
    white: NDArray[np.float64], support: NDArray[np.float64], radii: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return scores and distances, shape (n,), of whitened rows (n, dim) among the data (m, dim).

    A score is the smallest distance / radius over the balls of the data, at most 1 inside some
    ball; the distance is that to the nearest z-point of the data.
    """
    scores, nearest = np.empty(len(white)), np.empty(len(white))
    lengths = np.einsum("ij,ij->i", support, support)
    for start in range(0, len(white), CHUNK):
        chunk = white[start : start + CHUNK]
        squares = lengths - 2 * (chunk @ support.T)
        squares += np.einsum("ij,ij->i", chunk, chunk)[:, None]
        np.maximum(squares, 0.0, out=squares)
        nearest[start : start + CHUNK] = np.sqrt(squares.min(axis=1))
        scores[start : start + CHUNK] = np.sqrt((squares / radii**2).min(axis=1))
    return scores, nearest
