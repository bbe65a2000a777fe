"""Where outputs land: their density among the data's z-points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.statistics import nearest
from latent_analyze_plugins.shared.mixtures import fit_best_mixture

Floats = NDArray[np.float64]

MOST_AXES = 64
"""Above, the distance to a near z-point stands for the density: covariances take too many rows."""

NEIGHBOR = 5
"""The near z-point is the one of this rank."""


@dataclass(frozen=True)
class Mixture:
    """A mixture of normal distributions.

    Attributes
    ----------
    weights, means, precisions
        Logs of the weights (k,), means (k, dim), and factors P with P P' = inverse covariance,
        (k, dim, dim).
    """

    weights: Floats
    means: Floats
    precisions: Floats

    def surprise(self, rows: Floats) -> Floats:
        """Return minus the log density of rows (n, dim), shape (n,)."""
        from scipy.special import logsumexp

        logs = np.empty((len(rows), len(self.weights)))
        for k, (mean, factor) in enumerate(zip(self.means, self.precisions, strict=True)):
            lengths = np.square((rows - mean) @ factor).sum(axis=1)
            logs[:, k] = np.log(np.abs(np.diagonal(factor))).sum() - lengths / 2
        constant = rows.shape[1] / 2 * np.log(2 * np.pi)
        return np.asarray(constant - logsumexp(logs + self.weights, axis=1))

    def arrays(self) -> dict[str, Any]:
        """Return what `Landing.of` reads."""
        return {
            "mixture_weights": self.weights,
            "mixture_means": self.means,
            "mixture_precisions": self.precisions.astype(np.float32),
        }


@dataclass(frozen=True)
class Landing:
    """How far from the data something lands.

    Attributes
    ----------
    mixture
        Fitted to the data; None above 64 axes.
    data
        Whitened z-points of the data, (n, dim).
    """

    mixture: Mixture | None
    data: Floats

    @classmethod
    def of(cls, values: Mapping[str, Any], data: Floats) -> Landing:
        """Return the landing of the arrays of a frame; `data` are the rows it was fitted to."""
        if "mixture_weights" not in values:
            return cls(None, data)
        names = ("mixture_weights", "mixture_means", "mixture_precisions")
        return cls(Mixture(*(values[name].astype(np.float64) for name in names)), data)

    def surprise(self, rows: Floats) -> Floats:
        """Return how surprising whitened rows (n, dim) are, larger where the data are rarer.

        What is no finite number is infinitely so.
        """
        found, finite = np.full(len(rows), np.inf), np.isfinite(rows).all(axis=1)
        if not finite.any():
            return found
        if self.mixture is not None:
            found[finite] = self.mixture.surprise(rows[finite])
        else:
            distances = nearest(rows[finite], self.data, NEIGHBOR)[0][:, -1]
            found[finite] = np.log(np.maximum(distances, np.finfo(np.float32).tiny))
        return found


def fit_landing(data: Floats, seed: int) -> dict[str, Any]:
    """Return arrays for `Landing.of`, fitted to whitened z-points (n, dim) of the data.

    A mixture with full covariances (Dempster, Laird & Rubin 1977), with as many components as
    have the highest likelihood on rows held out. Above 64 axes nothing is fitted.
    """
    if data.shape[1] > MOST_AXES:
        return {}
    fitted = fit_best_mixture(data, seed)
    factors = fitted.precisions_cholesky_
    return Mixture(np.log(fitted.weights_), fitted.means_, factors).arrays()
