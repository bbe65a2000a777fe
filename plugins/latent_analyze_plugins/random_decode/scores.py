"""The two tests of a z-point: does the encoder find it again, and is it near the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze_plugins.random_decode.cycle import run_cycle, without_rounding
from latent_analyze_plugins.random_decode.metric import support_scores, whitened
from latent_analyze_plugins.shared.rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from latent_analyze.plugin import Context, Frame

CRITERIA = ("joint", "cycle", "support")
"""Names of the rates, the one that counts first."""


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
        See `cycle.Cycle`.
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
    frame: Frame, z: NDArray[np.float64], context: Context, *, shown: NDArray[np.int64], task: str
) -> Scores:
    """Score z-points (n, dim), and keep the decoded outputs of the rows `shown`."""
    whitening = frame["whitening"].astype(np.float64)
    rows = rows_of(context.reference, frame["support_rows"])
    white, support = (whitened(part - frame["center"], whitening) for part in (z, rows))
    near, nearest = support_scores(white, support, frame["radii"])
    found = run_cycle(context, z, shown, task=task)
    cycle = None
    if found.residual is not None:
        cycle = _cycle_scores(frame, z, found.residual)
    return Scores(cycle, near, nearest, found.decoded, found.finite)


def _cycle_scores(
    frame: Frame, z: NDArray[np.float64], residual: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return lengths over the threshold: 0 for rounding alone, infinite for what is no number."""
    clean = without_rounding(residual, z, frame["spread"])
    white = whitened(clean, frame["residual_whitening"].astype(np.float64))
    lengths = np.linalg.norm(white, axis=1)
    lengths[~np.isfinite(lengths)] = np.inf
    smallest = np.finfo(np.float64).tiny
    return np.where(lengths > 0, lengths / max(frame["threshold"], smallest), 0.0)
