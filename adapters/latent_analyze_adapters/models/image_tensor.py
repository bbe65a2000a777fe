"""The image tensor of a model file: converts (n, H, W, C) in [0, 1] to the file's format and back.

It is the input of an encoder and the output of a decoder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from latent_analyze.plugin import DecoderSpec, Layout, ModelError, TensorSpec
from latent_analyze_adapters.models.graph import FreeShape, NetworkSpec, Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

AXES: dict[Layout, int] = {"HWC": 3, "CHW": 3, "HW": 2, "flat": 1, "flat-CHW": 1}
"""Number of axes of one row."""

CHANNELS = (1, 3, 4)
CHANNELS_FIRST: tuple[Layout, ...] = ("CHW", "flat-CHW")
FLAT: tuple[Layout, ...] = ("flat", "flat-CHW")
UNIT = (0.0, 1.0)


@dataclass(frozen=True)
class ImageTensor:
    """How a file stores images, or the vectors of a model of vectors.

    Attributes
    ----------
    shape
        One row as analyses see it: (H, W, C), or (n,) for a model of vectors.
    layout
        Order of the axes in the file; ``"flat"`` is (H, W, C) in one axis, ``"flat-CHW"`` is
        (C, H, W) in one axis.
    range
        The values in the file that stand for 0 and 1.
    dtype
        NumPy dtype in the file.
    mean, std
        Per channel, or one for all: the file's values are (values in `range` - mean) / std.
    sigmoid
        Whether the file returns logits, which a sigmoid maps to [0, 1].
    """

    shape: Shape
    layout: Layout
    range: tuple[float, float]
    dtype: str
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    sigmoid: bool = False

    @property
    def is_image(self) -> bool:
        """Whether rows are images, not vectors."""
        return len(self.shape) == 3

    @property
    def file_shape(self) -> Shape:
        """Shape of one row in the file."""
        return file_shape(self.shape, self.layout)

    @property
    def spec(self) -> TensorSpec:
        """The tensor as analyses see it."""
        if self.is_image:
            return TensorSpec(shape=self.shape, layout="HWC", range=UNIT)
        return TensorSpec(shape=self.shape)

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
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            x = np.clip(np.rint(x), limits.min, limits.max)
        return np.ascontiguousarray(x, dtype).reshape(len(x), *self.file_shape)

    def from_file(self, y: NDArray[np.number]) -> NDArray[np.float32]:
        """Convert n rows of the file, flattened or not, to (n, *shape).

        Images are clipped to [0, 1], because a decoder without a bounded last layer may leave it.
        """
        rows = np.asarray(y, np.float32)
        if self.layout in CHANNELS_FIRST:
            rows = rows.reshape(len(y), *file_shape(self.shape, "CHW")).transpose(0, 2, 3, 1)
        rows = rows.reshape(len(y), *self.shape)
        if self.sigmoid:
            rows = np.float32(0.5) * (1 + np.tanh(rows / 2))
        if self._normalizes:
            rows = rows * np.array(self.std, np.float32) + np.array(self.mean, np.float32)
        low, high = self.range
        if self.range != UNIT:
            rows = (rows - np.float32(low)) / np.float32(high - low)
        return np.clip(rows, 0, 1) if self.is_image else rows

    @property
    def adjustments(self) -> list[object]:
        """What is done besides layout and range, for fingerprints; nothing for most models."""
        parts: list[object] = [("normalized", self.mean, self.std)] if self._normalizes else []
        return [*parts, "sigmoid"] if self.sigmoid else parts

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


def shape_from_data(axes: FreeShape, layout: Layout, data: Shape | None) -> Shape | None:
    """Return the shape of the images at hand, if the file leaves it open and they fit."""
    if data is None or len(data) != 3 or (layout not in FLAT and None not in axes):
        return None
    shape = file_shape(data, layout)
    fits = len(axes) == len(shape) and all(a in (None, b) for a, b in zip(axes, shape, strict=True))
    return data if fits else None


def infer_layout(axes: FreeShape, encoder_layout: Layout | None = None) -> Layout:
    """Infer the layout of one row from its axes, without the batch.

    Three axes are channels first if the first has length 1, 3 or 4 and the last does not. A single
    axis is channels first if the encoder that belongs to a decoder is.
    """
    if len(axes) == 3:
        return "CHW" if axes[0] in CHANNELS and axes[2] not in CHANNELS else "HWC"
    if len(axes) == 2:
        return "HW"
    return "flat-CHW" if encoder_layout in CHANNELS_FIRST else "flat"


def resolve_image(
    axes: FreeShape,
    form: tuple[Layout, tuple[float, float] | None, str],
    stated: Shape | None,
    *,
    where: str,
) -> ImageTensor:
    """Fill in the free axes of an image tensor, and check it against the stated image shape.

    Parameters
    ----------
    axes
        One row in the file, None where free.
    form
        Layout, value range (None: from the dtype) and dtype.
    stated
        ``image_shape`` of model.toml, if given.
    where
        Tensor and file, for messages.

    Raises
    ------
    ModelError
        If they disagree, or an axis is free and model.toml does not state it.
    """
    layout, value_range, dtype = form
    if len(axes) != AXES[layout]:
        raise _mismatch(f"{AXES[layout]} axes of layout {layout} and a batch", where)
    if stated is None:
        if None in axes:
            raise _mismatch("fixed height, width and channels", where)
        known = tuple(length for length in axes if length is not None)
        stated = _public_shape(known, layout)
    if value_range is None:
        value_range = _usual_range(np.dtype(dtype))
    _check_range(value_range, dtype, where)
    resolved = ImageTensor(tuple(stated), layout, value_range, dtype)
    _check(resolved, axes, where)
    return resolved


def add_preprocessing(image: ImageTensor, spec: NetworkSpec, *, where: str) -> ImageTensor:
    """Add the normalization and activation that model.toml states.

    Raises
    ------
    ModelError
        If mean or std are neither one number nor one per channel, or a std is not positive.
    """
    mean, std = spec.mean or image.mean, spec.std or image.std
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, image.shape[-1]) or (name == "std" and min(values) <= 0):
            raise ModelError(
                f"a {name} of one number or of {image.shape[-1]}, a std > 0, for {where}",
                found=str(list(values)), next_step="correct model.toml",
            )  # fmt: skip
    sigmoid = isinstance(spec, DecoderSpec) and spec.activation == "sigmoid"
    return replace(image, mean=mean, std=std, sigmoid=sigmoid)


def _usual_range(dtype: np.dtype[np.generic]) -> tuple[float, float]:
    if dtype.kind not in "iu":
        return UNIT
    # int8 means quantized bytes; wider integers usually still hold bytes.
    return (-128.0, 127.0) if dtype == np.int8 else (0.0, 255.0)


def _check_range(value_range: tuple[float, float], dtype: str, where: str) -> None:
    low, high = -math.inf, math.inf
    if np.dtype(dtype).kind in "iu":
        low, high = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
    if not low <= value_range[0] < value_range[1] <= high:
        limits = "" if math.isinf(high) else f" within [{low:g}, {high:g}]"
        raise ModelError(
            f"a range [low, high] with low < high{limits} for {where}",
            found=str(list(value_range)), next_step="correct model.toml",
        )  # fmt: skip


def _public_shape(axes: Shape, layout: Layout) -> Shape:
    shapes = {"CHW": (*axes[1:], axes[0]), "HW": (*axes, 1)}
    return shapes.get(layout, axes)


def _check(image: ImageTensor, axes: FreeShape, where: str) -> None:
    if len(image.shape) not in (1, 3) or (not image.is_image and image.layout != "flat"):
        raise _mismatch(f"image_shape [H, W, C], not {list(image.shape)}", where)
    fits = all(a in (None, b) for a, b in zip(axes, image.file_shape, strict=True))
    if not fits or (image.layout == "HW" and image.shape[2] != 1):
        raise _mismatch(f"{list(image.file_shape)} per row, from image_shape and layout", where)


def _mismatch(expected: str, where: str) -> ModelError:
    return ModelError(
        expected, found=where,
        next_step="state image_shape and layout in model.toml, or let "
        "'latent-analyze inspect MODEL --data IMAGES --write' do it",
    )  # fmt: skip
