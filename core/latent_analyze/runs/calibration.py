"""Scalars held against null ensembles: Monte Carlo p-values, corrected over a whole run.

The correction is the single-step max-T procedure of Westfall & Young (1993): for each member the
largest deviation over all scalars of the run is kept, and a scalar's corrected p-value is the share
of members whose largest deviation is at least its own. Reference and members are standardized
together, so that under the null they are exchangeable and the family-wise error rate is at most
alpha, however the scalars depend on each other. Deviations below the scalar's minimum effect count
as none, for reference and members alike: else one member with the only survivor of a slice would be
as far out as 21 values allow, and nothing in the run could be farther. With 20 members the smallest
corrected p-value is 1/21, which Holm's procedure could not reach for more than one scalar.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.host.results import Calibration, Result, Scalar

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALPHA = 0.05
"""Family-wise error rate of a run."""

MIN_REPEATS = 19
"""With fewer members no p-value can reach 0.05."""


@dataclass(frozen=True)
class Test:
    """One scalar of the reference and of the members of one null.

    `effects` are the minimum effects, of the reference first, then of the members; those of the
    reference for all, if not given.
    """

    null: str
    name: str
    scalar: Scalar
    members: NDArray[np.float64]
    effects: NDArray[np.float64] | None = None

    @property
    def value(self) -> float:
        """The scalar on the reference."""
        return float(self.scalar.value)

    @property
    def values(self) -> NDArray[np.float64]:
        """The reference's value, then those of the members."""
        return np.concatenate([[self.value], self.members])

    @property
    def pooled(self) -> NDArray[np.float64]:
        """Standardized deviations of all `values`, in the direction that matters."""
        values = self.values
        center, scale = values.mean(), values.std()
        if not scale > 0:
            return np.zeros(len(values))
        scores: NDArray[np.float64] = (values - center) / scale
        if self.scalar.direction == "both":
            return np.abs(scores)
        return scores if self.scalar.direction == "high" else -scores

    @property
    def relevant(self) -> NDArray[np.float64]:
        """`pooled`, with 0 where a value is less than its minimum effect from the others' mean."""
        values = self.values
        others = (values.sum() - values) / (len(values) - 1)
        effects = self.scalar.minimum_effect if self.effects is None else self.effects
        return np.where(np.abs(values - others) >= effects, self.pooled, 0.0)


def tests_of(data: Result, ensembles: Mapping[str, Sequence[Result]]) -> list[Test]:
    """Return a test per null and per calibrated, finite, numeric scalar of the reference."""
    found = []
    for null, members in ensembles.items():
        for name, scalar in data.scalars.items():
            if len(members) < 2 or not scalar.calibrated or isinstance(scalar.value, str):
                continue
            values = np.array([_number(member, name) for member in members])
            if np.isfinite(float(scalar.value)) and np.isfinite(values).all():
                effects = [m.scalars[name].minimum_effect for m in (data, *members)]
                found.append(Test(null, name, scalar, values, np.array(effects)))
    return found


def calibrate(
    families: Mapping[Hashable, Sequence[Test]], alpha: float = ALPHA
) -> dict[Hashable, list[Calibration]]:
    """Calibrate all tests of a run together.

    Parameters
    ----------
    families
        Key (case and analysis) -> its tests. Members of equal number are compared by their index,
        so the dependence between scalars of one member is kept. Ensembles of another size, such as
        those of heavy analyses, are corrected among themselves, at a share of alpha each.
    alpha
        Family-wise error rate.
    """
    sizes = {len(test.members) for tests in families.values() for test in tests}
    found: dict[Hashable, list[Calibration]] = {key: [] for key in families}
    for size in sizes:
        chosen = [(k, t) for k, tests in families.items() for t in tests if len(t.members) == size]
        scores = np.array([test.relevant for _, test in chosen])
        largest = scores[:, 1:].max(axis=0)
        for (key, test), own in zip(chosen, scores, strict=True):
            adjusted = _monte_carlo(own[0], largest)
            found[key].append(_calibration(test, min(adjusted * len(sizes), 1.0), alpha))
    return found


def _calibration(test: Test, adjusted: float, alpha: float) -> Calibration:
    scores = test.pooled
    mean, std = float(test.members.mean()), float(test.members.std(ddof=1))
    low, high = np.quantile(test.members, [0.05, 0.95])
    difference = test.value - mean
    relevant = abs(difference) >= test.scalar.minimum_effect and _right_way(test, difference)
    return Calibration(
        null=test.null, scalar=test.name, value=test.value, null_mean=mean, null_std=std,
        null_low=float(low), null_high=float(high), repeats=len(test.members),
        p_value=_monte_carlo(scores[0], scores[1:]), p_adjusted=adjusted,
        effect=_effect(difference, std), stands_out=bool(adjusted <= alpha and relevant),
    )  # fmt: skip


def _monte_carlo(value: float, members: NDArray[np.float64]) -> float:
    # The tolerance makes ties of equal numbers ties, whatever the order of rounding.
    as_extreme = int((members >= value - 1e-9 * max(abs(value), 1.0)).sum())
    return (1 + as_extreme) / (1 + len(members))


def _right_way(test: Test, difference: float) -> bool:
    sign = {"both": 0.0, "high": 1.0, "low": -1.0}[test.scalar.direction]
    return difference != 0 and sign * difference >= 0


def _effect(difference: float, std: float) -> float:
    if std > 0:
        return difference / std
    return float(np.copysign(np.inf, difference)) if difference else 0.0


def _number(result: Result, name: str) -> float:
    scalar = result.scalars.get(name)
    return float(scalar.value) if scalar and not isinstance(scalar.value, str) else np.nan
