"""What the colors of a page show: a label, the radius, or a latent axis."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from latent_analyze.plugin import OptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from latent_analyze.plugin import Batch, Source

RADIUS = "radius"
_LABEL = "label:"
_AXIS = re.compile(r"axis_(\d+)")


def color_name(reference: Source, asked: str, owner: str) -> str:
    """Return the name of what the colors show, with `auto` resolved.

    Raises
    ------
    OptionError
        If the reference has nothing of that name.
    """
    labels = sorted(f.removeprefix(_LABEL) for f in reference.fields if f.startswith(_LABEL))
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
    return frozenset({_LABEL + color}) & source.fields


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
