"""From moments to scalars and arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Array, Result, Scalar
from latent_analyze_plugins.shared.basis import PRECISION, rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Frame
    from latent_analyze_plugins.shared.basis import Moments

SHARES = (90, 95, 99)
UNIT = "latent units²"


def make_result(frame: Frame, moments: Moments, *, with_components: bool) -> Result:
    """Return the result of a source; with the frame's components if it is their reference."""
    variances = moments.spectrum()
    along = moments.along(frame["components"])
    arrays = {
        "variance": Array(variances, ("component",), UNIT, "along the source's own components"),
        "cumulated": Array(_cumulated(variances), ("component",), "share", "of all variance"),
        "variance_along": Array(
            along, ("kept_component",), UNIT, "along the components of the reference"
        ),
    }
    if with_components:
        arrays["mean"] = Array(frame["mean"], ("axis",), "latent units", "center of the cloud")
        arrays["components"] = Array(
            frame["components"], ("kept_component", "axis"), "", "unit vectors"
        )
    scalars = _scalars(variances, moments)
    scalars["share_in_kept"] = Scalar(
        float(min(along.sum() / variances.sum(), 1.0)), "share",
        f"variance within the first {len(along)} components of the reference",
    )  # fmt: skip
    return Result(scalars, arrays, moments.sample_size, _notes(moments))


def participation_ratio(variances: NDArray[np.float64]) -> float:
    """Return (sum v)^2 / sum v^2: the number of components among which variance is shared."""
    scaled = variances / variances.max()
    return float(scaled.sum() ** 2 / (scaled**2).sum())


def separated_components(variances: NDArray[np.float64], count: int) -> int:
    """Return how many leading components have a direction of their own.

    A variance v of n normal z-points has the sampling error v sqrt(2 / n); neighbors that lie
    nearer to each other than that are mixed at random (North et al. 1982).
    """
    apart = variances[:-1] - variances[1:] > variances[:-1] * np.sqrt(2 / max(count, 1))
    return int(np.argmin(apart)) if not apart.all() else len(variances)


def _cumulated(variances: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.cumsum(variances) / variances.sum()


def _scalars(variances: NDArray[np.float64], moments: Moments) -> dict[str, Scalar]:
    cumulated = _cumulated(variances)
    needed = np.searchsorted(cumulated, np.array(SHARES) / 100 - 1e-12) + 1
    count = moments.sample_size or moments.summary.count
    scalars = {
        "n": Scalar(moments.summary.count, "z-points", "finite z-points"),
        "total_variance": Scalar(float(moments.summary.variance.sum()), UNIT, "over all axes"),
        "explained_1": Scalar(float(cumulated[0]), "share", "variance along the first component"),
        "explained_2": Scalar(
            float(cumulated[:2][-1]), "share", "variance along the first two components"
        ),
        "participation_ratio": Scalar(
            participation_ratio(variances), "components",
            "(sum of variances)² / sum of their squares: as many as share the variance evenly",
        ),
    }  # fmt: skip
    for share, components in zip(SHARES, needed.tolist(), strict=True):
        scalars[f"components_{share}"] = Scalar(
            components, "components", f"hold {share} % of the variance"
        )
    scalars["rank"] = Scalar(
        rank(variances), "components", f"with more than {PRECISION:g} of the first one's variance"
    )
    scalars["separated"] = Scalar(
        separated_components(variances, count), "components",
        "lead with a variance apart from the next one by more than its sampling error",
    )  # fmt: skip
    return scalars


def _notes(moments: Moments) -> tuple[str, ...]:
    if moments.sample_size is None:
        return ()
    return (
        f"no covariance of {moments.summary.dim:,} dimensions: components are those of a seeded"
        f" sample of {moments.sample_size:,} z-points, whose spectrum is steeper than that of all",
    )
