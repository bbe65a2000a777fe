"""All that is done with one source: paths, and for the reference images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import Array, Result, Scalar
from latent_analyze_plugins.traversals.arithmetic import choose_label
from latent_analyze_plugins.traversals.cloud import NEAR, Cloud
from latent_analyze_plugins.traversals.images import decode_all
from latent_analyze_plugins.traversals.paths import KINDS, Paths, graph_routes, random_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Context, Source
    from latent_analyze_plugins.traversals import TraversalsOptions

    Parts = tuple[dict[str, Scalar], dict[str, Array]]

SAMPLE, SAMPLE_DIM = 4000, 256
"""Sampled z-points, and the dimensions above which there are fewer."""

STEPS = 16
"""Steps of a path."""

MIDDLE = slice(STEPS // 4, 3 * STEPS // 4 + 1)
"""The middle half of a path, where it is farthest from its ends."""

MINIMUM_EFFECT = 0.05
"""Of the distance that is typical of z-points: in ten dimensions a factor of 1.6 in density."""

PART_VALUES = 4_000_000
"""Coordinates of paths held at a time: 32 MB."""


def measure(source: Source, context: Context, options: TraversalsOptions) -> Result:
    """Return how far paths are from the data, and what the reference's look like decoded."""
    is_reference = source.fingerprint == context.reference.fingerprint
    label = choose_label(source, options.label) if is_reference else None
    fields = {"z"} if label is None else {"z", f"label:{label}"}
    batch = context.sample(_size(source, options), frozenset(fields))
    cloud = Cloud.of(batch, options.k, context.rng)
    paths = _lay(cloud, source, options, context.rng)
    scalars, arrays = _distances(cloud, paths)
    notes = _notes(cloud, paths)
    if label is not None:
        scalars["label"] = Scalar(label, "", "label of the classes")
    if is_reference:
        more = decode_all(cloud, paths, context, options)
        scalars, arrays = {**scalars, **more.scalars}, {**arrays, **more.arrays}
        notes += more.notes
    return Result(scalars, arrays, len(cloud.carriers) + len(cloud.yardstick), tuple(notes))


def _size(source: Source, options: TraversalsOptions) -> int:
    if options.sample != "auto":
        return options.sample
    return int(SAMPLE * min(SAMPLE_DIM / source.dim, 1.0) ** 0.5)


def _lay(
    cloud: Cloud, source: Source, options: TraversalsOptions, rng: np.random.Generator
) -> Paths:
    pairs = random_pairs(len(cloud.carriers), options.pairs, rng)
    mean = source.summary().mean
    center = mean if options.center == "mean" else np.zeros_like(mean)
    routes = graph_routes(cloud.carriers, pairs, cloud.k)
    return Paths(cloud.carriers, pairs, routes, center, STEPS)


def _notes(cloud: Cloud, paths: Paths) -> list[str]:
    notes = []
    if cloud.dropped:
        notes.append(
            f"{cloud.dropped:,} sampled z-points repeat others or hold NaN or infinity: left out"
        )
    if not paths.joined.all():
        lost = int((~paths.joined).sum())
        notes.append(
            f"the neighbor graph does not join {lost:,} of {len(paths.pairs):,} pairs: the sample"
            " falls into parts"
        )
    return notes


def _distances(cloud: Cloud, paths: Paths) -> Parts:
    """Return how far each kind of path is from the data; NaN for pairs that are not joined."""
    count, dim = len(paths.pairs), cloud.carriers.shape[1]
    part = max(PART_VALUES // ((STEPS + 1) * dim), 1)
    distance = np.full((len(KINDS), count, STEPS + 1), np.nan, np.float32)
    for row, kind in enumerate(KINDS):
        pairs = np.flatnonzero(paths.joined) if kind == "graph" else np.arange(count)
        for first in range(0, len(pairs), part):
            chosen = pairs[first : first + part]
            distance[row, chosen] = cloud.distance(paths.along(kind, chosen))
    scalars = {
        "joined": Scalar(float(paths.joined.mean()), "share", "pairs that the graph joins"),
        "near": Scalar(cloud.limit, "", f"relative distance of {100 * NEAR:g} % of the z-points"),
    }
    for row, kind in enumerate(KINDS):
        if kind != "graph" or paths.joined.any():
            scalars |= _along(kind, distance[row][:, MIDDLE], cloud.limit)
    if paths.joined.any():
        scalars["graph_detour"] = Scalar(
            float(np.median(paths.detours())), "",
            "length of the path over the graph / of the straight one in latent space, median over"
            " pairs",
        )  # fmt: skip
    position = np.linspace(0, 1, STEPS + 1)
    text = "distance from the data, relative to that of a typical z-point"
    return scalars, {
        "path": Array(np.array(KINDS), ("path",), "", "kinds of paths"),
        "position": Array(position, ("step",), "share", "of the path"),
        "distance": Array(distance, ("path", "pair", "step"), "", text),
    }


def _along(kind: str, middle: NDArray[np.float32], limit: float) -> dict[str, Scalar]:
    values = middle[np.isfinite(middle)].astype(np.float64)
    # One of three kinds is tested: they say much the same, and each test costs power.
    tested = kind == "straight"
    return {
        f"{kind}_distance": Scalar(
            float(values.mean()), "",
            f"distance from the data in the middle half of {kind} paths, relative to that of a"
            " typical z-point",
            calibrated=tested, direction="high", minimum_effect=MINIMUM_EFFECT if tested else 0.0,
        ),
        f"{kind}_outside": Scalar(
            float((values > limit).mean()), "share",
            f"of the middle half of {kind} paths, farther from the data than"
            f" {100 * NEAR:g} % of the z-points",
        ),
    }  # fmt: skip
