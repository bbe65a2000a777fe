"""Which spaces can be compared, and the result of comparing all of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import AnalysisError, Array, Result, Scalar, stack_padded
from latent_analyze_plugins.similarity.measures import (
    Space,
    common_neighbors,
    jaccard,
    linear_cka,
    procrustes,
    radius_correlation,
    unbiased_cka,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from latent_analyze.plugin import Context
    from latent_analyze_plugins.similarity import SimilarityOptions

    Pairs = Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]

MIN_ROWS = 20

MEASURES = {
    "knn_overlap": ("share", "nearest neighbors in common with {}, averaged over rows"),
    "jaccard": ("", "the same as Jaccard index: common neighbors among all of both"),
    "cka": ("", "linear CKA with {}"),
    "cka_unbiased": ("", "linear CKA with {}, from the unbiased estimator of HSIC"),
    "procrustes": ("share", "variance left by the best rotation and scaling onto {}"),
    "radius_correlation": ("", "rank correlation of the distances from the mean, here and in {}"),
}
"""Measure -> unit and description."""

CHANCE = ("knn_overlap", "cka", "procrustes")
"""Measures that are repeated with shuffled rows."""


@dataclass(frozen=True)
class Comparison:
    """Two spaces held against each other; what is undefined is missing in `values`."""

    values: dict[str, float]
    overlap_error: float
    chance: NDArray[np.float64]


def compare_all(label: str, pairs: Pairs, context: Context, options: SimilarityOptions) -> Result:
    """Return the comparison with each other case, and of those with each other.

    Others that have the same rows as most are compared with each other too; one with other rows
    is compared with the reference only.
    """
    tables, notes = _tables(label, pairs, options.k)
    found: dict[tuple[str, str], Comparison] = {}
    for table in tables:
        for one, two in combinations(table, 2):
            context.progress("similarity", len(found), max(len(pairs), 1))
            found[one.label, two.label] = _compare(one, two, context, options)
    if not found:
        raise AnalysisError(
            "another case whose rows are not all alike", found="none",
            next_step="check the encoders of the other stores",
        )  # fmt: skip
    return _result(tables, found, notes)


def _tables(label: str, pairs: Pairs, k: int) -> tuple[list[list[Space]], list[str]]:
    """Return lists of spaces over the same rows, the reference first in each."""
    groups: list[tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]] = []
    for name, (here, there) in pairs.items():
        for base, others in groups:
            if np.array_equal(base, here, equal_nan=True):
                others[name] = there
                break
        else:
            groups.append((here, {name: there}))
    notes: list[str] = []
    tables = [_spaces(label, here, others, k, notes) for here, others in groups]
    return tables, notes


def _spaces(
    label: str,
    here: NDArray[np.float32],
    others: dict[str, NDArray[np.float32]],
    k: int,
    notes: list[str],
) -> list[Space]:
    finite = np.all([np.isfinite(z).all(axis=1) for z in (here, *others.values())], axis=0)
    if not finite.all():
        notes.append(f"{(~finite).sum():,} rows hold NaN or infinity in a space and were left out")
    if finite.sum() < MIN_ROWS:
        raise AnalysisError(
            f"at least {MIN_ROWS} rows in common with {' and '.join(others)}",
            found=f"{finite.sum()}",
            next_step="give stores of one data set",
        )
    if not _varies(here[finite]):
        raise AnalysisError(
            f"z-points of {label} that are not all alike", found=f"{finite.sum()} equal rows",
            next_step="check that the encoder's output depends on its input",
        )  # fmt: skip
    alike = [name for name, z in others.items() if not _varies(z[finite])]
    notes += [f"the z-points of {name} are all alike: it was not compared" for name in alike]
    kept = {name: z for name, z in others.items() if name not in alike}
    k = min(k, int(finite.sum()) // 2)
    return [Space.of(name, z[finite], k) for name, z in {label: here, **kept}.items()]


def _varies(z: NDArray[np.float32]) -> bool:
    return bool((np.ptp(z, axis=0) > 0).any())


def _compare(one: Space, two: Space, context: Context, options: SimilarityOptions) -> Comparison:
    shares, cross = common_neighbors(one, two), one.cross(two)
    values: dict[str, float | None] = {
        "knn_overlap": float(shares.mean()),
        "jaccard": jaccard(shares),
        "cka": linear_cka(one, two, cross),
        "cka_unbiased": unbiased_cka(one, two, cross),
        "procrustes": procrustes(cross),
        "radius_correlation": radius_correlation(one, two),
    }
    chance = []
    for _ in range(options.permutations):
        order = context.rng.permutation(len(shares))
        shuffled = one.cross(two, order)
        overlap = float(common_neighbors(one, two, order).mean())
        chance.append((overlap, linear_cka(one, two, shuffled), procrustes(shuffled)))
    return Comparison(
        values={name: value for name, value in values.items() if value is not None},
        overlap_error=float(shares.std(ddof=1) / np.sqrt(len(shares))),
        chance=np.array(chance),
    )


def _result(
    tables: list[list[Space]], found: dict[tuple[str, str], Comparison], notes: list[str]
) -> Result:
    own = tables[0][0]
    others = [space for table in tables for space in table[1:]]
    scalars = {
        "k": Scalar(own.k, "neighbors", "nearest neighbors compared per row"),
        "rows": Scalar(len(own.points), "rows", "rows compared"),
        "participation_ratio": Scalar(
            own.participation_ratio, "components", "that share the variance as if evenly, here"
        ),
    }
    for other in others:
        values = found[own.label, other.label].values
        for name, value in values.items():
            unit, text = MEASURES[name]
            scalars[f"{name}[{other.label}]"] = Scalar(value, unit, text.format(other.label))
        scalars[f"participation_ratio[{other.label}]"] = Scalar(
            other.participation_ratio, "components", "that share the variance as if evenly, there"
        )
        missing = [name for name in MEASURES if name not in values]
        notes += [f"{name} with {other.label} is not defined" for name in missing]
    arrays = {**_by_pair(found), **_curves(own, others, tables)}
    return Result(scalars, arrays, len(own.points), tuple(notes))


def _by_pair(found: dict[tuple[str, str], Comparison]) -> dict[str, Array]:
    """Return the measures of all pairs of spaces that have rows in common."""
    compared = list(found.values())
    arrays = {
        name: Array(
            np.array([c.values.get(name, np.nan) for c in compared]), ("pair",), unit,
            text.format("the second space"),
        )
        for name, (unit, text) in MEASURES.items()
    }  # fmt: skip
    chance = np.array([c.chance.mean(axis=0) for c in compared])
    for name, values in zip(CHANCE, chance.T, strict=True):
        unit, text = MEASURES[name][0], f"mean of {name} with shuffled rows"
        arrays[f"{name}_chance"] = Array(values, ("pair",), unit, text)
    errors = np.array([c.overlap_error for c in compared])
    text = "standard error of knn_overlap over rows"
    arrays["overlap_error"] = Array(errors, ("pair",), "share", text)
    arrays["pair"] = Array(np.array(list(found)), ("pair", "place"), "", "labels of both cases")
    return arrays


def _curves(own: Space, others: list[Space], tables: list[list[Space]]) -> dict[str, Array]:
    spaces = [own, *others]
    radii = [own.radii, *(s.radii for s in tables[0][1:])]
    names = np.array([own.label, *(s.label for s in tables[0][1:])])
    return {
        "space": Array(np.array([s.label for s in spaces]), ("space",), "", "labels of the cases"),
        "spectrum": Array(
            stack_padded([s.spectrum for s in spaces]), ("space", "component"), "share",
            "share of the variance along each principal component",
        ),
        "radius": Array(
            np.array(radii, np.float32), ("radius_space", "row"), "latent units",
            "distance of each row from the mean, in the spaces that share all rows",
        ),
        "radius_space": Array(names, ("radius_space",), "", "labels of these cases"),
    }  # fmt: skip
