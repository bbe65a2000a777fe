"""Sources of random z-points: block k comes from a generator keyed by (seed, k)."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.files.hashing import content_hash
from latent_analyze.files.provenance import code_hash
from latent_analyze.sources.seeding import GENERATOR, keyed_rng
from latent_analyze.sources.source import Z_ONLY, AnyArray, Batch, Block, BlockSource

if TYPE_CHECKING:
    from collections.abc import Mapping


class DrawnSource(BlockSource):
    """Base class of the sources that samplers fit; any worker draws the same rows in any order.

    Parameters
    ----------
    label
        Name shown in reports, usually the text that the user gave: ``"uniform:b=1.5"``.
    count, dim
        Number of z-points and of latent dimensions.
    seed
        The same seed gives the same rows.
    """

    def __init__(self, label: str, *, count: int, dim: int, seed: int) -> None:
        self.label, self.count, self.dim, self.seed = label, count, dim, seed

    @abstractmethod
    def draw(self, rng: np.random.Generator, block: Block) -> AnyArray:
        """Return the z-points of a block, shape (block.size, dim), in latent units."""

    @property
    @abstractmethod
    def state(self) -> Mapping[str, object]:
        """What the rows depend on besides seed, count and dim; as `content_hash` takes it."""

    @property
    def origin(self) -> type:
        """The class whose code the rows depend on."""
        return type(self)

    @property
    def fingerprint(self) -> str:
        """Hash of class, code, state, seed, size, block size and generator version."""
        state = [part for key in sorted(self.state) for part in (key, self.state[key])]
        name = (self.origin.__module__, self.origin.__qualname__, code_hash(self.origin))
        size = (self.seed, self.count, self.dim, self.block_rows)
        return content_hash(GENERATOR, name, size, *state)

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Draw the rows of a block."""
        rng = keyed_rng(self.seed, "block", block.index)
        dtype = np.float32 if self.codes is None else np.int64
        z: AnyArray = np.ascontiguousarray(self.draw(rng, block), dtype=dtype)
        return Batch(z=z, rows=np.arange(block.start, block.stop))
