"""The smoothed bootstrap: rows of the reference plus normal noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from latent_analyze.plugin import Block, DrawnSource, Sampler, SamplerOptions, Source
from latent_analyze_plugins.samplers._base import PositiveNumber, required, usable_summary
from latent_analyze_plugins.samplers.fitted import covariance_factor
from latent_analyze_plugins.shared.rows import rows_of


class KernelSource(DrawnSource):
    """Random rows of a reference, drawn with replacement, plus factor @ eps.

    Parameters
    ----------
    reference
        Where the rows come from; they are read when they are drawn.
    factor
        Shape (dim, rank), factor @ factor.T the kernel's covariance; or (dim,), the standard
        deviations of independent axes.
    """

    def __init__(
        self, reference: Source, factor: NDArray[np.float64], *, label: str, count: int, seed: int
    ) -> None:
        super().__init__(label, count=count, dim=reference.dim, seed=seed)
        self.reference, self.factor = reference, factor

    @property
    def state(self) -> Mapping[str, Any]:
        """The reference and the kernel's factor."""
        return {"reference": self.reference.fingerprint, "factor": self.factor}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        """Return float64 rows of a block."""
        z = rows_of(self.reference, rng.integers(0, self.reference.count, block.size))
        eps = rng.standard_normal((block.size, self.factor.shape[-1]))
        z += eps @ self.factor.T if self.factor.ndim == 2 else eps * self.factor
        return z


class KernelOptions(SamplerOptions):
    """Options of `kde`."""

    bandwidth: PositiveNumber | Literal["auto"] = Field(
        "auto",
        description="spread of the kernel, in units of the reference's spread in every direction; "
        "auto: (4 / (dim + 2) / count)^(1 / (dim + 4)), the best for a normal cloud",
    )
    covariance: Literal["full", "diag"] = Field(
        "full",
        description="shape of the kernel; full: the reference's covariance; diag: its variance per "
        "axis alone",
    )


class Kernel(Sampler):
    """The smoothed bootstrap: rows of the reference plus normal noise of a bandwidth.

    That is a draw from a kernel density estimate (Silverman 1986, section 6.4; the automatic
    bandwidth is his equation 4.14). With a small bandwidth it repeats the reference.
    """

    name = "kde"
    needs_reference = True
    Options = KernelOptions

    def fit(self, reference: Source | None, seed: int) -> KernelSource:
        """Return a smoothed bootstrap; raises OptionError without a covariance to take."""
        reference = required(reference, self.name)
        count, _ = self.size(reference)
        summary = usable_summary(reference, self.name)
        full = self.options.covariance == "full"
        factor = covariance_factor(summary, self.name) if full else summary.std
        bandwidth = self.options.bandwidth
        if bandwidth == "auto":
            rank = factor.shape[1] if full else int(np.count_nonzero(factor))
            bandwidth = normal_bandwidth(summary.count, rank)
        factor = bandwidth * factor
        return KernelSource(reference, factor, label=self.name, count=count, seed=seed)


def normal_bandwidth(count: int, dim: int) -> float:
    """Return the bandwidth that is best for a normal cloud (Silverman 1986, equation 4.14)."""
    return float((4 / (dim + 2) / count) ** (1 / (dim + 4)))
