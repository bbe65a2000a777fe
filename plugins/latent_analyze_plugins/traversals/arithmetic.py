"""Differences of class means added to z-points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import OptionError
from latent_analyze_plugins.shared.nearest import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Source
    from latent_analyze_plugins.traversals import TraversalsOptions
    from latent_analyze_plugins.traversals.cloud import Cloud

FEWEST = 5
"""Sampled z-points that a class needs in each half."""

MOST_MOVED = 500

SHOWN = 4
"""Moved z-points whose images are drawn."""


@dataclass(frozen=True)
class Arithmetic:
    """What adding mean(added) - mean(subtracted) to z-points of the latter does.

    Attributes
    ----------
    added, subtracted
        The two classes.
    hits, control
        Share of the moved z-points, and of z-points that are of the added class, whose nearest
        neighbors are mostly of the added class.
    moved
        Number of moved z-points.
    places
        Some of them on their way, shape (point, column, dim).
    """

    added: str
    subtracted: str
    hits: float
    control: float
    moved: int
    places: NDArray[np.float64]


def choose_label(source: Source, wanted: str | None) -> str | None:
    """Return the label that is asked for, or the first one besides the split; None without any.

    Raises
    ------
    OptionError
        If there is no such label.
    """
    names = sorted(f.removeprefix("label:") for f in source.fields if f.startswith("label:"))
    if wanted is not None and wanted not in names:
        raise OptionError(
            f"a label of {source.label}: {', '.join(names) or 'it has none'}", found=repr(wanted),
            next_step="leave traversals.label out, or name one of them",
        )  # fmt: skip
    return wanted or next((name for name in names if name != "split"), None)


def add_difference(cloud: Cloud, options: TraversalsOptions) -> Arithmetic | str:
    """Return what moving does, or why there is nothing to move.

    Means are those of the carriers; z-points of the other half are moved, and asked for their
    nearest carriers.
    """
    assert cloud.labels is not None, "a cloud with a label"
    carried, other = cloud.labels
    classes = _classes(carried, other)
    named = [str(c) for c in (options.add, options.subtract) if c is not None]
    missing = [c for c in named if c not in [str(v) for v in classes]]
    if missing:
        raise OptionError(
            f"a class with at least {FEWEST} sampled z-points per half:"
            f" {', '.join(map(str, classes[:12]))}",
            found=repr(missing[0]),
            next_step="name one of these, or sample more",
        )
    free = [str(v) for v in classes if str(v) not in named]
    chosen = [
        str(wanted) if wanted is not None else (free.pop(0) if free else "")
        for wanted in (options.add, options.subtract)
    ]
    if not all(chosen) or chosen[0] == chosen[1]:
        return f"fewer than two classes with {FEWEST} sampled z-points per half: no arithmetic"
    return _move(cloud, chosen[0], chosen[1], options.columns)


def _classes(*halves: NDArray[Any]) -> list[Any]:
    """Return the values, in order, that each half has often enough."""
    common: list[set[Any]] = []
    for values in halves:
        names, counts = np.unique(values, return_counts=True)
        common.append(set(names[counts >= FEWEST].tolist()))
    return sorted(set.intersection(*common))


def _move(cloud: Cloud, added: str, subtracted: str, columns: int) -> Arithmetic:
    assert cloud.labels is not None
    carried, other = (values.astype(str) for values in cloud.labels)
    means = [
        cloud.carriers[carried == name].mean(axis=0, dtype=np.float64)
        for name in (added, subtracted)
    ]
    step = means[0] - means[1]
    start = cloud.yardstick[other == subtracted][:MOST_MOVED]
    goal = cloud.yardstick[other == added][:MOST_MOVED]
    share = np.linspace(0, 1, columns)[:, None]
    return Arithmetic(
        added=added,
        subtracted=subtracted,
        hits=float((_nearest_class(start + step, cloud, carried) == added).mean()),
        control=float((_nearest_class(goal, cloud, carried) == added).mean()),
        moved=len(start),
        places=start[:SHOWN, None, :] + share * step,
    )


def _nearest_class(
    places: NDArray[Any], cloud: Cloud, labels: NDArray[np.str_]
) -> NDArray[np.str_]:
    """Return the most frequent class among the nearest carriers of each place."""
    names, codes = np.unique(labels, return_inverse=True)
    votes = codes[nearest(places, cloud.carriers, cloud.k)[1]]
    counts = (votes[:, :, None] == np.arange(len(names))).sum(axis=1)
    return names[counts.argmax(axis=1)]
