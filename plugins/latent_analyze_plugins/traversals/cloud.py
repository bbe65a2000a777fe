"""A sample in two halves: one carries paths, the other tells how far they are from the data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Batch, Labels
from latent_analyze.statistics import nearest

MIN_POINTS = 24
"""Fewer different z-points leave no graph and no density to speak of."""
NEAR = 0.95
"""Quantile of the z-points' own distances up to which a point counts as near the data."""

NO_LABELS: Labels = MappingProxyType({})


@dataclass(frozen=True)
class Cloud:
    """Different finite z-points in two halves of one random order, float32.

    Paths end in, and run over, the carriers, shape (n, dim); the yardstick, shape (m, dim), tells
    distances: were they taken from the carriers, paths over the graph would always have neighbors
    at hand. `labels` are the values of a label for both halves, or None; `given` the labels that
    the model takes, of both; `k` is the neighbor whose distance is taken; `dropped` rows repeat
    another or hold NaN or infinity.
    """

    carriers: NDArray[np.float32]
    yardstick: NDArray[np.float32]
    labels: tuple[NDArray[Any], NDArray[Any]] | None
    k: int
    dropped: int
    given: tuple[Labels, Labels] = (NO_LABELS, NO_LABELS)

    @classmethod
    def of(
        cls, batch: Batch, k: int, rng: np.random.Generator, *, given: Labels = NO_LABELS
    ) -> Cloud:
        """Return the halves of a batch with at most one label; an error if it has too few rows.

        `given` are the labels that the model takes, for its rows.
        """
        rows = np.flatnonzero(np.isfinite(batch.z).all(axis=1))
        rows = rows[np.unique(batch.z[rows], axis=0, return_index=True)[1]]
        if len(rows) < MIN_POINTS:
            raise AnalysisError(
                f"at least {MIN_POINTS} different finite z-points in the sample",
                found=f"{len(rows)} of {len(batch)}",
                next_step="sample more, or check the encoder",
            )
        one, two = np.array_split(rng.permutation(np.sort(rows)), 2)
        values = next(iter(batch.labels.values()), None)
        labels = None if values is None else (values[one], values[two])
        taken = [{name: v[half] for name, v in given.items()} for half in (one, two)]
        return cls(
            batch.z[one], batch.z[two], labels, min(k, len(two) // 2), len(batch) - len(rows),
            (taken[0], taken[1]),
        )  # fmt: skip

    @cached_property
    def own(self) -> NDArray[np.float64]:
        """Distance of each carrier to its k-th nearest z-point of the other half."""
        own = nearest(self.carriers, self.yardstick, self.k)[0][:, -1]
        if not np.median(own) > 0:
            raise AnalysisError(
                "z-points that are apart from each other", found="most of them in one place",
                next_step="check that the encoder's output depends on its input",
            )  # fmt: skip
        return own

    @cached_property
    def limit(self) -> float:
        """Relative distance within which 95 % of the carriers are."""
        return float(np.quantile(self.own, NEAR) / np.median(self.own))

    def labels_near(self, point: NDArray[Any]) -> Labels:
        """Return the labels () that the model takes, of the carrier nearest to a point (dim,)."""
        place = nearest(point[None], self.carriers, 1)[1][0, 0]
        return {name: np.asarray(values[place]) for name, values in self.given[0].items()}

    def distance(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Return how far points are from the data, in units of a typical z-point's distance.

        The distance of the k-th nearest z-point divided by its median over z-points: 1 is where a
        z-point of the data would be expected. Shape (..., dim) -> (...).
        """
        flat = points.reshape(-1, points.shape[-1])
        far = nearest(flat, self.yardstick, self.k)[0][:, -1]
        return (far / np.median(self.own)).reshape(points.shape[:-1])
