"""What held-out rows score, and how others are held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.statistics import nearest, nearest_others

Floats = NDArray[np.float64]

SHARE, FEWEST = 50, 10
"""A row is compared with the one in so many held-out rows that land nearest, and at least these."""

LOCAL = 0.5
"""Weight of the errors of held-out rows that land near an image: images have a scale of their own.
With 1, strokes that are simple for their kind look bad; with 0, whole classes do."""

VETO, VETOED = 0.99, 100.0
"""Worse than this share of held-out rows in one part is bad, whatever the others say; what is added
to the score then: more than any normal score."""

SHARPNESS = 1.5
"""Of the soft maximum of the parts: 0 is their mean, which lets the best attractors pass."""

ROUNDING = -23.0
"""Log of a relative error, e^-23 = 1e-10: below, the median error is rounding, and says nothing."""


@dataclass(frozen=True)
class Standard:
    """Held-out rows of the data, with what the test measures on them.

    Attributes
    ----------
    landing
        Whitened landings, shape (n, dim).
    errors
        Logs of errors, (n, errors), where they are more than rounding.
    parts
        All that is ranked: errors relative to those near, then the surprise of the landing;
        (n, errors + 1), each column ascending.
    weight
        Weight of the errors near: 1 for rows that have no scale of their own.
    scores
        Scores of the held-out rows themselves, (n,).
    """

    landing: Floats
    errors: Floats
    parts: Floats
    weight: float
    scores: Floats

    @classmethod
    def fit(cls, landing: Floats, errors: Floats, surprise: Floats, *, image: bool) -> Standard:
        """Return the standard of held-out rows; see the attributes."""
        weight = LOCAL if image else 1.0
        near = nearest_others(landing, _neighbors(len(landing)))[1]
        parts = np.column_stack([errors - weight * errors[near].mean(axis=1), surprise])
        ordered = np.sort(parts, axis=0)
        blank = cls(landing, errors, ordered, weight, np.zeros(0))
        return cls(landing, errors, ordered, weight, blank.score(parts))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Standard:
        """Return the standard that `arrays` wrote into a frame."""
        found = (values[f"standard_{name}"] for name in ("landing", "errors", "parts"))
        landing, errors, parts = (x.astype(np.float64) for x in found)
        return cls(landing, errors, parts, values["standard_weight"], values["standard_scores"])

    def arrays(self) -> dict[str, Any]:
        """Return the standard as the arrays of a frame."""
        named = {name: getattr(self, name) for name in ("landing", "errors", "parts", "scores")}
        return {f"standard_{k}": v for k, v in named.items()} | {"standard_weight": self.weight}

    def near(self, landing: Floats) -> NDArray[np.int64]:
        """Return the held-out rows that land nearest to landings (m, dim), shape (m, k)."""
        return nearest(landing, self.landing, _neighbors(len(self.landing)))[1]

    def local(self, errors: Floats, near: NDArray[np.int64], column: int) -> Floats:
        """Return errors (m,) relative to those of the held-out rows `near`, (m, k)."""
        return errors - self.weight * self.errors[near, column].mean(axis=1)

    def rank(self, values: Floats, part: int) -> Floats:
        """Return the share of held-out rows that are better in a part, (m,)."""
        return np.searchsorted(self.parts[:, part], values, side="left") / len(self.parts)

    def vetoes(self, values: Floats, part: int) -> NDArray[np.bool_]:
        """Return which values of a part are worse than those of 99 % of held-out rows, (m,)."""
        return self.rank(values, part) > VETO

    def score(self, parts: Floats) -> Floats:
        """Return a soft maximum of the normal scores of the ranks, (m, parts) -> (m,).

        No part makes up for a bad one, as in a mean: attractors of the model come back without any
        error, wherever they land. Beyond 99 % of the held-out rows a part decides alone. NaN in a
        part is one that was not measured: then some other part is as bad as that.
        """
        from scipy.stats import norm

        ranks = np.column_stack([self.rank(parts[:, k], k) for k in range(parts.shape[1])])
        ranks = np.where(np.isnan(parts), np.nan, ranks)
        edge = 0.5 / len(self.parts)
        normal = norm.ppf(np.clip(ranks, edge, 1 - edge))
        soft = np.log(np.nanmean(np.exp(SHARPNESS * normal), axis=1)) / SHARPNESS
        return np.asarray(soft + VETOED * (np.nanmax(ranks, axis=1) > VETO))


def informative(errors: Floats) -> NDArray[np.bool_]:
    """Return which columns of logs of errors (n, errors) are more than rounding."""
    return np.asarray(np.median(errors, axis=0) > ROUNDING)


def _neighbors(rows: int) -> int:
    return max(rows // SHARE, FEWEST)
