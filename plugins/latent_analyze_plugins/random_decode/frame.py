"""What all sources of a case share: held-out rows, the balls of the data, and thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import AnalysisError, Frame, keyed_rng
from latent_analyze_plugins.random_decode.cycle import (
    ROUNDING,
    no_cycle,
    run_cycle,
    without_rounding,
)
from latent_analyze_plugins.random_decode.metric import fit_whitening, knn_radii, whitened
from latent_analyze_plugins.random_decode.scores import score
from latent_analyze_plugins.shared.rows import rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Context, Source

HELD_OUT_SHARE = 5
"""At most one row in five goes into each held-out half."""

SMALLEST_HALF = 5
"""Rows in a held-out half below which a quantile of 95 % says nothing."""

FOLDS = 5

QUANTILE = 0.95
"""Share of the calibration half that passes the test of the cycle."""

NARROWEST = 1e-3
"""An axis narrower than this share of the widest is measured as if it were that wide."""

MAX_SUPPORT_VALUES = 1 << 24
"""Most numbers in the support set: 128 MiB of float64."""

NO_ROWS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Split:
    """Row numbers of the reference, ascending; no row stands in two of them."""

    support: NDArray[np.int64]
    calibration: NDArray[np.int64]
    evaluation: NDArray[np.int64]


def split_rows(reference: Source, options: Any, seed: int) -> Split:
    """Return seeded row numbers of the support set and of both held-out halves.

    Raises
    ------
    AnalysisError
        If the reference has too few rows.
    """
    count = reference.count
    half = min(options.points, count // HELD_OUT_SHARE)
    most = max(MAX_SUPPORT_VALUES // reference.dim, options.neighbors + 1)
    support = min(options.support, most, count - 2 * half)
    if half < SMALLEST_HALF or support <= options.neighbors:
        needed = max(HELD_OUT_SHARE * SMALLEST_HALF, 2 * options.neighbors)
        raise AnalysisError(
            f"at least {needed} z-points to hold some out,"
            f" and more than {options.neighbors} that support others",
            found=f"{count} z-points and at most {support} that support others",
            next_step="encode more data, or set fewer neighbors",
        )
    order = keyed_rng(seed, "split").permutation(count)
    return Split(
        np.sort(order[2 * half : 2 * half + support]),
        np.sort(order[:half]),
        np.sort(order[half : 2 * half]),
    )


def make_frame(reference: Source, options: Any, context: Context) -> Frame:
    """Return rows, metrics, radii, thresholds, and the rates of the evaluation half.

    Raises
    ------
    AnalysisError
        If the reference has too few rows, if they are all alike, or if the model gives NaN or
        infinity for more than 5 % of the calibration half.
    """
    summary = reference.summary()
    if not summary.spread > 0:
        raise AnalysisError(
            "at least two different z-points in the reference",
            found=f"{summary.count} z-points that are all alike",
            next_step="check that the encoder's output depends on its input",
        )
    split = split_rows(reference, options, context.seed)
    rows = rows_of(reference, split.support)
    center, floor = rows.mean(axis=0), np.full(reference.dim, NARROWEST * summary.std.max())
    whitening = fit_whitening(rows - center, floor).astype(np.float32)
    radii = knn_radii(whitened(rows - center, whitening.astype(np.float64)), options.neighbors)
    values = {
        "support_rows": split.support,
        "calibration_rows": split.calibration,
        "evaluation_rows": split.evaluation,
        "center": center,
        "spread": summary.std,
        "whitening": whitening,
        "radii": radii,
        "neighbors": options.neighbors,
        "no_cycle": no_cycle(context.model),
    }
    if not values["no_cycle"]:
        values |= _cycle_test(rows_of(reference, split.calibration), summary.std, context)
    return Frame(values | _control(Frame(values), context))


def _cycle_test(
    z: NDArray[np.float64], spread: NDArray[np.float64], context: Context
) -> dict[str, Any]:
    """Return the metric of the calibration half's residuals, and their 95 % quantile in it."""
    residual = run_cycle(context, z, NO_ROWS, task="decode the calibration half").residual
    assert residual is not None
    good = np.isfinite(residual).all(axis=1)
    if good.mean() < QUANTILE:
        raise AnalysisError(
            "finite numbers from decoder and encoder for the reference's own z-points",
            found=f"NaN or infinity for {(~good).sum()} of {len(z)}",
            next_step="check the model",
        )
    largest = np.maximum(np.abs(z).max(axis=0), NARROWEST * spread.max())
    clean, floor = without_rounding(residual[good], z[good], spread), ROUNDING * largest
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


def _control(frame: Frame, context: Context) -> dict[str, float]:
    """Return the rates of the evaluation half, and its median distance from the data."""
    z = rows_of(context.reference, frame["evaluation_rows"])
    scores = score(frame, z, context, shown=NO_ROWS, task="decode the evaluation half")
    rates = {f"control_{name}": float(mask.mean()) for name, mask in scores.passed.items()}
    return {**rates, "control_nearest": float(np.median(scores.nearest))}
