"""Excess kurtosis per axis: how heavy the tails of a latent space are."""

import numpy as np
from pydantic import Field

import latent_analyze.plugin as la


class PowerSums(la.Tally):
    """Sums of the first four powers per axis, about the reference's mean; Tally merges them."""

    def __init__(self, frame: la.Frame, threshold: float) -> None:
        self.frame, self.options, self.count = frame, threshold, 0
        self.powers = np.zeros((4, len(frame["mean"])))

    def add(self, batch: la.Batch) -> None:
        x = (batch.z - self.frame["mean"]) / self.frame["scale"]
        self.count += len(x)
        self.powers += [(x**power).sum(axis=0) for power in (1, 2, 3, 4)]

    def result(self) -> dict[str, object]:
        a, b, c, d = self.powers / max(self.count, 1)
        variance = np.where(b - a**2 > 1e-12, b - a**2, np.nan)
        excess = (d - 4 * a * c + 6 * a**2 * b - 3 * a**4) / variance**2 - 3
        known = excess[~np.isnan(excess)]
        if self.count < 4 or not len(known):
            raise la.AnalysisError("4 z-points and an axis with spread", found=f"{self.count}")
        heavy = int((known > self.options).sum())
        return {"excess": excess, "mean": known.mean(), "largest": known.max(), "heavy_axes": heavy}


class Kurtosis(la.Analysis):
    """How heavy are the tails? Excess kurtosis per axis: 0 for a Gaussian, 3 for a Laplace."""

    name, title = "kurtosis", "Tails along the axes"
    measures = (
        la.Measure("mean", "mean excess kurtosis of the axes", calibrated=True, minimum_effect=0.1,
                   higher="the tails are heavier", lower="the tails are lighter"),
        la.Measure("largest", "largest excess kurtosis of an axis", calibrated=True,
                   direction="high", minimum_effect=0.1, higher="an axis has heavier tails"),
        la.Measure("heavy_axes", "axes with an excess kurtosis above {threshold:g}", "axes"),
        la.Measure("excess", "excess kurtosis of every axis (Gaussian: 0)", dims=("axis",)),
    )  # fmt: skip

    class Options(la.AnalysisOptions):
        threshold: float = Field(1.0, gt=0, description="kurtosis above which an axis is heavy")

    def prepare(self, reference: la.Source) -> la.Frame:
        mean, std = reference.summary().mean, reference.summary().std
        return la.Frame({"mean": mean, "scale": np.where(std > 0, std, 1.0)})

    def accumulator(self, frame: la.Frame) -> PowerSums:
        return PowerSums(frame, self.options.threshold)


@la.sampler(matches="variance")
def laplace(rng, shape, mean, std):
    """Independent Laplace components, as wide as the reference: a null model of heavy tails."""
    return rng.laplace(mean, std / np.sqrt(2), shape)
