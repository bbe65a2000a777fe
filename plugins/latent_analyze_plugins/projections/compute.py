"""Exact counts per part of every window, in one pass over the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from latent_analyze.plugin import AnalysisError, Batch, Frame, Tally
from latent_analyze_plugins.projections.frame import PARTS, each_window
from latent_analyze_plugins.projections.statistics import dispersion, empty_share, grain

FUNCTIONS = {"grain": grain, "dispersion": dispersion, "empty": empty_share}
"""In the order in which a reader is told of them."""


class PlaneCounts(Tally):
    """Counts of z-points per plane, window and part; the same for any split of the rows."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        parts = PARTS * frame["cells"]
        self.parts = np.zeros((*frame["half_widths"].shape, parts, parts), np.int64)
        self.count = self.nonfinite = 0

    def add(self, batch: Batch) -> None:
        """Count the rows of a batch; rows with NaN or infinity are counted apart."""
        from latent_analyze_plugins.projections import kernels

        names = ("mean", "directions", "pairs", "half_widths")
        planes = tuple(self.frame[name] for name in names)
        z = np.ascontiguousarray(batch.z, np.float32)
        finite = kernels.count_parts(z, planes, self.parts)
        self.count += finite
        self.nonfinite += len(batch) - finite

    def result(self) -> dict[str, Any]:
        """Return the statistics of every window, and the counts."""
        if not self.count:
            raise AnalysisError("at least one finite z-point", found="none")
        widths, cells = self.frame["half_widths"], self.frame["cells"]
        split = self.parts.reshape(*widths.shape, cells, PARTS, cells, PARTS)
        counts = split.sum(axis=(3, 5))
        arrays, scalars = {}, {}
        for statistic, function in FUNCTIONS.items():
            values = arrays[statistic] = np.full(widths.shape, np.nan)
            for place, name, _ in each_window(self.frame):
                scalars[f"{statistic}_{name}"] = values[place] = function(counts[place])
        return {
            "n": self.count, "nonfinite": self.nonfinite, **scalars, **arrays,
            "half_width": widths, "inside": self.parts.sum(axis=(2, 3)),
            "parts": self.parts.astype(np.uint32),
        }  # fmt: skip
