"""Codes drawn by chance, to hold codes of data against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import OptionError, Sampler, Source, codes_of


class UniformCodes(Sampler):
    """Codes drawn evenly from the whole codebook, independent of each other.

    What codes look like if each says as much as it can: their entropy is the logarithm of the
    number of codes.
    """

    name = "uniform_codes"
    needs_reference = True
    latents = frozenset({"codes"})

    def state(self, reference: Source | None, seed: int) -> dict[str, Any]:
        """Return the number of codes; OptionError if the reference has none."""
        del seed
        codes = codes_of(self.required(reference))
        if codes is None:
            raise OptionError(
                f"a source of codes for {self.name}", found="one of coordinates",
                next_step="use uniform:b=1",
            )  # fmt: skip
        return {"codes": codes.count}

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, int], *, codes: int
    ) -> NDArray[np.int64]:
        """Return int64 rows."""
        return rng.integers(0, codes, shape)
