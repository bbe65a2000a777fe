"""What axes do to the output, how much outputs differ, and where they are at their ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latent_analyze.plugin import AnalysisError, Context, Frame, Source, Values, keyed_rng
from latent_analyze_plugins.random_decode.compute import SATURATED, contents, kept

RADII = (0.5, 1.0, 2.0, 4.0)
"""Distances from the mean that are decoded, in typical distances."""

DEAD = 0.01
"""An axis that changes the output by less than this share of the strongest is dead."""

MOST_PAIRS, MOST_BASES = 2048, 32
"""Pairs of z-points decoded for all axes together, and per axis."""

PER_RADIUS, PART = 200, 256
"""Z-points decoded per radius, and at a time."""

BEYOND = 0.01
"""Share of values that may leave a range before it is taken for another one."""

SAME = 1e-6
"""Values whose range is below this share of that of all values do not change."""


def measure(frame: Frame, source: Source, context: Context, *, options: Any) -> Values:
    """Return what decoded z-points hold; of the reference, what the decoder does with them.

    Raises
    ------
    AnalysisError
        If no output is finite.
    """
    z = context.sample(options.points).z
    shown = z[np.unique(np.linspace(0, len(z) - 1, min(options.images, len(z))).astype(int))]
    if source.fingerprint != context.reference.fingerprint:
        rows = _finite(context.decode(shown))
        return Values({**contents(rows, frame["kind"]), **kept(rows, frame["kind"])})
    values = _pairs(z, context) | _axes(frame, z, context) | _radii(frame, z, context)
    rows = _finite(context.decode(shown))
    values |= {**contents(rows, frame["kind"]), **kept(rows, frame["kind"])}
    at = _at_radii(frame, shown)
    found = np.nan_to_num(context.decode(at.reshape(-1, z.shape[1])))
    found = found.reshape(len(RADII), len(shown), *found.shape[1:])
    values |= kept(found, frame["kind"], "radius_", axes=2)
    return Values(values, sample_size=len(z))


def _finite(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows[np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)]


def _decoded(z: NDArray[Any], context: Context, task: str) -> Iterator[NDArray[np.float64]]:
    """Yield finite outputs, flattened, in parts."""
    for start in range(0, len(z), PART):
        context.progress(task, start, len(z))
        rows = context.decode(z[start : start + PART])
        yield _finite(rows.reshape(len(rows), -1)).astype(np.float64)
    context.progress(task, len(z), len(z))


def _pairs(z: NDArray[Any], context: Context) -> dict[str, Any]:
    """Return how far outputs of two z-points are apart, and the share that never changes.

    Over all pairs the mean squared difference is twice the variance over z-points; unrelated values
    would differ by twice the variance of all values.
    """
    count, origin, total, square, ends = 0, 0.0, 0.0, 0.0, [np.inf, -np.inf]
    for rows in _decoded(z, context, "decode draws"):
        if not len(rows):
            continue
        origin = rows[0] if count == 0 else origin
        count, away = count + len(rows), rows - origin
        total, square = total + away.sum(axis=0), square + (away**2).sum(axis=0)
        ends = [np.minimum(ends[0], rows.min(axis=0)), np.maximum(ends[1], rows.max(axis=0))]
    if not count:
        raise AnalysisError(
            "finite numbers from the decoder", found=f"NaN or infinity in all {len(z)} outputs",
            next_step="check the decoder, or draw z-points nearer to the origin",
        )  # fmt: skip
    within = np.maximum(square / count - (total / count) ** 2, 0).mean()
    everything = within + np.var(origin + total / count)
    width = ends[1] - ends[0]
    whole = np.max(ends[1]) - np.min(ends[0])
    return {
        "nonfinite": len(z) - count,
        "pair_distance": np.sqrt(2 * within),
        "pair_relative": np.sqrt(within / everything) if everything > 0 else 0.0,
        "unchanging": (width <= SAME * whole).mean(),
    }


def _axes(frame: Frame, z: NDArray[Any], context: Context) -> dict[str, Any]:
    """Return what a standard deviation to either side does along each axis, about some z-points."""
    dim, spread = z.shape[1], frame["spread"]
    bases = z[: max(1, min(MOST_BASES, MOST_PAIRS // dim))].astype(np.float64)
    change, at_once = np.zeros(dim), max(1, PART // (2 * len(bases)))
    for start in range(0, dim, at_once):
        context.progress("decode axes", start, dim)
        axes = np.arange(start, min(start + at_once, dim))
        steps = np.zeros((len(axes), 1, dim))
        steps[np.arange(len(axes)), 0, axes] = spread[axes]
        points = np.stack([bases - steps, bases + steps])
        rows = context.decode(points.reshape(-1, dim)).astype(np.float64)
        low, high = rows.reshape(2, len(axes), len(bases), -1)
        change[axes] = np.sqrt(np.nan_to_num((high - low) ** 2).mean(axis=(1, 2)))
    squares = np.sort(change**2)[::-1]
    enough = np.searchsorted(np.cumsum(squares), 0.9 * squares.sum()) + 1
    return {
        "axis_change": change,
        "dead_axes": int((change <= DEAD * change.max()).sum()),
        "strongest_axis": int(change.argmax()),
        "axes_for_90": int(enough) if change.any() else 0,
    }


def _radii(frame: Frame, z: NDArray[Any], context: Context) -> dict[str, Any]:
    """Return the share of output values that are at the ends of their range, at each radius.

    The range is [0, 1] for images, or what the model states; without one, or where more than 1 % of
    the values leave it, the lowest and the highest value decoded at any radius.
    """
    rng = keyed_rng(context.seed, "radii")
    some = z[np.sort(rng.permutation(len(z))[:PER_RADIUS])]
    rows = [
        np.concatenate(list(_decoded(at, context, "decode radii"))) for at in _at_radii(frame, some)
    ]
    low, high = _range(frame, context, rows)
    near = SATURATED * (high - low)
    shares = [float(((r <= low + near) | (r >= high - near)).mean()) for r in rows if r.size]
    radii = [radius for radius, found in zip(RADII, rows, strict=True) if found.size]
    values: dict[str, Any] = {
        "typical_radius": _typical(frame, z), "range_low": low, "range_high": high,
        "radius": np.array(radii), "at_ends": np.array(shares), "at_ends_far": shares[-1],
    }  # fmt: skip
    return values | ({"at_ends_typical": shares[radii.index(1.0)]} if 1.0 in radii else {})


def _range(frame: Frame, context: Context, rows: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Return the range that is stated, or else that of the values; also where they leave it."""
    output = getattr(context.model.spec, "output", None)
    stated = output.range if output is not None else None
    if stated is None and frame["kind"] == "image":
        stated = (0.0, 1.0)
    known = [found for found in rows if found.size]
    if stated is not None:
        near = SATURATED * (stated[1] - stated[0])
        beyond = [((r < stated[0] - near) | (r > stated[1] + near)).mean() for r in known]
        if max(beyond) <= BEYOND:
            return stated
    return min(float(r.min()) for r in known), max(float(r.max()) for r in known)


def _typical(frame: Frame, z: NDArray[Any]) -> float:
    return float(np.median(np.linalg.norm(z - frame["center"], axis=1)))


def _at_radii(frame: Frame, z: NDArray[Any]) -> NDArray[np.float64]:
    """Return z-points moved along their direction to each radius, shape (radius, n, dim)."""
    away = z.astype(np.float64) - frame["center"]
    lengths = np.linalg.norm(away, axis=1, keepdims=True)
    unit = away / np.where(lengths > 0, lengths, 1.0)
    wanted = np.median(lengths) * np.array(RADII)
    moved: NDArray[np.float64] = frame["center"] + wanted[:, None, None] * unit
    return moved
