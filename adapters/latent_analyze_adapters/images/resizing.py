"""Cropping and resizing, the options that all image data sets share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, PositiveInt

from latent_analyze.plugin import DatasetError, Options

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

Size = PositiveInt | tuple[PositiveInt, PositiveInt]


class ImageOptions(Options):
    """Options of all data sets of images."""

    limit: PositiveInt | None = Field(None, description="read only the first N images")
    crop: Size | None = Field(
        None, description="center crop to this size (side or [height, width]), before resize"
    )
    resize: Size | None = Field(
        None, description="resize to this size (side or [height, width]), antialiased bilinear"
    )


def final_size(size: tuple[int, int], options: ImageOptions, name: str) -> tuple[int, int]:
    """Return (height, width) after crop and resize.

    Parameters
    ----------
    size
        (height, width) before.
    options
        What to do.
    name
        The image, for the message.

    Raises
    ------
    DatasetError
        If the crop is larger than the image.
    """
    crop = _pair(options.crop) or size
    if crop[0] > size[0] or crop[1] > size[1]:
        raise DatasetError(
            f"images of at least {crop[0]}x{crop[1]} to crop from",
            found=f"{name} of {size[0]}x{size[1]}", next_step="use a smaller crop",
        )  # fmt: skip
    return _pair(options.resize) or crop


def fit_image(image: Image, options: ImageOptions) -> Image:
    """Crop and resize one Pillow image."""
    from PIL.Image import Resampling

    top, left, height, width = _crop_box((image.height, image.width), options)
    if (height, width) != (image.height, image.width):
        image = image.crop((left, top, left + width, top + height))
    target = _pair(options.resize)
    if target in (None, (height, width)):
        return image
    # Bilinear stays within the range of the pixels, unlike bicubic and Lanczos.
    return image.resize((target[1], target[0]), Resampling.BILINEAR)


def fit_arrays(x: NDArray[np.float32], options: ImageOptions) -> NDArray[np.float32]:
    """Crop and resize images (n, H, W, C); values stay within their range."""
    from PIL import Image

    top, left, height, width = _crop_box((x.shape[1], x.shape[2]), options)
    x = x[:, top : top + height, left : left + width]
    target = _pair(options.resize)
    if target in (None, (height, width)):
        return np.ascontiguousarray(x)
    resized = np.empty((len(x), *target, x.shape[3]), np.float32)
    size = (target[1], target[0])
    for row, channel in np.ndindex(len(x), x.shape[3]):
        plane = Image.fromarray(np.ascontiguousarray(x[row, :, :, channel]))
        resized[row, :, :, channel] = np.asarray(plane.resize(size, Image.Resampling.BILINEAR))
    return resized


def _crop_box(size: tuple[int, int], options: ImageOptions) -> tuple[int, int, int, int]:
    height, width = _pair(options.crop) or size
    return (size[0] - height) // 2, (size[1] - width) // 2, height, width


def _pair(size: Size | None) -> tuple[int, int] | None:
    return (size, size) if isinstance(size, int) else size
