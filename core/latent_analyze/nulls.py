"""Null ensembles: members are ordinary sources, rescaled to the reference's sample moments.

Estimators are biased, and the null must be biased the same way: so each draw gets exactly the mean
and covariance (or variances) that the reference has, not merely in expectation.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.seeding import content_hash
from latent_analyze.source import Z_ONLY, Batch, Block, BlockSource, Source
from latent_analyze.source_views import RelabelledSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latent_analyze.contracts import Sampler
    from latent_analyze.summary import Summary

_ONE_AT_A_TIME = threading.Lock()

RANK_TOLERANCE = 1e-10
"""Variance along a direction, relative to the largest, below which the direction counts as flat."""


def null_members(
    sampler: Sampler, reference: Source, *, label: str, seed: int, repeats: int
) -> list[Source]:
    """Return the members of a null ensemble.

    Parameters
    ----------
    sampler
        Fitted anew for each member, with the seed (seed, r).
    label
        Label of the ensemble; member r is called ``label#r``.
    repeats
        Number of members; the first 5 of 20 are the same sources as those of an ensemble of 5.
    """
    members: list[Source] = []
    for r in range(repeats):
        drawn = sampler.fit(reference, member_seed(seed, label, r))
        if sampler.matches != "nothing":
            drawn = MomentMatched(drawn, reference, sampler.matches)
        members.append(RelabelledSource(drawn, f"{label}#{r}"))
    return members


def member_seed(seed: int, label: str, r: int) -> int:
    """Return the seed of member r: a 63-bit number that depends on seed, label and r."""
    return int(content_hash("null", seed, label, r)[:15], 16)


class MomentMatched(BlockSource):
    """A draw, moved and rescaled to have a reference's sample mean and covariance or variances."""

    def __init__(self, base: Source, reference: Source, matches: str) -> None:
        self.base, self.reference, self.matches = base, reference, matches
        self.label, self.count, self.dim, self.fields = base.label, base.count, base.dim, Z_ONLY

    @property
    def fingerprint(self) -> str:
        """Hash of the draw, the reference and what is matched."""
        parts = (self.base.fingerprint, self.reference.fingerprint, self.matches)
        return content_hash("moment-matched", *parts)

    def blocks(self) -> Sequence[Block]:
        """Return the blocks of the draw."""
        return self.base.blocks()

    def read(self, block: Block, fields: frozenset[str] = Z_ONLY) -> Batch:
        """Draw the rows of a block and rescale them."""
        del fields
        batch = self.base.read(block)
        with _ONE_AT_A_TIME:
            drawn_mean, scale, mean = self._transform
        if scale is None:
            return batch
        centered = batch.z - drawn_mean
        scaled = centered * scale if scale.ndim == 1 else centered @ scale
        return Batch(z=np.ascontiguousarray(scaled + mean, np.float32), rows=batch.rows)

    @cached_property
    def _transform(self) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[Any]]:
        drawn, wanted = self.base.summary(), self.reference.summary()
        scale = _scale(drawn, wanted, self.matches)
        means = drawn.mean.astype(np.float32), wanted.mean.astype(np.float32)
        return means[0], None if scale is None else scale.astype(np.float32), means[1]


def _scale(drawn: Summary, wanted: Summary, matches: str) -> NDArray[np.float64] | None:
    if matches == "variance" or drawn.covariance is None or wanted.covariance is None:
        return _axis_scale(drawn, wanted)
    # Standardized first: an axis of small spread beside large ones is no flat direction.
    std = np.where(drawn.std > 0, drawn.std, 1.0), np.where(wanted.std > 0, wanted.std, 1.0)
    drawn_root = inverse_root(drawn.covariance / np.outer(std[0], std[0]))
    wanted_root = root(wanted.covariance / np.outer(std[1], std[1]))
    return (drawn_root / std[0][:, None]) @ (wanted_root * std[1])


def _axis_scale(drawn: Summary, wanted: Summary) -> NDArray[np.float64] | None:
    tolerance = 1e-6 * wanted.spread
    means = np.allclose(drawn.mean, wanted.mean, rtol=1e-5, atol=tolerance)
    # A shuffled reference has its moments already; rescaling would only blur its marginals.
    if means and np.allclose(drawn.std, wanted.std, rtol=1e-5, atol=tolerance):
        return None
    return np.divide(wanted.std, drawn.std, out=np.zeros(drawn.dim), where=drawn.std > 0)


def root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the symmetric square root of a covariance, shape (dim, dim)."""
    values, vectors = np.linalg.eigh(covariance)
    found: NDArray[np.float64] = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return found


def inverse_root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the symmetric inverse square root on the covariance's numerical range."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > RANK_TOLERANCE * max(values[-1], 0.0)
    inverse = np.where(kept, 1.0 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    found: NDArray[np.float64] = (vectors * inverse) @ vectors.T
    return found
