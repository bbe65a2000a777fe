"""Resolves what a file leaves open about the tensor with the data: shape, layout and range."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from latent_analyze.plugin import DecoderSpec, Layout, ModelError
from latent_analyze_adapters.models.graph import FreeShape, NetworkSpec, Shape
from latent_analyze_adapters.models.image_tensor import (
    AXES,
    CHANNELS,
    CHANNELS_FIRST,
    FLAT,
    UNIT,
    ImageTensor,
    file_shape,
)
from latent_analyze_adapters.models.messages import CORRECT

SHORTEST_SIDE = 4
"""Rows of two axes are images if both are at least this long."""

Form = tuple[Layout, tuple[float, float] | None, str, Literal["gray"] | None]


def fit_axes(axes: FreeShape, shape: Shape) -> Shape | None:
    """Return the axes of a file with free ones filled in, if rows of a shape can be reshaped to it.

    They can if both are equal but for axes of length 1, or one of the two has a single axis.
    """
    wide, wanted = [a for a in axes if a != 1], [n for n in shape if n != 1]
    if len(wide) == len(wanted) and all(a in (None, n) for a, n in zip(wide, wanted, strict=True)):
        filled = iter(wanted)
        return tuple(1 if a == 1 else next(filled) for a in axes)
    if len(wide) == 1 and wide[0] in (None, math.prod(shape)):
        return tuple(1 if a == 1 else math.prod(shape) for a in axes)
    known = tuple(a for a in axes if a is not None)
    fits = len(wanted) == 1 and len(known) == len(axes) and math.prod(known) == math.prod(shape)
    return known if fits else None


def shape_from_data(axes: FreeShape, layout: Layout, data: Shape | None) -> Shape | None:
    """Return the shape of the images at hand, if the file leaves it open and they fit."""
    if data is None or len(data) != 3 or (layout not in FLAT and None not in axes):
        return None
    shape = file_shape(data, layout)
    fits = len(axes) == len(shape) and all(a in (None, b) for a, b in zip(axes, shape, strict=True))
    return data if fits else None


def infer_layout(axes: FreeShape, encoder_layout: Layout | None = None) -> Layout:
    """Infer the layout of one row from its axes, without the batch.

    Two axes are a gray image if neither is very short, and more than three are no image. Three axes
    are channels first if the first has length 1, 3 or 4 and the last does not. A single
    axis is channels first if the encoder that belongs to a decoder is.
    """
    if len(axes) == 3:
        return "CHW" if axes[0] in CHANNELS and axes[2] not in CHANNELS else "HWC"
    if len(axes) == 2:
        # A sequence (steps, 3) or a signal (1, steps) is no image.
        return "array" if any(n is not None and n < SHORTEST_SIDE for n in axes) else "HW"
    if len(axes) > 3:
        return "array"
    return "flat-CHW" if encoder_layout in CHANNELS_FIRST else "flat"


def shows_layout(image: ImageTensor) -> bool:
    """Whether the axes of a file leave no other layout than the one that was inferred."""
    if not image.is_image or image.shape[-1] == 1:
        return True
    axes = image.file_shape
    return len(axes) == 3 and (axes[0] in CHANNELS) != (axes[2] in CHANNELS)


def resolve_image(
    axes: FreeShape,
    form: Form,
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
        Layout, value range (None: from the dtype), dtype, and whether colors are shown as gray.
    stated
        ``image_shape`` of model.toml, if given.
    where
        Tensor and file, for messages.

    Raises
    ------
    ModelError
        If they disagree, or an axis is free and model.toml does not state it.
    """
    layout, value_range, dtype, color = form
    if layout == "array":
        return _resolve_array(axes, stated, dtype, where)
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
    if color == "gray" and len(axes) == 3:
        resolved = replace(resolved, colors=axes[0 if layout == "CHW" else 2])
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
                found=str(list(values)), next_step=CORRECT,
            )  # fmt: skip
    activation = spec.activation if isinstance(spec, DecoderSpec) else None
    return replace(image, mean=mean, std=std, activation=activation)


def _resolve_array(axes: FreeShape, stated: Shape | None, dtype: str, where: str) -> ImageTensor:
    known = tuple(length for length in axes if length is not None)
    if stated is None and len(known) == len(axes):
        return ImageTensor(known, "array", UNIT, dtype, axes=known)
    fitting = None if stated is None else fit_axes(axes, stated)
    if stated is None or fitting is None:
        raise _mismatch(f"{list(stated or ())} per row, or the same without axes of 1", where)
    return ImageTensor(tuple(stated), "array", UNIT, dtype, axes=fitting)


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
            found=str(list(value_range)), next_step=CORRECT,
        )  # fmt: skip


def _public_shape(axes: Shape, layout: Layout) -> Shape:
    shapes = {"CHW": (*axes[1:], axes[0]), "HW": (*axes, 1)}
    return shapes.get(layout, axes)


def _check(image: ImageTensor, axes: FreeShape, where: str) -> None:
    if len(image.shape) not in (1, 3) or (len(image.shape) != 3 and image.layout != "flat"):
        raise _mismatch(f"image_shape [H, W, C], not {list(image.shape)}", where)
    fits = all(a in (None, b) for a, b in zip(axes, image.file_shape, strict=True))
    if not fits or (image.layout == "HW" and image.shape[2] != 1):
        raise _mismatch(f"{list(image.file_shape)} per row, from image_shape and layout", where)


def _mismatch(expected: str, where: str) -> ModelError:
    return ModelError(
        expected, found=where,
        next_step="state image_shape and layout in model.toml or --signature, or correct them",
    )  # fmt: skip
