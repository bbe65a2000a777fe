"""Z-points go through the model: decoded, encoded again, and what comes back examined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Batch, Context, Labels, Model

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]

NO_ROWS = np.zeros(0, np.int64)


class Examine(Protocol):
    """Looks at outputs that were encoded again."""

    @property
    def width(self) -> int:
        """Numbers per output."""
        ...

    def __call__(self, rows: Rows, z: Rows, labels: Labels) -> Floats:
        """Return numbers (n, width) for outputs (n, *row) whose E(x) is z, (n, dim)."""
        ...


@dataclass(frozen=True)
class Outputs:
    """What the model made of n z-points.

    Attributes
    ----------
    decoded
        Outputs of the decoder for the rows asked for.
    finite
        Whether the output is finite, (n,).
    landing
        E(D(z)), shape (n, dim); NaN where decoder or encoder gave no finite number.
    mean
        Mean of the finite outputs, one row.
    examined
        What `Examine` returned, (n, width); NaN for outputs that it was not asked about.
    """

    decoded: Rows
    finite: NDArray[np.bool_]
    landing: Floats
    mean: Floats
    examined: Floats


def no_cycle(model: Model) -> str:
    """Return why a model cannot encode what it decodes, or an empty text if it can."""
    spec = model.spec
    if not spec.can_encode:
        return "the model has no encoder"
    if spec.input is None or spec.output is None or spec.input.shape != spec.output.shape:
        return "the encoder takes another shape than the decoder gives"
    return ""


def run_model(
    context: Context,
    batch: Batch,
    shown: NDArray[np.int64] = NO_ROWS,
    *,
    task: str,
    examine: Examine | None = None,
) -> Outputs:
    """Decode z-points, at least one, and, where the model can, encode them again.

    Both with the labels of the rows, or drawn ones, as `Context.model_labels` says; the decoded
    rows `shown` are kept, ascending.
    """
    z, labels, model = batch.z, context.model_labels(batch.rows), context.model
    back, step = not no_cycle(model), max(model.spec.batch, 1)
    decoded, total = [], 0.0
    finite, landing = np.zeros(len(z), bool), np.full(z.shape, np.nan)
    examined = np.full((len(z), examine.width if examine else 0), np.nan)
    for start in range(0, len(z), step):
        context.progress(task, start, len(z))
        given = some_labels(labels, slice(start, start + step))
        x = context.decode(z[start : start + step], given)
        good = np.isfinite(x.reshape(len(x), -1)).all(axis=1)
        finite[start : start + step] = good
        total = total + x[good].sum(axis=0, dtype=np.float64)
        low, high = np.searchsorted(shown, [start, start + len(x)])
        decoded.append(x[shown[low:high] - start])
        if back and good.any():
            rows = start + np.flatnonzero(good)
            x, given = x[good], some_labels(given, good)
            landing[rows] = again = context.encode(x, given).mu
            if examine:
                examined[rows] = examine_finite(examine, x, again, labels=given)
    context.progress(task, len(z), len(z))
    mean = np.asarray(total / max(int(finite.sum()), 1))
    return Outputs(np.concatenate(decoded), finite, landing, mean, examined)


def examine_finite(examine: Examine, rows: Rows, z: Rows, *, labels: Labels) -> Floats:
    """Return what `examine` says of the outputs with a finite z; NaN for the others."""
    found = np.full((len(rows), examine.width), np.nan)
    good = np.isfinite(z).all(axis=1)
    if good.any():
        found[good] = examine(rows[good], z[good], some_labels(labels, good))
    return found


def some_labels(labels: Labels, rows: Any) -> Labels:
    """Return the labels of some rows: a slice, row numbers or a mask."""
    return {name: values[rows] for name, values in labels.items()}
