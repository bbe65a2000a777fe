"""The z-points of a page, each different one once, their colors, and what is left of them there."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Batch, Context, OptionError, Source, row_priority
from latent_analyze.statistics import distinct_rows
from latent_analyze_plugins.shared.rows import label_names

RADIUS = "radius"
_AXIS = re.compile(r"axis_(\d+)")
NEIGHBORS = 15
"""Neighbors that are compared."""

JUDGED = 2000
"""z-points whose neighborhoods are compared; all, if there are fewer."""


def draw(
    context: Context,
    size: int,
    *,
    points: int | None = None,
    fields: frozenset[str] = frozenset({"z"}),
) -> tuple[Batch, list[str]]:
    """Return a seeded sample without repeated rows, NaN or infinity, and notes on what it lacks.

    Parameters
    ----------
    size
        Rows to sample.
    points
        Most z-points to keep, a random part of the sample: measures of a page depend on the number
        of its points, so no source gets more than the reference has.
    fields
        What to read.
    """
    batch = context.sample(size, fields)
    finite = np.flatnonzero(np.isfinite(batch.z).all(axis=1))
    kept = finite[distinct_rows(batch.z[finite])]
    notes = []
    if len(finite) < len(batch):
        notes.append(f"left out: {len(batch) - len(finite)} z-points with NaN or infinity")
    if len(kept) < len(finite):
        notes.append(f"left out: {len(finite) - len(kept)} z-points that repeat another one")
    if points is not None and len(kept) > points:
        order = np.argsort(row_priority(batch.rows[kept], 0), kind="stable")
        kept = np.sort(kept[order[:points]])
    return batch.take(kept), notes


def color_name(reference: Source, asked: str, owner: str) -> str:
    """Return the name of what the colors show, with `auto` resolved.

    Raises
    ------
    OptionError
        If the reference has nothing of that name.
    """
    labels = label_names(reference)
    if asked == "auto":
        telling = sorted((name for name in labels if name != "split"), key=lambda n: n != "label")
        return telling[0] if telling else RADIUS
    axis = _AXIS.fullmatch(asked)
    if asked in (RADIUS, *labels) or (axis and int(axis[1]) < reference.dim):
        return asked
    raise OptionError(
        f"{owner}.color that is {RADIUS}, a label, or axis_0 to axis_{reference.dim - 1}",
        found=repr(asked),
        next_step=f"labels of {reference.label}: {', '.join(labels) or 'none'}",
    )


def label_field(source: Source, color: str) -> frozenset[str]:
    """Return the field to read for a color, if the source has one."""
    return frozenset({f"label:{color}"}) & source.fields


def color_values(batch: Batch, color: str) -> tuple[str, NDArray[Any]]:
    """Return what the colors of a source show, and its values, shape (n,).

    A source without the label, such as artificial z-points, is colored by its radius.
    """
    if color in batch.labels:
        values = np.asarray(batch.labels[color])
        return color, values.astype(str) if values.dtype.hasobject else values
    axis = _AXIS.fullmatch(color)
    if axis:
        return color, batch.z[:, int(axis[1])].copy()
    return RADIUS, np.linalg.norm(batch.z.astype(np.float64), axis=1).astype(np.float32)


def measure(
    latent: NDArray[np.float32], page: NDArray[Any], rng: np.random.Generator
) -> dict[str, float]:
    """Return k-NN preservation and trustworthiness of a page.

    Parameters
    ----------
    latent
        Distinct z-points, shape (n, dim), n >= 5, about a mean near their own.
    page
        Their places, shape (n, 2).
    rng
        Chooses whose neighborhoods are compared.
    """
    from sklearn.manifold import trustworthiness

    chosen = np.sort(rng.permutation(len(latent))[:JUDGED])
    k = min(NEIGHBORS, (len(chosen) - 1) // 2)
    kept = shared_neighbors(latent, page, chosen, k=k).mean()
    trust = trustworthiness(latent[chosen], page[chosen], n_neighbors=k)
    return {
        "knn_preservation": float(kept), "trustworthiness": float(trust), "k": k,
        "judged": len(chosen),
    }  # fmt: skip


def shared_neighbors(
    latent: NDArray[np.float32], page: NDArray[Any], chosen: NDArray[np.int64], *, k: int
) -> NDArray[np.float64]:
    """Return the share of the k nearest neighbors that latent space and page have in common.

    Returns
    -------
    Shape (chosen,), 0 to 1; a random page has k / (n - 1) on average.
    """
    near = np.stack([nearest(latent, chosen, k), nearest(page, chosen, k)])
    both = np.sort(np.concatenate(list(near), axis=1), axis=1)
    return (both[:, 1:] == both[:, :-1]).sum(axis=1) / k


def nearest(points: NDArray[Any], chosen: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Return the k nearest other points of the chosen ones, exact, shape (chosen, k)."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=k + 1).fit(points)
    found = index.kneighbors(points[chosen], return_distance=False)
    others = found != chosen[:, None]
    # Where more than k points coincide a point need not be among its own nearest.
    others[others.all(axis=1), -1] = False
    return np.asarray(found[others].reshape(len(chosen), k), np.int64)
