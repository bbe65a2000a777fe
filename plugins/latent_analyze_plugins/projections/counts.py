"""Exact counts per part of every window, in one pass over the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import AnalysisError, Array, Result, Scalar
from latent_analyze_plugins.projections.frame import PARTS, STATISTICS, window_name
from latent_analyze_plugins.projections.statistics import dispersion, empty_share, grain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Batch, Frame

FUNCTIONS = {"dispersion": dispersion, "grain": grain, "empty": empty_share}
TEXTS = {
    "dispersion": "variance over mean of the cell counts",
    "grain": "second differences of neighboring cells over counting noise",
    "empty": "share of empty cells",
}
RELATIVE_EFFECT = 0.1
LEAST_EMPTY = 0.05


class PlaneCounts:
    """Counts of z-points per plane, window and part; the same for any split of the rows."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        planes, windows = frame["half_widths"].shape
        parts = PARTS * frame["cells"]
        self.parts = np.zeros((planes, windows, parts, parts), np.int64)
        self.count = self.nonfinite = 0

    def add(self, batch: Batch) -> None:
        """Count the rows of a batch; rows with NaN or infinity are counted apart."""
        from latent_analyze_plugins.projections import _kernels

        frame = self.frame
        scores = _kernels.project(
            np.ascontiguousarray(batch.z, np.float32), frame["mean"], frame["directions"]
        )
        finite = _kernels.count_parts(scores, frame["pairs"], frame["half_widths"], self.parts)
        self.count += finite
        self.nonfinite += len(batch) - finite

    def merge(self, other: PlaneCounts) -> None:
        """Take in all that another accumulator of the same frame has counted."""
        self.count += other.count
        self.nonfinite += other.nonfinite
        self.parts += other.parts

    def result(self) -> Result:
        """Return the statistics of every window, and the counts."""
        if not self.count:
            raise AnalysisError("at least one finite z-point", found="none")
        statistics = {name: self._each(function) for name, function in FUNCTIONS.items()}
        scalars = {
            "n": Scalar(self.count, "z-points", "finite z-points counted"),
            "nonfinite": Scalar(self.nonfinite, "z-points", "with NaN or infinity, left out"),
        }
        return Result(scalars | self._scalars(statistics), self._arrays(statistics))

    @property
    def cells(self) -> NDArray[np.int64]:
        """Counts per cell, shape (plane, window, cell, cell)."""
        planes, windows, parts, _ = self.parts.shape
        cells = parts // PARTS
        split = self.parts.reshape(planes, windows, cells, PARTS, cells, PARTS)
        return split.sum(axis=(3, 5))

    def _each(self, function: Any) -> NDArray[np.float64]:
        """Return a statistic per plane and window, NaN for windows that a plane does not have."""
        values = np.full(self.frame["half_widths"].shape, np.nan)
        cells = self.cells
        for p, k in np.argwhere(self.frame["half_widths"] > 0):
            values[p, k] = function(cells[p, k])
        return values

    def _scalars(self, statistics: dict[str, NDArray[np.float64]]) -> dict[str, Scalar]:
        scalars = {}
        for p, name in enumerate(self.frame["names"].split("|")):
            for k, width in enumerate(self.frame["half_widths"][p]):
                for s, statistic in enumerate(STATISTICS):
                    if width > 0:
                        scalars[f"{statistic}_{name}_{window_name(k)}"] = _scalar(
                            statistic, float(statistics[statistic][p, k]), float(width),
                            calibrated=bool(self.frame["tested"][s, p, k]),
                        )  # fmt: skip
        return scalars

    def _arrays(self, statistics: dict[str, NDArray[np.float64]]) -> dict[str, Array]:
        window = ("plane", "window")
        units = {"dispersion": "", "grain": "", "empty": "share"}
        arrays = {
            name: Array(values, window, units[name], TEXTS[name])
            for name, values in statistics.items()
        }
        return arrays | {
            "half_width": Array(
                self.frame["half_widths"], window, "standard deviations", "of each window"
            ),
            "inside": Array(
                self.parts.sum(axis=(2, 3)), window, "z-points", "in each window"
            ),
            "parts": Array(
                self.parts.astype(np.uint32), (*window, "first", "second"), "z-points",
                f"per part of each window; {PARTS} x {PARTS} parts are a cell",
            ),
        }  # fmt: skip


def _scalar(statistic: str, value: float, width: float, *, calibrated: bool) -> Scalar:
    effect = LEAST_EMPTY if statistic == "empty" else RELATIVE_EFFECT * float(np.fmax(value, 1.0))
    return Scalar(
        value, "share" if statistic == "empty" else "",
        f"{TEXTS[statistic]}, within {width:.3g} standard deviations of the mean",
        calibrated=calibrated, minimum_effect=effect if calibrated else 0.0,
    )  # fmt: skip
