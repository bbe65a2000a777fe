"""The smoothed bootstrap: rows of the reference plus normal noise."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from latent_analyze.plugin import Sampler, SamplerOptions, Source, take_rows
from latent_analyze_plugins.samplers.fitted import covariance_factor
from latent_analyze_plugins.samplers.fitting import PositiveNumber, spread_out


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

    def state(self, reference: Source | None, seed: int) -> dict[str, Any]:
        """Return the reference and the kernel's factor; OptionError without a covariance."""
        del seed
        summary = self.summary(reference)
        full = self.options.covariance == "full"
        factor = covariance_factor(summary, self.name) if full else summary.std
        bandwidth = self.options.bandwidth
        if bandwidth == "auto":
            rank = factor.shape[1] if full else int(np.count_nonzero(factor))
            bandwidth = normal_bandwidth(summary.count, rank)
        return {"reference": reference, "factor": bandwidth * factor}

    def draw(
        self,
        rng: np.random.Generator,
        shape: tuple[int, int],
        *,
        reference: Source,
        factor: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return random rows, drawn with replacement, plus noise; float64."""
        z = take_rows(reference, rng.integers(0, reference.count, shape[0])).z
        eps = rng.standard_normal((shape[0], factor.shape[-1]))
        return z.astype(np.float64) + spread_out(eps, factor)


def normal_bandwidth(count: int, dim: int) -> float:
    """Return the bandwidth that is best for a normal cloud (Silverman 1986, equation 4.14)."""
    return float((4 / (dim + 2) / count) ** (1 / (dim + 4)))
