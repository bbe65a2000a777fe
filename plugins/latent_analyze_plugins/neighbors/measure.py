"""What the neighborhoods of a source amount to: scalars and arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import AnalysisError, Array, Frame, Result, Scalar
from latent_analyze_plugins.neighbors.dimension import (
    decimation_curve,
    decimations,
    find_plateau,
    inverse_local_dimension,
    scale_curve,
)
from latent_analyze_plugins.neighbors.search import RANKS, find_neighbors, tree_edges
from latent_analyze_plugins.neighbors.voids import MOST_MISSING, contact_distances, missing_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze_plugins.neighbors.dimension import Plateau, ScaleCurve
    from latent_analyze_plugins.neighbors.search import Cloud, Neighborhoods

LEAST_RELATIVE_EFFECT = 0.05
"""Of a dimension; of few points three standard errors, where these are more."""

LEAST_RELATIVE_SPREAD_EFFECT = 0.05
LEAST_SKEWNESS = 0.25
LEAST_EMPTINESS = 0.1

VOID = 5.0
"""Points missing in a ball that is called a void: 1 to 2 % of the places lie in one by chance."""

UNIT = "latent units"


def least_points(k: int) -> int:
    """Return the fewest points that have neighborhoods of 2 k, and enough of them."""
    return max(2 * k + 1, 32)


def measure(cloud: Cloud, frame: Frame, options: Any) -> Result:
    """Return all that the analysis says about a cloud.

    Raises
    ------
    AnalysisError
        If there are too few distinct z-points.
    """
    n, k = len(cloud.points), options.k
    if n < least_points(k):
        raise AnalysisError(
            f"at least {least_points(k)} distinct finite z-points for neighbors up to rank {2 * k}",
            found=f"{n} among {n + cloud.duplicates + cloud.nonfinite} sampled",
            next_step="give more z-points, or a smaller neighbors.k",
        )
    near = find_neighbors(cloud.points, max(2 * k, int(RANKS[-1])), decimations(n))
    tree = tree_edges(cloud.points[: options.tree_sample])
    radius = near.distances[:, k - 1]
    occurrences = np.bincount(near.rows[:, :k].ravel(), minlength=n)
    inverse = inverse_local_dimension(near.distances, k)
    curve = scale_curve(near)
    missing = missing_points(contact_distances(frame["probes"], cloud.points), frame)
    return Result(
        {
            **_dimensions(curve, inverse),
            **_plateau(find_plateau(curve)),
            **_crowding(radius, occurrences, k),
            **_tree(tree),
            **_voids(missing),
            **_bookkeeping(cloud, near),
        },
        {
            **_curves(curve, decimation_curve(near)),
            **_points(radius, occurrences, inverse),
            "tree_edges": Array(tree.astype(np.float32), ("edge",), UNIT, "ascending"),
            "missing": Array(missing, ("probe",), "z-points", "in empty balls of a Gaussian"),
        },
        sample_size=n,
        notes=_notes(cloud, len(tree) + 1),
    )


def _dimensions(curve: ScaleCurve, inverse: NDArray[np.float64]) -> dict[str, Scalar]:
    estimate, error = float(curve.dimension[0]), float(curve.error[0])
    low, high = np.quantile(inverse, [0.05, 0.95])
    return {
        "twonn": Scalar(
            estimate, "dimensions", "TwoNN: dimension at the scale of the nearest neighbors",
            calibrated=True, minimum_effect=max(LEAST_RELATIVE_EFFECT * estimate, 3 * error),
        ),
        "twonn_distance": Scalar(
            float(curve.distance[0]), UNIT, "mean distance of the second neighbor: its scale"
        ),
        "local_dimension": Scalar(
            _inverted(float(inverse.mean())), "dimensions",
            "local dimension, averaged as MacKay & Ghahramani do",
        ),
        "local_dimension_q05": Scalar(
            _inverted(float(high)), "dimensions", "5 % of the local dimensions are lower"
        ),
        "local_dimension_q95": Scalar(
            _inverted(float(low)), "dimensions", "95 % of the local dimensions are lower"
        ),
    }  # fmt: skip


def _plateau(plateau: Plateau | None) -> dict[str, Scalar]:
    text = "whether the dimension is the same over a range of distances"
    if plateau is None:
        return {"plateau": Scalar("no plateau", "", text)}
    return {
        "plateau": Scalar("found", "", text),
        "plateau_dimension": Scalar(plateau.dimension, "dimensions", "dimension on the plateau"),
        "plateau_low": Scalar(plateau.low, UNIT, "distance from which the plateau goes"),
        "plateau_high": Scalar(plateau.high, UNIT, "distance to which it goes"),
    }


def _crowding(
    radius: NDArray[np.float64], occurrences: NDArray[np.int64], k: int
) -> dict[str, Scalar]:
    spread = float(np.log(radius).std())
    return {
        "radius_median": Scalar(
            float(np.median(radius)), UNIT, f"median distance of neighbor {k}"
        ),
        "radius_spread": Scalar(
            spread, "", f"standard deviation of the log distance of neighbor {k}: clumpedness",
            calibrated=True, minimum_effect=LEAST_RELATIVE_SPREAD_EFFECT * spread,
        ),
        "hubness": Scalar(
            _skewness(occurrences), "",
            f"skewness of how often a z-point is among the {k} nearest of others",
            calibrated=True, minimum_effect=LEAST_SKEWNESS,
        ),
        "occurrence_max": Scalar(
            int(occurrences.max()), "z-points", f"most that share one of their {k} nearest"
        ),
        "orphans": Scalar(
            float((occurrences == 0).mean()), "share", f"among the {k} nearest of no other z-point"
        ),
    }  # fmt: skip


def _tree(edges: NDArray[np.float64]) -> dict[str, Scalar]:
    mean = float(edges.mean())
    spread = float(edges.std()) / mean
    return {
        "tree_edge_mean": Scalar(mean, UNIT, "mean edge of the minimum spanning tree"),
        "tree_edge_spread": Scalar(
            spread, "", "standard deviation / mean of the edges of the minimum spanning tree",
            calibrated=True, minimum_effect=LEAST_RELATIVE_SPREAD_EFFECT * spread,
        ),
        "tree_edge_longest": Scalar(
            float(edges[-1]) / mean, "", "longest edge of the minimum spanning tree / mean"
        ),
    }  # fmt: skip


def _voids(missing: NDArray[np.float64]) -> dict[str, Scalar]:
    return {
        "emptiness": Scalar(
            float(np.minimum(missing, MOST_MISSING).mean()), "z-points",
            "that a Gaussian has in the largest empty ball around a random place, on average",
            calibrated=True, minimum_effect=LEAST_EMPTINESS,
        ),
        "void_share": Scalar(
            float((missing > VOID).mean()), "share",
            f"random places with an empty ball where a Gaussian has {VOID:g} z-points or more",
        ),
    }  # fmt: skip


def _bookkeeping(cloud: Cloud, near: Neighborhoods) -> dict[str, Scalar]:
    ties = near.distances[:, 1] <= near.distances[:, 0] * (1 + 1e-7)
    return {
        "duplicates": Scalar(cloud.duplicates, "z-points", "repeat another one, left out"),
        "nonfinite": Scalar(cloud.nonfinite, "z-points", "with NaN or infinity, left out"),
        "ties": Scalar(
            float(ties.mean()), "share", "z-points whose two nearest neighbors are equally far"
        ),
        "rounded": Scalar(
            float((near.distances[:, 0] < _rounding(cloud.points)).mean()), "share",
            "z-points whose nearest neighbor is as near as the rounding of float32",
        ),
    }  # fmt: skip


def _rounding(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return per point ten times the distance by which rounding to float32 may move it."""
    steps = np.spacing(np.abs(points).astype(np.float32)).astype(float)
    return 10.0 * np.asarray(np.linalg.norm(steps, axis=1))


