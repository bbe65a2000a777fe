"""Excess kurtosis per axis: how heavy the tails of a latent space are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pydantic import Field

from latent_analyze.plugin import (
    Analysis,
    AnalysisError,
    AnalysisOptions,
    Array,
    Batch,
    Calibration,
    Figure,
    Finding,
    Frame,
    Result,
    ResultSet,
    Scalar,
    Source,
)
from latent_analyze_kurtosis.moments import CentralMoments

MIN_COUNT = 4


class KurtosisOptions(AnalysisOptions):
    """Options of `kurtosis`."""

    threshold: float = Field(
        1.0, gt=0, description="excess kurtosis above which an axis counts as heavy-tailed"
    )


class KurtosisAccumulator:
    """Collects moments; knows the threshold, so that `result` needs nothing else."""

    def __init__(self, dim: int, threshold: float) -> None:
        self.moments, self.threshold = CentralMoments(dim), threshold

    def add(self, batch: Batch) -> None:
        """Take in the rows of a batch."""
        self.moments.add(batch.z)

    def merge(self, other: KurtosisAccumulator) -> None:
        """Take in all that another accumulator has seen."""
        self.moments.merge(other.moments)

    def result(self) -> Result:
        """Return the excess kurtosis per axis and what sums it up."""
        if self.moments.count < MIN_COUNT:
            raise AnalysisError(
                f"at least {MIN_COUNT} z-points for a kurtosis", found=f"{self.moments.count}"
            )
        excess = self.moments.excess_kurtosis()
        known = excess[~np.isnan(excess)]
        if not len(known):
            raise AnalysisError("an axis with spread", found="none: all z-points are alike")
        heavy = int((known > self.threshold).sum())
        return Result(
            scalars={
                "mean": Scalar(
                    float(known.mean()), description="mean excess kurtosis of the axes",
                    calibrated=True, minimum_effect=0.1,
                ),
                "largest": Scalar(
                    float(known.max()), description="largest excess kurtosis of an axis",
                    calibrated=True, direction="high", minimum_effect=0.1,
                ),
                "heavy_axes": Scalar(heavy, "axes", f"excess kurtosis above {self.threshold:g}"),
                "flat_axes": Scalar(len(excess) - len(known), "axes", "axes without spread"),
                "count": Scalar(self.moments.count, "z-points", "z-points seen"),
            },
            arrays={"excess": Array(excess, ("axis",), description="excess kurtosis per axis")},
        )  # fmt: skip


class Kurtosis(Analysis):
    """Excess kurtosis per axis: how heavy the tails of a latent space are.

    0 for a Gaussian, 3 for a Laplace distribution, -1.2 for a uniform one. Axes with a high value
    have z-points that a Gaussian fitted to mean and covariance would never draw.
    """

    name = "kurtosis"
    title = "Tails along the axes"
    Options = KurtosisOptions

    def prepare(self, reference: Source) -> Frame:
        """Return what all sources share: the number of axes."""
        return Frame({"dim": reference.dim})

    def accumulator(self, frame: Frame) -> KurtosisAccumulator:
        """Return an empty accumulator; each row of a source goes into one of them, once."""
        return KurtosisAccumulator(frame["dim"], self.options.threshold)

    def interpret(self, results: ResultSet) -> Iterable[Finding]:
        """Say how heavy the tails are, and warn only where the null does not explain it."""
        data, threshold = results.data, self.options.threshold
        yield Finding(
            "note",
            f"{data['heavy_axes']} of {results.frame['dim']} axes have an excess kurtosis above "
            f"{threshold:g}; the mean is {data['mean']:.2f}, the largest {data['largest']:.2f}.",
            {"mean": data["mean"], "largest": data["largest"]},
        )
        for entry in results.standouts():
            yield _warning(entry)

    def plot(self, results: ResultSet) -> Iterable[Figure]:
        """Draw the axes in order of their excess kurtosis, over the band of each null."""
        from latent_analyze_kurtosis.figure import draw

        yield draw(results, self.options.threshold)


def _warning(entry: Calibration) -> Finding:
    weight = "heavier" if entry.value > entry.null_mean else "lighter"
    return Finding(
        "warning",
        f"The tails are {weight} than those of {entry.null}: the {entry.scalar} excess kurtosis is "
        f"{entry.value:.2f} against {entry.null_low:.2f} to {entry.null_high:.2f} "
        f"(adjusted p = {entry.p_adjusted:.2g}).",
        {"value": entry.value, "null_mean": entry.null_mean, "p_adjusted": entry.p_adjusted},
    )
