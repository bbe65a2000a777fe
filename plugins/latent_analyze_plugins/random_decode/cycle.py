"""Through the decoder and back through the encoder, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Context, Model

ROUNDING = 1e-5
"""Residuals below this share of |z| and of the data's spread are rounding in float32: none."""


@dataclass(frozen=True)
class Cycle:
    """What came of n z-points.

    Attributes
    ----------
    decoded
        Outputs of the decoder for the rows that were asked for, in their order.
    finite
        Whether the decoder's output is finite, shape (n,).
    residual
        E(D(z)) - z, float64, shape (n, dim); NaN where decoder or encoder gave no finite number;
        None if the model does not encode what it decodes.
    """

    decoded: NDArray[np.float32]
    finite: NDArray[np.bool_]
    residual: NDArray[np.float64] | None


def no_cycle(model: Model) -> str:
    """Return why a model cannot encode what it decodes, or an empty text if it can."""
    spec = model.spec
    if not spec.can_encode:
        return "the model has no encoder"
    if spec.input is None or spec.output is None or spec.input.shape != spec.output.shape:
        return "the encoder takes another shape than the decoder gives"
    return ""


def run_cycle(
    context: Context, z: NDArray[np.float64], shown: NDArray[np.int64], *, task: str
) -> Cycle:
    """Decode z-points (n, dim) and, where the model can, encode them again.

    Parameters
    ----------
    context
        Gives the model, and takes the progress.
    z
        Shape (n, dim), n >= 1.
    shown
        Row numbers, ascending, whose decoded outputs are kept.
    task
        What the progress is called.
    """
    model = context.model
    back = not no_cycle(model)
    batch = max(model.spec.batch, 1)
    decoded, finite = [], np.zeros(len(z), bool)
    again = np.full(z.shape, np.nan)
    for start in range(0, len(z), batch):
        context.progress(task, start, len(z))
        x = np.asarray(model.decode(z[start : start + batch].astype(np.float32)), np.float32)
        good = np.isfinite(x.reshape(len(x), -1)).all(axis=1)
        finite[start : start + batch] = good
        low, high = np.searchsorted(shown, [start, start + len(x)])
        decoded.append(x[shown[low:high] - start])
        if back and good.any():
            again[start + np.flatnonzero(good)] = model.encode(x[good]).mu
    context.progress(task, len(z), len(z))
    return Cycle(np.concatenate(decoded), finite, again - z if back else None)


def without_rounding(
    residual: NDArray[np.float64], z: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return residuals (n, dim) with those that are rounding alone set to zero.

    Parameters
    ----------
    spread
        Standard deviation of the data per axis, shape (dim,).
    """
    return np.where(np.abs(residual) <= ROUNDING * (np.abs(z) + spread), 0.0, residual)