def _curves(curve: ScaleCurve, decimated: ScaleCurve) -> dict[str, Array]:
    over, parts, of = ("scale",), ("decimation",), "dimensions"
    return {
        "scale_distance": Array(curve.distance, over, UNIT, "mean distance of the outer neighbor"),
        "scale_dimension": Array(curve.dimension, over, of, "from ratios r_2k / r_k"),
        "scale_error": Array(curve.error, over, of, "standard error"),
        "decimation_distance": Array(decimated.distance, parts, UNIT, "mean second neighbor"),
        "decimation_dimension": Array(decimated.dimension, parts, of, "TwoNN, n / 2^i points"),
        "decimation_error": Array(decimated.error, parts, of, "standard error"),
    }


def _points(
    radius: NDArray[np.float64], occurrences: NDArray[np.int64], inverse: NDArray[np.float64]
) -> dict[str, Array]:
    local = np.divide(1.0, inverse, out=np.full(len(inverse), np.inf), where=inverse > 0)
    point, float32 = ("point",), np.float32
    return {
        "radius": Array(radius.astype(float32), point, UNIT, "distance of neighbor k"),
        "local_dimension_of": Array(local.astype(float32), point, "dimensions", "k to 2 k"),
        "occurrences": Array(occurrences.astype(np.int32), point, "z-points", "k-occurrence"),
    }


def _notes(cloud: Cloud, tree_points: int) -> tuple[str, ...]:
    notes = [
        f"{len(cloud.points):,} distinct sampled z-points; {tree_points:,} of them in the minimum"
        " spanning tree"
    ]
    if cloud.duplicates:
        notes.append(f"sampled z-points that repeat another one, left out: {cloud.duplicates:,}")
    if cloud.nonfinite:
        notes.append(f"sampled z-points with NaN or infinity, left out: {cloud.nonfinite:,}")
    return tuple(notes)


def _skewness(counts: NDArray[np.int64]) -> float:
    deviation = counts - counts.mean()
    variance = float((deviation**2).mean())
    return float((deviation**3).mean()) / variance**1.5 if variance > 0 else 0.0


def _inverted(inverse: float) -> float:
    return 1 / inverse if inverse > 0 else float("inf")
