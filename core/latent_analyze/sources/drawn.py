"""Artificial z-points: block k is drawn from a generator keyed by (seed, k)."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.files.hashing import content_hash
from latent_analyze.files.provenance import code_hash
from latent_analyze.sources.seeding import GENERATOR, keyed_rng
from latent_analyze.sources.source import Z_ONLY, Batch, Block, BlockSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class DrawnSource(BlockSource):
    """Base of what samplers fit: any worker makes the same rows, in any order.

    Parameters
    ----------
    label
        Name of the source in reports, usually the sampler's text: ``"uniform:b=1.5"``.
    count, dim
        Number of z-points and of latent dimensions.
    seed
        Same seed, same rows.
    """

    def __init__(self, label: str, *, count: int, dim: int, seed: int) -> None:
        self.label, self.count, self.dim, self.seed = label, count, dim, seed

    @abstractmethod
    def draw(self, rng: np.random.Generator, block: Block) -> NDArray[Any]:
        """Return the z-points of a block, shape (block.size, dim), in latent units."""

    @property
    @abstractmethod
    def state(self) -> Mapping[str, Any]:
        """What the rows depend on besides seed, count and dim: numbers, texts, small arrays."""

    @property
    def fingerprint(self) -> str:
        """Hash of class and its code, state, seed, size, block size and generator version."""
        state = [part for key in sorted(self.state) for part in (key, self.state[key])]
        name = (type(self).__module__, type(self).__qualname__, code_hash(type(self)))
        size = (self.seed, self.count, self.dim, self.block_rows)
        return content_hash(GENERATOR, name, size, *state)

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Draw the rows of a block."""
        rng = keyed_rng(self.seed, "block", block.index)
        z = np.ascontiguousarray(self.draw(rng, block), dtype=np.float32)
        return Batch(z=z, rows=np.arange(block.start, block.stop))
