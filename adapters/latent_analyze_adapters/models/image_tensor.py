"""The tensor of a model file that holds the data: converts rows to the file's format and back.

It is the input of an encoder and the output of a decoder. Rows are images (n, H, W, C) in [0, 1],
or arrays of any shape with the values of the data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from latent_analyze.plugin import Layout, ModelError, TensorSpec
from latent_analyze_adapters.models.graph import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

AXES: dict[Layout, int] = {"HWC": 3, "CHW": 3, "HW": 2, "flat": 1, "flat-CHW": 1}
"""Number of axes of one row; rows of layout "array" have any number."""

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""

CHANNELS = (1, 3, 4)
CHANNELS_FIRST: tuple[Layout, ...] = ("CHW", "flat-CHW")
FLAT: tuple[Layout, ...] = ("flat", "flat-CHW")
UNIT = (0.0, 1.0)


@dataclass(frozen=True)
class ImageTensor:
    """How a file stores images, or rows of any other shape.

    Attributes
    ----------
    shape
        One row as analyses see it: (H, W, C) for images.
    layout
        Order of the axes in the file; ``"flat"`` is (H, W, C) in one axis, ``"flat-CHW"`` is
        (C, H, W) in one axis; ``"array"`` is a row of any shape, reshaped to `axes`.
    range
        The values in the file that stand for 0 and 1.
    dtype
        NumPy dtype in the file.
    mean, std
        Per channel, or one for all: the file's values are (values in `range` - mean) / std.
    activation
        What the file's output has yet to go through, such as a sigmoid if it holds logits.
    axes
        Shape of one row in the file, for layout "array".
    colors
        Channels in the file, if they are shown as gray.
    """

    shape: Shape
    layout: Layout
    range: tuple[float, float]
    dtype: str
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    activation: Literal["sigmoid", "tanh"] | None = None
    axes: Shape = ()
    colors: int | None = None

    @property
    def is_image(self) -> bool:
        """Whether rows are images."""
        return len(self.shape) == 3 and self.layout != "array"

    @property
    def file_shape(self) -> Shape:
        """Shape of one row in the file."""
        if self.layout == "array":
            return self.axes
        return file_shape((*self.shape[:-1], self.colors or self.shape[-1]), self.layout)

    @property
    def spec(self) -> TensorSpec:
        """The tensor as analyses see it."""
        if self.is_image:
            return TensorSpec(shape=self.shape, layout="HWC", range=UNIT)
        return TensorSpec(shape=self.shape, layout="array" if self.layout == "array" else "flat")

    def to_file(self, x: NDArray[np.float32]) -> NDArray[np.number]:
        """Convert rows (n, *shape) to the file's format, (n, *file_shape)."""
        low, high = self.range
        if self.range != UNIT:
            x = x * np.float32(high - low) + np.float32(low)
        if self._normalizes:
            mean, std = (np.array(values, np.float32) for values in (self.mean, self.std))
            x = np.divide(x - mean, std, dtype=np.float32)
        if self.layout in CHANNELS_FIRST:
            x = x.transpose(0, 3, 1, 2)
        dtype = np.dtype(self.dtype)
        if dtype.kind in "iu" and self.layout == "array" and not np.array_equal(x, np.rint(x)):
            raise ModelError(
                f"whole numbers for an input of {dtype}", found="numbers with a fraction",
                next_step="give the data as integers, if they are",
            )  # fmt: skip
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            x = np.clip(np.rint(x), limits.min, limits.max)
        return np.ascontiguousarray(x, dtype).reshape(len(x), *self.file_shape)

    def from_file(self, y: NDArray[np.number]) -> NDArray[np.float32]:
        """Convert n rows of the file, flattened or not, to (n, *shape); nothing is clipped."""
        rows = np.asarray(y, np.float32).reshape(len(y), *self.file_shape)
        shape = (*self.shape[:-1], self.colors or self.shape[-1])
        if self.layout in CHANNELS_FIRST:
            rows = rows.reshape(len(y), *file_shape(shape, "CHW")).transpose(0, 2, 3, 1)
        rows = rows.reshape(len(y), *shape)
        if self.activation == "sigmoid":
            rows = np.float32(0.5) * (1 + np.tanh(rows / 2))
        elif self.activation == "tanh":
            rows = np.tanh(rows)
        if self._normalizes:
            rows = rows * np.array(self.std, np.float32) + np.array(self.mean, np.float32)
        low, high = self.range
        if self.range != UNIT:
            rows = (rows - np.float32(low)) / np.float32(high - low)
        if self.colors:
            rows = luminance(rows)
        return np.ascontiguousarray(rows)

    @property
    def adjustments(self) -> list[object]:
        """What is done besides layout and range, for fingerprints; nothing for most models."""
        parts: list[object] = [("normalized", self.mean, self.std)] if self._normalizes else []
        parts += [self.activation] if self.activation else []
        return [*parts, "gray"] if self.colors else parts

    @property
    def _normalizes(self) -> bool:
        return any(self.mean) or any(value != 1 for value in self.std)


def file_shape(shape: Shape, layout: Layout) -> Shape:
    """Return the shape of one row in a file of this layout, from (H, W, C) or (n,)."""
    if layout in FLAT or len(shape) != 3:
        return (math.prod(shape),)
    height, width, channels = shape
    axes = {"HWC": shape, "CHW": (channels, height, width), "HW": (height, width)}
    return axes[layout]


def luminance(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return color images (n, H, W, 3 or 4) as gray (n, H, W, 1), alpha over black."""
    gray = rows[..., :3] @ np.array(LUMINANCE, np.float32)[: rows.shape[-1], None]
    return gray * rows[..., 3:] if rows.shape[-1] == 4 else gray
