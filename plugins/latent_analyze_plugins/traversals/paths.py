"""Paths between two points: straight, spherical, and over the k-nearest-neighbor graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import Labels
from latent_analyze.statistics import nearest_others

KINDS, STEPS = ("straight", "spherical", "graph"), 16
"""Kinds of paths, and the steps of each."""
SMALLEST_SINE = 1e-6
"""Directions that are nearer to equal or opposite have no circle through both."""


def straight(start: NDArray[Any], end: NDArray[Any], steps: int) -> NDArray[np.float64]:
    """Return points at equal steps on the line, shape (..., dim) -> (..., steps + 1, dim)."""
    t = np.linspace(0, 1, steps + 1)[:, None]
    return (1 - t) * start[..., None, :] + t * end[..., None, :]


def spherical(
    start: NDArray[Any], end: NDArray[Any], steps: int, *, center: NDArray[Any]
) -> NDArray[np.float64]:
    """Return points on an arc around a center (slerp; Shoemake 1985, White 2016).

    The direction turns evenly, and the distance from the center goes evenly from one to the
    other. Where the two directions are equal or opposite, or a point is the center, the path is
    straight. Shape (..., dim) -> (..., steps + 1, dim).
    """
    a, b = (np.asarray(point, np.float64) - center for point in (start, end))
    lengths = [np.linalg.norm(x, axis=-1)[..., None, None] for x in (a, b)]
    with np.errstate(invalid="ignore", divide="ignore"):
        u, v = (x[..., None, :] / length for x, length in zip((a, b), lengths, strict=True))
        angle = np.arccos(np.clip((u * v).sum(axis=-1, keepdims=True), -1, 1))
        t = np.linspace(0, 1, steps + 1)[:, None]
        turned = (np.sin((1 - t) * angle) * u + np.sin(t * angle) * v) / np.sin(angle)
    arc = ((1 - t) * lengths[0] + t * lengths[1]) * turned + center
    round_about = np.sin(angle) > SMALLEST_SINE
    return np.where(round_about, arc, straight(a, b, steps) + center)


@dataclass(frozen=True)
class Paths:
    """Paths of each kind between pairs of points.

    `pairs` are row numbers of starts and ends in `points`, shape (pair, 2); `routes` row numbers
    along the graph per pair, empty where the graph does not join the two; spherical paths go around
    `center`. `given` are the labels of the points that the model takes.
    """

    points: NDArray[Any]
    pairs: NDArray[np.int64]
    routes: list[list[int]]
    center: NDArray[np.float64]
    given: Labels = field(default_factory=dict)

    @property
    def joined(self) -> NDArray[np.bool_]:
        """Whether the graph joins a pair, shape (pair,)."""
        return np.array([bool(route) for route in self.routes])

    def along(self, kind: str, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the paths of one kind between chosen (joined) pairs, (pair, STEPS + 1, dim)."""
        if kind == "graph":
            nodes = (self.points[self.routes[pair]] for pair in chosen)
            return np.stack([resampled(path, STEPS) for path in nodes])
        start, end = self.points[self.pairs[chosen]].transpose(1, 0, 2)
        if kind == "spherical":
            return spherical(start, end, STEPS, center=self.center)
        return straight(start, end, STEPS)

    def labels(self, chosen: NDArray[np.int64]) -> Labels:
        """Return the labels with which chosen paths are decoded: those of their starts, (pair,)."""
        return {name: values[self.pairs[chosen, 0]] for name, values in self.given.items()}

    def detours(self) -> NDArray[np.float64]:
        """Return the length over the graph / that of the straight line, of the joined pairs."""
        nodes = [self.points[route].astype(np.float64) for route in self.routes if route]
        lengths = [np.linalg.norm(np.diff(path, axis=0), axis=1).sum() for path in nodes]
        return np.array(lengths) / [np.linalg.norm(path[-1] - path[0]) for path in nodes]


def graph_routes(points: NDArray[Any], pairs: NDArray[np.int64], k: int) -> list[list[int]]:
    """Return the shortest paths between pairs of points in their k-nearest-neighbor graph.

    Edges join both ways and are as long as their ends are apart (Tenenbaum, de Silva & Langford
    2000). Points have the shape (n, dim), pairs are row numbers, shape (pair, 2). Routes are row
    numbers from start to end, empty where the graph does not join the two.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    distances, rows = nearest_others(points, k)
    n, k = rows.shape
    edges = csr_matrix((distances.ravel(), rows.ravel(), np.arange(0, n * k + 1, k)), (n, n))
    starts, place = np.unique(pairs[:, 0], return_inverse=True)
    _, before = dijkstra(edges, directed=False, indices=starts, return_predecessors=True)
    return [_walk_back(before[row], end) for row, end in zip(place, pairs[:, 1], strict=True)]


def resampled(nodes: NDArray[Any], steps: int) -> NDArray[np.float64]:
    """Return points at equal steps along a polyline, shape (node, dim) -> (steps + 1, dim)."""
    hops = np.linalg.norm(np.diff(nodes.astype(np.float64), axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(hops)])
    wanted = np.linspace(0, along[-1], steps + 1)
    hop = np.clip(np.searchsorted(along, wanted, side="right") - 1, 0, len(hops) - 1)
    share = np.divide(wanted - along[hop], hops[hop], out=np.zeros(steps + 1), where=hops[hop] > 0)
    return nodes[hop] + share[:, None] * (nodes[hop + 1] - nodes[hop])


def _walk_back(before: NDArray[np.int32], end: int) -> list[int]:
    nodes = [int(end)]
    while before[nodes[-1]] >= 0:
        nodes.append(int(before[nodes[-1]]))
    return nodes[::-1] if len(nodes) > 1 else []


def random_pairs(n: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return row numbers of so many pairs of two different rows, shape (count, 2)."""
    starts = rng.integers(0, n, count)
    return np.stack([starts, (starts + rng.integers(1, n, count)) % n], axis=1)
