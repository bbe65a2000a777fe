"""Laplace-distributed z-points: an example of a sampler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Block, DrawnSource, OptionError, Sampler, Source


class LaplaceSource(DrawnSource):
    """Independent Laplace components with a given mean and standard deviation per axis."""

    def __init__(
        self,
        mean: NDArray[np.float64],
        std: NDArray[np.float64],
        *,
        label: str,
        count: int,
        seed: int,
    ) -> None:
        super().__init__(label, count=count, dim=len(mean), seed=seed)
        self.mean, self.std = mean, std

    @property
    def state(self) -> Mapping[str, Any]:
        """What the rows depend on besides seed and size."""
        return {"mean": self.mean, "std": self.std}

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float64]:
        """Return the rows of a block; `rng` is keyed by seed and block, so any process agrees."""
        # A Laplace distribution of scale b has the variance 2 b^2.
        return rng.laplace(self.mean, self.std / np.sqrt(2), (block.size, self.dim))


class Laplace(Sampler):
    """Vectors with independent Laplace components, as wide as the reference along every axis.

    Their excess kurtosis is 3: a null model of heavy tails without any further structure.
    """

    name = "laplace"
    needs_reference = True
    matches = "variance"

    def fit(self, reference: Source | None, seed: int) -> LaplaceSource:
        """Return a source with the mean and variance of the reference along every axis."""
        if reference is None:
            raise OptionError("a store or vectors that laplace is fitted to", found="none")
        count, _ = self.size(reference)
        summary = reference.summary()
        return LaplaceSource(summary.mean, summary.std, label=self.name, count=count, seed=seed)
