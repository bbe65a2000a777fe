"""The two tests of a z-point: does the encoder find it again, and is it near the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Batch, Context, Frame, take_rows
from latent_analyze_plugins.random_decode.metric import (
    fit_whitening,
    knn_radii,
    support_scores,
    white_in,
    whitened,
)
from latent_analyze_plugins.random_decode.passes import NO_ROWS, Outputs, run_model
from latent_analyze_plugins.random_decode.qualities import GOOD, Ranked
from latent_analyze_plugins.random_decode.telling import make_parts, rank_parts

CRITERIA = ("good", "joint", "cycle", "support")
"""Names of the rates, the one that counts first."""

QUANTILE, FOLDS = 0.95, 5
"""Share of the calibration half that passes the test of the cycle; folds it is fitted in."""

NARROWEST = 1e-3
"""An axis narrower than this share of the widest is measured as if it were that wide."""

ROUNDING = 1e-5
"""Residuals below this share of |z| and of the data's spread are rounding in float32: none."""


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
    data
        z-points of the support set, (m, dim).
    ranked
        Qualities of the outputs; None where the model cannot tell good from bad.
    outputs
        What the model made of the z-points.
    """

    cycle: NDArray[np.float64] | None
    support: NDArray[np.float64]
    nearest: NDArray[np.float64]
    data: NDArray[np.float32]
    ranked: Ranked | None
    outputs: Outputs

    @property
    def passed(self) -> Mapping[str, NDArray[np.bool_]]:
        """Criterion -> whether each z-point meets it, in the order of `CRITERIA`."""
        support = self.support <= 1
        good = {} if self.ranked is None else {"good": self.ranked.quality >= GOOD}
        if self.cycle is None:
            return {"support": support}
        cycle = self.cycle <= 1
        return {**good, "joint": cycle & support, "cycle": cycle, "support": support}


def score(
    frame: Frame, batch: Batch, context: Context, *, task: str, shown: NDArray[np.int64] = NO_ROWS
) -> Scores:
    """Score z-points of the source, and keep the decoded outputs of the rows `shown`."""
    z = batch.z
    data = take_rows(context.reference, frame["support_rows"]).z
    white, support = (white_in(frame.values, part) for part in (z, data))
    near, nearest = support_scores(white, support, frame["radii"])
    parts = None if frame["cannot_say"] else make_parts(frame.values, data, context)
    found = run_model(context, batch, shown, task=task, examine=parts)
    cycle = None if frame["no_cycle"] else _cycle_scores(frame, z, found.landing - z)
    ranked = None if parts is None else rank_parts(parts.standard, found.examined)
    return Scores(cycle, near, nearest, data, ranked, found)


def fit_support(
    z: NDArray[np.float32], spread: NDArray[np.float64], neighbors: int
) -> dict[str, Any]:
    """Return center and metric of the support set (n, dim), and the radius of each one's ball."""
    center, floor = z.mean(axis=0, dtype=np.float64), np.full(len(spread), NARROWEST * spread.max())
    whitening = fit_whitening(z - center, floor).astype(np.float32)
    radii = knn_radii(whitened(z - center, whitening.astype(np.float64)), neighbors)
    return {"center": center, "whitening": whitening, "radii": radii}


def fit_cycle(
    z: NDArray[np.float32], again: NDArray[np.float64], spread: NDArray[np.float64]
) -> dict[str, Any]:
    """Return the metric of the residuals of held-out z-points, and their 95 % quantile in it.

    `again` is E(D(z)), (n, dim); `spread` that of the data on each axis, (dim,).

    Raises
    ------
    AnalysisError
        If the model gives NaN or infinity for more than 5 % of them.
    """
    residual = again - z
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
    with np.errstate(over="ignore"):
        return np.where(lengths > 0, lengths / max(frame["threshold"], smallest), 0.0)


def _without_rounding(
    residual: NDArray[np.float64], z: NDArray[np.float32], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return residuals (n, dim) with those that are rounding alone set to zero."""
    return np.where(np.abs(residual) <= ROUNDING * (np.abs(z) + spread), 0.0, residual)
