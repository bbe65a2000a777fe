"""Rows of any shape as what can be drawn: one curve, several channels, or a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plotting.words import MOST_PLANES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plotting.words import Kind

SLICE_GAP = 0.06
"""Space between the slices of a volume, in widths of all of them."""


def without_ones(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows (n, ...) without axes of length one."""
    return rows.reshape(len(rows), *(length for length in rows.shape[1:] if length > 1))


def as_curves(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows of one axis, or of any shape flattened, as (n, value)."""
    return rows.reshape(len(rows), -1)


def as_channels(rows: NDArray[Any]) -> NDArray[Any]:
    """Return sequences (n, t, c) or (n, c, t) as (n, channel, step): channels are the fewer."""
    inner = without_ones(rows)
    return inner if inner.shape[1] <= inner.shape[2] else inner.swapaxes(1, 2)


def as_maps(rows: NDArray[Any], kind: Kind, *, slices: int = 3) -> NDArray[np.float32]:
    """Return windows or volumes as heat maps (n, height, width, 1), float, NaN between slices.

    Of several channels, the first; of a volume, that many slices through its middle.
    """
    inner = without_ones(rows).astype(np.float32)
    if kind == "window" and inner.ndim == len("nHWC"):
        inner = inner[..., 0] if inner.shape[-1] <= MOST_PLANES else inner[:, 0]
    if kind == "volume":
        inner = _slices(inner[:, 0] if inner.ndim == len("nCDHW") else inner, slices)
    return inner[..., None]


def middle_slices(volumes: NDArray[Any]) -> NDArray[np.float32]:
    """Return the slice through the middle of the first axis of volumes, as (n, height, width)."""
    return as_maps(volumes, "volume", slices=1)[..., 0]


def _slices(volumes: NDArray[Any], count: int) -> NDArray[Any]:
    """Return the slices through the middle of volumes (n, d, h, w), side by side."""
    middle = [length // 2 for length in volumes.shape[1:]]
    cuts = [volumes.take(place, axis=axis + 1) for axis, place in enumerate(middle)][:count]
    height = max(cut.shape[1] for cut in cuts)
    gap = max(round(SLICE_GAP * sum(cut.shape[2] for cut in cuts)), 1) if count > 1 else 0
    width = sum(cut.shape[2] for cut in cuts) + gap * (count - 1)
    out, left = np.full((len(volumes), height, width), np.nan, np.float32), 0
    for cut in cuts:
        top = (height - cut.shape[1]) // 2
        out[:, top : top + cut.shape[1], left : left + cut.shape[2]] = cut
        left += cut.shape[2] + gap
    return out


def note_of(shape: tuple[int, ...], kind: Kind, *, slices: int = 3) -> str:
    """Return what a heat map of a row of this shape shows: its axes, counted from 1."""
    names = [f"axis {place + 1}" for place, length in enumerate(shape) if length > 1]
    channels = len(names) == len("HWC") if kind == "window" else len(names) == len("CDHW")
    first = ""
    if channels:
        last = kind == "window" and shape[-1] <= MOST_PLANES
        first = f"; the first of {names.pop(-1 if last else 0)}"
    if kind == "window":
        return f"{names[0]} downward, {names[1]} to the right{first}"
    across = names[:slices]
    plural = "slices" if slices > 1 else "slice"
    return f"{plural} through the middle, across {' and '.join(_listed(across))}{first}"


def _listed(names: list[str]) -> list[str]:
    """Return all but the last name joined by commas, and the last."""
    return names if len(names) < 2 else [", ".join(names[:-1]), names[-1]]
