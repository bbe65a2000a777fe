"""Sources made of the reference's own rows: axes shuffled on their own, posterior draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import (
    Block,
    DrawnSource,
    OptionError,
    PosteriorSource,
    Sampler,
    Source,
    keyed_rng,
)


class ShuffledSource(DrawnSource):
    """The values of every axis of a reference in an order of their own.

    The order of axis j is a permutation keyed by (seed, j), so any process makes the same rows. The
    shuffled values are made on first use, once per process (the size of the reference in memory),
    and are not pickled.
    """

    def __init__(self, reference: Source, *, label: str, seed: int) -> None:
        super().__init__(label, count=reference.count, dim=reference.dim, seed=seed)
        self.reference = reference
        self._columns: NDArray[np.float32] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_columns": None}

    @property
    def state(self) -> Mapping[str, Any]:
        """What is shuffled."""
        return {"reference": self.reference.fingerprint}

    @property
    def columns(self) -> NDArray[np.float32]:
        """Shuffled values per axis, shape (dim, count)."""
        if self._columns is None:
            columns = np.empty((self.dim, self.count), np.float32)
            for block in self.reference.blocks():
                columns[:, block.start : block.stop] = self.reference.read(block).z.T
            for axis, values in enumerate(columns):
                columns[axis] = values[keyed_rng(self.seed, "axis", axis).permutation(self.count)]
            self._columns = columns
        return self._columns

    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[np.float32]:
        """Return float32 rows of a block."""
        del rng
        return self.columns[:, block.start : block.stop].T


class Shuffled(Sampler):
    """The reference with every axis permuted on its own.

    Keeps the distribution along every axis exactly and destroys all that ties the axes together: a
    null model for dependence.
    """

    name = "shuffled"
    needs_reference = True
    matches = "variance"

    def fit(self, reference: Source | None, seed: int) -> ShuffledSource:
        """Return a shuffled source; raises OptionError for another count than the reference's."""
        reference = _same_count(self, reference)
        return ShuffledSource(reference, label=self.name, seed=seed)


class Posterior(Sampler):
    """One draw mu + exp(log_var / 2) eps per row of a variational store.

    Source of the method: Kingma & Welling (2014), equation 10.
    """

    name = "posterior"
    needs_reference = True
    requires = frozenset({"log_var"})

    def fit(self, reference: Source | None, seed: int) -> PosteriorSource:
        """Return posterior draws; raises OptionError if the reference has no log_var."""
        return PosteriorSource(_same_count(self, reference), seed, self.name)


def _same_count(sampler: Sampler, reference: Source | None) -> Source:
    reference = sampler.required(reference)
    count, _ = sampler.size(reference)
    if count != reference.count:
        raise OptionError(
            f"count={reference.count}, that of {reference.label}",
            found=f"count={count}",
            next_step=f"leave count out of {sampler.name}",
        )
    return reference
