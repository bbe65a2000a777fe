"""The points that are clustered: which numbers of clusters they allow, and their classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Batch, Context, Frame, OptionError, Source
from latent_analyze_plugins.shared.rows import label_names

MOST_VALUES = 1 << 25
"""A sample has at most so many float32 values, 128 MiB."""
MOST_CLASSES = 100


def make_frame(reference: Source, options: Any, context: Context) -> Frame:
    """Return the numbers of clusters for a case; raises where there is nothing to cluster.

    Raises
    ------
    OptionError
        If a label is asked for that the reference does not have.
    AnalysisError
        If the sample has too few z-points, or too few distinct ones, for two clusters.
    """
    names = label_names(reference)
    for name in () if options.labels == "auto" else options.labels:
        if name not in names:
            raise OptionError(
                f"a label of {reference.label}", found=repr(name),
                next_step=f"its labels: {', '.join(names) or 'none'}",
            )  # fmt: skip
    rows = max(min(options.sample, MOST_VALUES // reference.dim), 4)
    points, _ = centered(context.sample(rows))
    series = np.union1d(
        np.arange(options.k_min, options.k_max + 1, options.k_step),
        np.arange(options.k_min, min(options.k_all, options.k_max) + 1),
    )
    ks, _ = possible(series, points, reference.label)
    return Frame({"ks": ks, "rows": rows})


def centered(batch: Batch) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the finite rows about their mean, and which they are.

    Distances come from products in float32, which lose all precision far from the origin.
    """
    finite = np.atleast_1d(np.isfinite(batch.z).all(axis=1))
    points = batch.z[finite]
    mean = points.mean(axis=0, dtype=np.float64) if len(points) else np.zeros(batch.z.shape[1])
    return np.ascontiguousarray(points - mean, np.float32), finite


def possible(
    series: NDArray[Any], points: NDArray[np.float32], label: str
) -> tuple[NDArray[np.int64], int]:
    """Return the numbers of clusters that points allow, and the largest that they would.

    Each cluster takes two z-points, and one that no other has.
    """
    # Rows compared as bytes: as tuples of thousands of numbers it would take minutes.
    as_bytes = (points + np.float32(0.0)).view(np.dtype((np.void, 4 * points.shape[1])))
    distinct = len(np.unique(as_bytes))
    most = min(len(points) // 2, distinct)
    ks: NDArray[np.int64] = series[series <= most].astype(np.int64)
    if not len(ks):
        raise AnalysisError(
            f"at least {2 * series[0]} finite z-points of {label}, {series[0]} of them distinct",
            found=f"{len(points):,}, {distinct:,} distinct",
        )
    return ks, most


def classes_of(
    batch: Batch, finite: NDArray[np.bool_], most: int
) -> tuple[dict[str, NDArray[np.int64]], list[str]]:
    """Return label -> class of each finite row, and notes on labels that cannot be compared.

    `most` is the largest number of clusters that the rows allow.
    """
    found, notes, most = {}, [], min(MOST_CLASSES, most)
    for name, values in batch.labels.items():
        classes, index = np.unique(values[finite], return_inverse=True)
        if 2 <= len(classes) <= most:
            found[name] = index.astype(np.int64)
        else:
            notes.append(
                f"the label {name} is not compared: number of classes in the sample"
                f" {len(classes):,}, possible are 2 to {most}"
            )
    return found, notes
