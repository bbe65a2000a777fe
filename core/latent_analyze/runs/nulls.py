"""Null ensembles: members are ordinary sources, rescaled to the reference's sample moments.

Estimators are biased, and the null must be biased the same way: so each draw gets exactly the mean
and covariance (or variances) that the reference has, not merely in expectation.
"""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.files.hashing import content_hash
from latent_analyze.sources.codes import codes_of
from latent_analyze.sources.seeding import derived_seed
from latent_analyze.sources.source import Z_ONLY, Batch, Block, BlockSource, Source
from latent_analyze.sources.views import RelabeledSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from latent_analyze.host.contracts import Sampler
    from latent_analyze.sources.summary import Summary

_ONE_AT_A_TIME = threading.Lock()

RANK_TOLERANCE = 1e-6
"""Variance along a direction of the standardized axes, relative to the largest, below which the
direction counts as flat: below lies the rounding of covariances of float32 rows."""

FEW_ROWS = 20
"""Draws of fewer rows per dimension are matched in float64."""


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
    return [null_member(sampler, reference, label=label, seed=seed, r=r) for r in range(repeats)]


def null_member(
    sampler: Sampler, reference: Source, *, label: str, seed: int, r: int
) -> RelabeledSource:
    """Return member r alone: once read, a member may hold as much memory as the reference."""
    drawn = sampler.fit(reference, member_seed(seed, label, r))
    if sampler.matches != "nothing" and codes_of(drawn) is None:
        drawn = MomentMatched(drawn, reference, sampler.matches)
    return RelabeledSource(drawn, f"{label}#{r}")


def member_seed(seed: int, label: str, r: int) -> int:
    """Return the seed of member r: a 60-bit number that depends on seed, label and r."""
    return derived_seed("null", seed, label, r)


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
            transform = self._transform
        if transform is None:
            return batch
        shift, scale, mean = transform
        z = _times(batch.z - shift, scale) + mean
        return Batch(z=np.ascontiguousarray(z, np.float32), rows=batch.rows)

    @cached_property
    def _transform(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]] | None:
        """Shift, scale and mean: a row z becomes (z - shift) @ scale + mean."""
        drawn, wanted = self.base.summary(), self.reference.summary()
        dtype: Any = np.float32
        if self.matches == "variance" or drawn.covariance is None or wanted.covariance is None:
            scale = _axis_scale(drawn, wanted)
        else:
            covariance = drawn.covariance
            if self.count < FEW_ROWS * self.dim:
                # So few rows have flat directions that the precision of float32 cannot tell.
                covariance, dtype = _covariance(self.base, drawn.mean), np.float64
            scale = _full_scale(covariance, wanted)
        if scale is None:
            return None
        shift = drawn.mean.astype(np.float32)
        mean = wanted.mean - _times(drawn.mean - shift, scale)
        return shift, scale.astype(dtype), mean


def _times(rows: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
    product: NDArray[Any] = rows * scale if scale.ndim == 1 else rows @ scale
    return product


def _full_scale(drawn: NDArray[np.float64], wanted: Summary) -> NDArray[np.float64]:
    """Whiten by the wanted covariance, correct what little is left, and color again.

    In standardized axes, so that an axis of small spread beside large ones is no flat direction;
    flat directions of the wanted covariance stay flat.
    """
    std = np.where(wanted.std > 0, wanted.std, 1.0)
    values, vectors = np.linalg.eigh(wanted.covariance / np.outer(std, std))
    kept = values > RANK_TOLERANCE * max(values[-1], 0.0)
    vectors, lengths = vectors[:, kept], np.sqrt(values[kept])
    white = vectors / lengths / std[:, None]
    left = white.T @ drawn @ white
    scale: NDArray[np.float64] = white @ inverse_root(left) @ (lengths[:, None] * vectors.T * std)
    return scale


def _covariance(source: Source, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.zeros((source.dim, source.dim))
    for block in source.blocks():
        centered = source.read(block).z - mean
        squares += centered.T @ centered
    return squares / max(source.count - 1, 1)


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
    kept = values > 1e-10 * values.max(initial=0.0)
    inverse = np.where(kept, 1.0 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    found: NDArray[np.float64] = (vectors * inverse) @ vectors.T
    return found
