"""Paths between z-points of one source, and how far they are from its data."""

from __future__ import annotations

from typing import Any

import numpy as np

from latent_analyze.plugin import Context, Frame, Labels, Source, Values
from latent_analyze_plugins.shared.rows import sample_size
from latent_analyze_plugins.shared.value_names import named
from latent_analyze_plugins.traversals.cloud import NO_LABELS, Cloud
from latent_analyze_plugins.traversals.images import Decoder, choose_label, decode_all
from latent_analyze_plugins.traversals.paths import KINDS, STEPS, Paths, graph_routes, random_pairs

MIDDLE = slice(STEPS // 4, 3 * STEPS // 4 + 1)
"""The middle half of a path, where it is farthest from its ends."""
PART_VALUES = 4_000_000
"""Coordinates of paths held at a time: 32 MB."""


def measure(frame: Frame, source: Source, context: Context, options: Any) -> Values:
    """Return how far paths are from the data, and what the reference's look like decoded."""
    is_reference = source.fingerprint == context.reference.fingerprint
    label = choose_label(source, options.label) if is_reference else None
    fields = {"z"} if label is None else {"z", f"label:{label}"}
    batch = context.sample(sample_size(options.sample, source.dim), frozenset(fields))
    given = context.model_labels(batch.rows) if is_reference else NO_LABELS
    cloud = Cloud.of(batch, options.k, context.rng, given=given)
    pairs = random_pairs(len(cloud.carriers), options.pairs, context.rng)
    routes = graph_routes(cloud.carriers, pairs, cloud.k)
    center = source.summary().mean * (options.center == "mean")
    paths = Paths(cloud.carriers, pairs, routes, center, cloud.given[0])
    found, notes = _distances(cloud, paths), _notes(cloud, paths)
    if label is not None:
        found["label"] = label
    if is_reference:
        decode = Decoder(context, frame["kind"], cloud.labels_near(source.summary().mean))
        found |= decode_all(cloud, paths, decode, options=options, notes=notes)
        found |= named(frame["names"], found["path_images"])
        notes += _label_notes(context, decode.labels)
    return Values(found, sample_size=len(cloud.carriers) + len(cloud.yardstick), notes=notes)


def _notes(cloud: Cloud, paths: Paths) -> list[str]:
    lost, notes = int((~paths.joined).sum()), []
    if cloud.dropped:
        notes.append(
            f"{cloud.dropped:,} sampled z-points repeat others or hold NaN or infinity: left out"
        )
    if lost:
        notes.append(
            f"the neighbor graph does not join {lost:,} of {len(paths.pairs):,} pairs: the sample"
            " falls into parts"
        )
    return notes


def _label_notes(context: Context, labels: Labels) -> list[str]:
    """Return which labels points get that are no rows."""
    taken = context.model.spec.decode_columns
    text = ", ".join(f"{name} = {labels[name]}" for name in taken if name in labels)
    rest = "that of the z-point nearest to the mean; paths with that of their start, moved z-points"
    return [f"lines are decoded with {text}, {rest} with their own"] if text else []


def _distances(cloud: Cloud, paths: Paths) -> dict[str, Any]:
    """Return how far each kind of path is from the data; NaN for pairs that are not joined."""
    joined, dim = paths.joined, cloud.carriers.shape[1]
    part = max(PART_VALUES // ((STEPS + 1) * dim), 1)
    distance = np.full((len(KINDS), len(joined), STEPS + 1), np.nan, np.float32)
    for row, kind in enumerate(KINDS):
        pairs = np.flatnonzero(joined | (kind != "graph"))
        for first in range(0, len(pairs), part):
            chosen = pairs[first : first + part]
            distance[row, chosen] = cloud.distance(paths.along(kind, chosen))
    found: dict[str, Any] = {
        "joined": joined.mean(), "near": cloud.limit, "path": np.array(KINDS),
        "position": np.linspace(0, 1, STEPS + 1), "distance": distance,
    }  # fmt: skip
    for kind, middle in zip(KINDS, distance[:, :, MIDDLE].astype(np.float64), strict=True):
        known = middle[np.isfinite(middle)]
        if len(known):
            found[f"{kind}_distance"] = known.mean()
            found[f"{kind}_outside"] = (known > cloud.limit).mean()
    if joined.any():
        found["graph_detour"] = np.median(paths.detours())
    return found
