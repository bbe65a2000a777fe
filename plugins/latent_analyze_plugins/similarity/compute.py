"""How alike the arrangements of the same rows are, for all pairs of cases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Context, Values, stack_padded
from latent_analyze.statistics import nearest_others, participation_ratio, rank_correlation

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]
Pairs = Mapping[str, tuple[Rows, Rows]]
"""Label of another case -> z-points here and there, rows of the same ids."""

MIN_ROWS = 20
ALIKE = {
    "knn_overlap": ("share", "nearest neighbors in common with {case}, averaged over rows"),
    "jaccard": ("", "the same as Jaccard index: common neighbors among all of both"),
    "cka": ("", "linear CKA with {case}"),
    "cka_unbiased": ("", "linear CKA with {case}, from the unbiased estimator of HSIC"),
    "procrustes": ("share", "variance left by the best rotation and scaling onto {case}"),
    "radius_correlation": ("", "rank correlation of the distances from the mean, here and in "
                           "{case}"),
}  # fmt: skip
"""What tells how alike two spaces are -> unit and description."""


@dataclass(frozen=True)
class Space:
    """The rows of one case, centered and scaled to a sum of squares of 1.

    `points` has the shape (n, min(dim, n)): above n dimensions the same points in coordinates of
    their own span. `radii` are distances from the mean before scaling, shape (n,), latent units;
    `k` is the number of neighbors per row.
    """

    label: str
    points: Floats
    radii: Floats
    k: int

    @classmethod
    def of(cls, label: str, z: NDArray[Any], k: int) -> Space:
        """Return the space of z-points (n, dim), not all alike."""
        centered = z - z.mean(axis=0, dtype=np.float64)
        radii = np.linalg.norm(centered, axis=1)
        points = centered / np.linalg.norm(radii)
        if points.shape[1] > len(points):
            points = np.asarray(np.linalg.qr(points.T, mode="r")).T
        return cls(label, points, radii, k)

    @cached_property
    def neighbors(self) -> NDArray[np.int64]:
        """Rows of the nearest others, shape (n, k)."""
        return nearest_others(self.points, self.k)[1]

    @cached_property
    def spectrum(self) -> Floats:
        """Share of the variance along each principal component, descending."""
        return np.maximum(np.linalg.eigvalsh(self.points.T @ self.points)[::-1], 0.0)

    def cross(self, other: Space, order: NDArray[np.int64] | None = None) -> Floats:
        """Return the cross-covariance with the rows of another space, in another order if given."""
        return self.points.T @ (other.points if order is None else other.points[order])


def common_neighbors(one: Space, two: Space, order: NDArray[np.int64] | None = None) -> Floats:
    """Return per row the share of its k nearest neighbors that both spaces agree on, shape (n,).

    With `order`, row i of `one` is compared with row order[i] of `two`.
    """
    here, there = one.neighbors, two.neighbors
    if order is not None:
        there = np.argsort(order)[there[order]]
    return (here[:, :, None] == there[:, None, :]).any(axis=2).mean(axis=1)


def jaccard(shares: Floats) -> float:
    """Return the mean Jaccard index of sets of equal size from the shares that they have in common.

    With c of k elements in common the union has 2k - c.
    """
    return float((shares / (2 - shares)).mean())


def linear_cka(one: Space, two: Space, cross: Floats) -> float:
    """Return linear centered kernel alignment (Kornblith et al. 2019, equation 7).

    1 for spaces that are equal up to rotation and scale. Independent spaces reach more than 0
    where they have many dimensions for their rows.
    """
    norms = [np.sqrt((space.spectrum**2).sum()) for space in (one, two)]
    return float((cross**2).sum() / norms[0] / norms[1])


def unbiased_cka(one: Space, two: Space, cross: Floats) -> float:
    """Return linear CKA from the unbiased estimator of HSIC by Song et al. (2012, equation 4).

    0 on average for independent spaces, however many dimensions they have; may be negative. NaN
    where a space has too few rows for it.
    """
    own = _unbiased(one, one, one.cross(one)) * _unbiased(two, two, two.cross(two))
    return float(_unbiased(one, two, cross) / np.sqrt(own)) if own > 0 else math.nan


def _unbiased(one: Space, two: Space, cross: Floats) -> float:
    """Return n (n - 3) times the estimator, without the n x n matrices.

    The estimator does not change when points are shifted; for centered points the rows of a linear
    kernel matrix sum to zero, so those of the matrix without diagonal to minus the diagonal.
    """
    n = len(one.points)
    first, second = (np.einsum("ij,ij->i", space.points, space.points) for space in (one, two))
    both = float(first @ second)
    pairs = first.sum() * second.sum() / ((n - 1) * (n - 2))
    return float((cross**2).sum() - both + pairs - 2 * both / (n - 2))


def procrustes(cross: Floats) -> float:
    """Return the share of variance that the best rotation, reflection and scaling leaves.

    Gower (1975): 1 - (sum of the singular values of the cross-covariance)^2, for spaces that are
    centered and scaled. Dimensions that one space lacks count as zeros.
    """
    return float(max(1 - np.linalg.svd(cross, compute_uv=False).sum() ** 2, 0.0))


def compare_all(label: str, pairs: Pairs, context: Context, options: Any) -> Values:
    """Return the comparison with each other case, and of those with each other.

    Others that have the same rows as most are compared with each other too; one with other rows
    is compared with the reference only.
    """
    groups: dict[bytes, dict[str, Rows]] = {}
    for name, (here, there) in pairs.items():
        groups.setdefault(here.tobytes(), {label: here})[name] = there
    notes: list[str] = []
    tables = [_spaces(label, rows, options.k, notes) for rows in groups.values()]
    found: dict[tuple[str, str], dict[str, float]] = {}
    for one, two in (pair for table in tables for pair in combinations(table, 2)):
        context.progress("similarity", len(found), max(len(pairs), 1))
        found[one.label, two.label] = _compare(one, two, options.permutations, context.rng)
    if not found:
        raise AnalysisError(
            "another case whose rows are not all alike", found="none",
            next_step="check the encoders of the other stores",
        )  # fmt: skip
    return _values(tables, found, notes)


def _spaces(label: str, rows: dict[str, Rows], k: int, notes: list[str]) -> list[Space]:
    """Return the spaces over the same rows, the reference first."""
    finite = np.all([np.isfinite(z).all(axis=1) for z in rows.values()], axis=0)
    count, lost = int(finite.sum()), int((~finite).sum())
    if lost:
        notes.append(f"{lost:,} rows hold NaN or infinity in a space and were left out")
    if count < MIN_ROWS:
        raise AnalysisError(
            f"at least {MIN_ROWS} rows in common with {' and '.join(list(rows)[1:])}",
            found=f"{count}", next_step="give stores of one data set",
        )  # fmt: skip
    kept = {name: z[finite] for name, z in rows.items()}
    alike = [name for name, z in kept.items() if not np.ptp(z, axis=0).any()]
    if label in alike:
        raise AnalysisError(
            f"z-points of {label} that are not all alike", found=f"{count} equal rows",
            next_step="check that the encoder's output depends on its input",
        )  # fmt: skip
    notes += [f"the z-points of {name} are all alike: it was not compared" for name in alike]
    k = min(k, count // 2)
    return [Space.of(name, z, k) for name, z in kept.items() if name not in alike]


def _compare(
    one: Space, two: Space, permutations: int, rng: np.random.Generator
) -> dict[str, float]:
    shares, cross = common_neighbors(one, two), one.cross(two)
    shuffled = []
    for _ in range(permutations):
        order = rng.permutation(len(shares))
        mixed, overlap = one.cross(two, order), common_neighbors(one, two, order).mean()
        shuffled.append((overlap, linear_cka(one, two, mixed), procrustes(mixed)))
    overlap, cka, left = np.mean(shuffled, axis=0)
    radii = rank_correlation(one.radii, two.radii)
    return {
        "knn_overlap": float(shares.mean()),
        "jaccard": jaccard(shares),
        "cka": linear_cka(one, two, cross),
        "cka_unbiased": unbiased_cka(one, two, cross),
        "procrustes": procrustes(cross),
        "radius_correlation": math.nan if radii is None else radii,
        "overlap_error": float(shares.std(ddof=1) / np.sqrt(len(shares))),
        "knn_overlap_chance": overlap, "cka_chance": cka, "procrustes_chance": left,
    }  # fmt: skip


def _values(
    tables: list[list[Space]], found: dict[tuple[str, str], dict[str, float]], notes: list[str]
) -> Values:
    own, *others = spaces = [tables[0][0], *(space for table in tables for space in table[1:])]
    values: dict[str, Any] = {"k": own.k, "rows": len(own.points)}
    for space in spaces:
        case = "" if space is own else f"[{space.label}]"
        values[f"participation_ratio{case}"] = participation_ratio(space.spectrum)
    for other, name in product(others, ALIKE):
        value = found[own.label, other.label][name]
        if math.isnan(value):
            notes.append(f"{name} with {other.label} is not defined")
        else:
            values[f"{name}[{other.label}]"] = value
    for name in next(iter(found.values())):
        values[name] = np.array([compared[name] for compared in found.values()])
    values |= {
        "pair": np.array(list(found)),
        "space": np.array([space.label for space in spaces]),
        "spectrum": stack_padded([space.spectrum for space in spaces]),
        "radius": np.array([space.radii for space in tables[0]], np.float32),
        "radius_space": np.array([space.label for space in tables[0]]),
    }
    return Values(values, sample_size=len(own.points), notes=notes)
