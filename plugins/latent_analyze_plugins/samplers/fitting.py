"""What samplers fitted to a reference share: its covariance, its rows on axes of spread one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from latent_analyze.plugin import OptionError, Sampler, Source, Summary
from latent_analyze.statistics import MAX_FULL_DIM

Floats = NDArray[np.float64]
PositiveNumber = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class CovarianceSampler(Sampler):
    """A sampler that has the covariance of its reference, or its variances: ``covariance=diag``."""

    needs_reference = True
    matches: Literal["covariance", "variance", "nothing"] = "covariance"

    def __init__(self, options: Any = None, **given: Any) -> None:
        super().__init__(options, **given)
        if self.options.covariance == "diag":
            self.matches = "variance"


@dataclass(frozen=True)
class StandardizedSample:
    """A seeded sample of a reference's finite rows, less mean, divided by the spread per axis.

    Attributes
    ----------
    rows
        Shape (n, varying axes), float64.
    mean, std
        Of the whole reference, shape (dim,), float64.
    varying
        Numbers of the axes with any spread.
    """

    rows: Floats
    mean: Floats
    std: Floats
    varying: NDArray[np.int64]

    @classmethod
    def of(cls, sampler: Sampler, reference: Source | None, seed: int) -> StandardizedSample:
        """Return a sample of the options' size; OptionError if no finite row is there.

        Raises OptionError as well if the sampler asks for a full covariance that is too large.
        """
        reference, options = sampler.required(reference), sampler.options
        if options.covariance == "full":
            check_full(reference, sampler.name)
        summary = sampler.summary(reference)
        z = reference.sample(options.sample, seed).z
        z = z[np.isfinite(z).all(axis=1)].astype(np.float64)
        varying = np.flatnonzero(summary.std)
        rows = (z[:, varying] - summary.mean[varying]) / summary.std[varying]
        return cls(rows, summary.mean, summary.std, varying)

    def unstandardized(self, factors: Floats) -> Floats:
        """Return factors (..., varying axes, rank) in latent units, (..., dim, rank)."""
        wide = np.zeros((*factors.shape[:-2], len(self.std), factors.shape[-1]))
        wide[..., self.varying, :] = self.std[self.varying, None] * factors
        return wide


def check_full(reference: Source, sampler: str) -> None:
    """Raise an OptionError if a full covariance of the reference would be too large."""
    if reference.dim > MAX_FULL_DIM:
        raise OptionError(
            f"at most {MAX_FULL_DIM} dimensions for a full covariance of {sampler}",
            found=str(reference.dim),
            next_step=f"write {sampler}:covariance=diag",
        )


def covariance_factor(summary: Summary, sampler: str = "gaussian") -> Floats:
    """Return F of shape (dim, rank) with F @ F.T the covariance, without its numerical noise.

    The eigenvalues are those of the correlation matrix: an axis of small spread beside large ones
    is no noise. Those below the precision of float32 data, relative to the largest, are left out.
    """
    if summary.covariance is None:
        raise OptionError(
            "a covariance of the reference",
            found=f"{summary.dim} dimensions, too many for one",
            next_step=f"write {sampler}:covariance=diag",
        )
    std = summary.std
    inverse = np.divide(1.0, std, out=np.zeros_like(std), where=std > 0)
    values, vectors = np.linalg.eigh(summary.covariance * np.outer(inverse, inverse))
    keep = values > np.finfo(np.float32).eps * max(values[-1], 0.0)
    return std[:, None] * vectors[:, keep] * np.sqrt(values[keep])


def spread_out(eps: NDArray[np.floating[Any]], factor: NDArray[np.floating[Any]]) -> Floats:
    """Return factor @ eps for rows eps (n, rank): shape (n, dim).

    Parameters
    ----------
    factor
        Shape (dim, rank), factor @ factor.T the covariance; or (dim,), the standard deviations of
        independent axes.
    """
    return eps @ factor.T if factor.ndim == 2 else eps * factor
