"""What samplers fitted to a part of the reference share: its rows, on axes of spread one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from latent_analyze.plugin import OptionError
from latent_analyze.statistics import MAX_FULL_DIM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Sampler, Source


PositiveNumber = Annotated[float, Field(gt=0, allow_inf_nan=False)]


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

    rows: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
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

    def unstandardized(self, factors: NDArray[np.float64]) -> NDArray[np.float64]:
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


def spread_out(
    eps: NDArray[np.floating[Any]], factor: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Return factor @ eps for rows eps (n, rank): shape (n, dim).

    Parameters
    ----------
    factor
        Shape (dim, rank), factor @ factor.T the covariance; or (dim,), the standard deviations of
        independent axes.
    """
    return eps @ factor.T if factor.ndim == 2 else eps * factor
