"""What the sources of a case share: intervals of log_var, and a mean to take sums about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import AnalysisError, Frame

if TYPE_CHECKING:
    from latent_analyze.plugin import Source

SAMPLE_ROWS = 2000
MOST_BINS = 256
MARGIN = 1.0
"""Room beyond the sampled range of log_var; what lies farther out is counted as outside."""


def make_frame(reference: Source, options: Any) -> Frame:
    """Return intervals over the sampled range of log_var, anchored at multiples of their width.

    Raises
    ------
    AnalysisError
        If no finite log_var is in the sample.
    """
    log_var = reference.sample(SAMPLE_ROWS, options.seed, frozenset({"log_var"})).log_var
    finite = None if log_var is None else log_var[np.isfinite(log_var)]
    if finite is None or not len(finite):
        raise AnalysisError(
            f"finite log_var in {reference.label}",
            found="none",
            next_step="check the second output of the encoder",
        )
    low, high, width = float(finite.min()), float(finite.max()), options.bin_width
    while (high - low + 2 * MARGIN) / width > MOST_BINS - 2:
        width *= 2
    first = int(np.floor((low - MARGIN) / width))
    last = int(np.ceil((high + MARGIN) / width))
    return Frame(
        {
            "dim": reference.dim,
            "shift": np.nan_to_num(reference.summary().mean),
            "bin_width": width,
            "first_bin": first,
            "bins": last - first,
        }
    )
