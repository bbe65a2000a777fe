"""The error of an output that is encoded and decoded again, as it is and moved by a pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
Floats = NDArray[np.float64]

SMOOTHING, MOVE = 1 / 14, 1 / 28
"""Width of the smoothing, and how far an image is moved, relative to its shorter side: 2 pixels and
1 of 28, about the width of a stroke."""

SMALLEST_SIDE = 4
"""Smaller images are no images: they are not smoothed, and not moved."""

SMALLEST = 1e-12
"""Errors below this share of the energy are rounding in float32."""


@dataclass(frozen=True)
class ImageCycle:
    """Measures how well a model gives its own outputs back.

    Attributes
    ----------
    mean
        Mean output of the data, one row.
    energy
        Mean squared distance of the data's outputs from it.
    image
        Whether rows are images, (H, W) or (H, W, C).
    """

    mean: Floats
    energy: float
    image: bool

    @classmethod
    def of(cls, mean: Floats, energy: float, *, kind: str) -> ImageCycle:
        """Return the cycle for outputs of a kind, as `output_kind` names it."""
        return cls(mean, energy, kind == "image" and min(mean.shape[:2]) >= SMALLEST_SIDE)

    def error(self, rows: Rows, again: Rows) -> Floats:
        """Return the log of the squared error of rows (n, *row) that came back as `again`.

        Of images it is smoothed before it is squared, as single pixels say little, and relative
        to the squared difference from the data's mean image, so that a faint image is not good for
        being faint. Infinite where something is no finite number.
        """
        difference = again.astype(np.float64) - rows
        if self.image:
            difference = smoothed(difference, SMOOTHING)
        error = np.square(difference).reshape(len(rows), -1).sum(axis=1)
        scale = self._energy(rows) if self.image else np.asarray(self.energy)
        with np.errstate(invalid="ignore", over="ignore"):
            found = np.log(error / np.maximum(scale, np.finfo(np.float64).tiny) + SMALLEST)
        return np.where(np.isfinite(found), found, np.inf)

    def moved(self, images: Rows) -> Iterator[Rows]:
        """Yield images moved down, and moved right; nothing for other rows."""
        if not self.image:
            return
        step = max(round(MOVE * min(images.shape[1:3])), 1)
        for axis in (1, 2):
            before = np.take(images, [0] * step, axis=axis)
            rest = np.take(images, range(images.shape[axis] - step), axis=axis)
            yield np.concatenate([before, rest], axis=axis)

    def moved_error(self, pairs: list[tuple[Rows, Rows]], images: Rows) -> Floats:
        """Return the log of the mean squared error of moved images and what came back, (n,)."""
        errors = [np.square(b.astype(np.float64) - a).reshape(len(a), -1).sum(1) for a, b in pairs]
        scale = np.maximum(self._energy(images), np.finfo(np.float64).tiny)
        with np.errstate(invalid="ignore", over="ignore"):
            found = np.log(np.mean(errors, axis=0) / scale + SMALLEST)
        return np.where(np.isfinite(found), found, np.inf)

    def _energy(self, rows: Rows) -> Floats:
        return np.square(rows - self.mean).reshape(len(rows), -1).sum(axis=1)


def smoothed(images: NDArray[Any], width: float) -> NDArray[Any]:
    """Return images (n, H, W, ...) under a normal kernel, `width` relative to the shorter side."""
    from scipy.ndimage import gaussian_filter

    sigma = width * min(images.shape[1:3])
    widths = [0.0, sigma, sigma, *[0.0] * (images.ndim - 3)]
    return np.asarray(gaussian_filter(images, widths))
