"""Images in .npz and .npy files, including Keras' ``mnist.npz`` layout."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from latent_analyze.plugin import Dataset, DatasetError, Items, Options, TensorSpec, hookimpl
from latent_analyze_adapters.arrays.file import LATER_OPTIONS, ArrayFile, ArrayFileOptions
from latent_analyze_adapters.files import contents as _contents
from latent_analyze_adapters.files import npy as _npy
from latent_analyze_adapters.files.fingerprint import file_fingerprint
from latent_analyze_adapters.files.values import (
    Range,
    sample_values,
    steps_like_bytes,
    usual_range,
)
from latent_analyze_adapters.images.ranges import (
    extremes,
    finite_extremes,
    not_finite,
    outside,
    widened,
)
from latent_analyze_adapters.images.resizing import ImageOptions, final_size, fit_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from latent_analyze_adapters.files.contents import Kind

UNIT = (0.0, 1.0)


class ImageArrayOptions(ArrayFileOptions, ImageOptions):
    """Options of `ImageArrays`."""

    range: tuple[float, float] | None = Field(
        None,
        description="values that mean black and white; by default [0, 255] for uint8, else what "
        "the values show: [0, 1], [-1, 1], [0, 255] for whole numbers, or, for floats of three "
        "channels and for gray ones in equal steps, the smallest and the largest",
    )


class ImageArrays(ArrayFile):
    """Images in an .npz or .npy file.

    The file has Keras' layout (``x_train``, ``y_train``, ``x_test``, ``y_test``, perhaps ``x_val``
    and ``y_val``), or one array called ``x``, ``images``, ``data`` or ``arr_0``, or only one array
    with the shape of images, or one that is larger than the others: (n, H, W), (n, H, W, C), or
    (n, C, H, W) with 1, 3 or 4 channels. Labels are ``y``, ``labels`` or ``label``, and any other
    array of shape (n,) under its own name; other arrays of n rows are further inputs of a model.
    Nothing is unpickled; uncompressed arrays are memory-mapped.

    With ``kind=arrays``, the rows are read unchanged, as by `Arrays`.

    Parameters
    ----------
    location
        Path of the file.
    options
        `ImageArrayOptions`: limit, crop, resize, range, kind, x, ids, labels.

    Raises
    ------
    DatasetError
        If there is no usable array, or its values are outside the range.
    """

    name = "image_arrays"
    _channels_first: bool
    Options: ClassVar[type[Options]] = ImageArrayOptions

    def __init__(self, location: str, options: ImageArrayOptions | None = None) -> None:
        self._open(location, options or ImageArrayOptions())
        self.kind = self._choose_kind()
        self._range = self._known_range = UNIT
        if self.kind == "arrays":
            self._use_rows()
            return
        self._use(self._chosen_images() or _find_parts(self._infos, self.path))
        first = next(iter(self._parts.values()))
        self._channels_first = _contents.is_channels_first(first.shape)
        self.item = self._spec(first.shape)
        self._known_range = (0.0, 255.0) if first.dtype == np.uint8 else UNIT
        self._range = self.stored_range = self._value_range()
        self._check_values(first.dtype)

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether this is an .npy or .npz file of images, or one that cannot be read."""
        return _contents.is_kind(location, "images")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file, and of what is done to its images."""
        # Version 0.1 knew no ranges but these and those of the options.
        is_known = self.options.range is not None or self._range == self._known_range
        more = () if is_known else (self._range,)
        return file_fingerprint(self, Path(self.location), later=LATER_OPTIONS, more=more)

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""
        if self.kind == "arrays":
            return super().read(rows)
        x = self._rows.take(rows).astype(np.float32)
        if x.ndim == 3:
            x = x[..., None]
        if self._channels_first:
            x = x.transpose(0, 2, 3, 1)
        low, high = self._range
        if (low, high) != UNIT:
            # The bounds are rounded to float32, so the ends may miss 0 and 1 by rounding.
            x = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
        return self._items(fit_arrays(x, self.options), rows)

    def _choose_kind(self) -> Kind:
        options = self.options
        if options.kind == "auto" and options.x in self._infos and not options.range:
            is_image = _contents.are_images(self.path, [self._infos[options.x]])
            return "images" if is_image else "arrays"
        return "arrays" if options.kind == "arrays" else "images"

    def _chosen_images(self) -> Mapping[str, _npy.ArrayInfo]:
        chosen = self._chosen()
        return _find_parts(chosen, self.path) if chosen else {}

    def _spec(self, shape: tuple[int, ...]) -> TensorSpec:
        channels = 1 if len(shape) == 3 else shape[1 if self._channels_first else 3]
        size = shape[2:4] if self._channels_first else shape[1:3]
        height, width = final_size((size[0], size[1]), self.options, str(self.path))
        return TensorSpec(shape=(height, width, channels), layout="HWC", range=UNIT)

    def _value_range(self) -> Range:
        if self.options.range:
            low, high = self.options.range
            if low < high:
                return low, high
            raise DatasetError("a range [low, high] with low < high", found=f"[{low:g}, {high:g}]")
        infos = list(self._parts.values())
        found = usual_range(infos[0].dtype, sample_values(self.path, infos))
        if found is None and all(_contents.is_color(info) for info in infos):
            found = widened(*finite_extremes(self._rows))
        elif found is None and steps_like_bytes(self.path, infos):
            found = widened(*finite_extremes(self._rows))
            self.notes = (_about_steps(found, self.path),)
        return found or self._known_range

    def _check_values(self, dtype: np.dtype[np.generic]) -> None:
        if dtype.kind == "b" or (dtype == np.uint8 and self._range == (0.0, 255.0)):
            return
        found = extremes(self._rows, self.count)
        if not np.isfinite(found).all():
            ids = self._ids if self.options.ids else range(self.count)
            raise not_finite(self._rows, ids, self.path)
        if not (self._range[0] <= found[0] and found[1] <= self._range[1]):
            raise outside(self._range, found, self.path)


def _about_steps(found: Range, path: Path) -> str:
    low, high = found
    return (
        f"Values in equal steps are those of gray images of 8 bits that were standardized: "
        f"{low:.4g} is black, {high:.4g} white. If they are no images: {path.name}:kind=arrays"
    )


def _find_parts(infos: Mapping[str, _npy.ArrayInfo], path: Path) -> dict[str, _npy.ArrayInfo]:
    parts = _contents.find_images(infos) or _contents.largest_images(infos)
    if not parts:
        splits = (f"x_{split}" for split in _contents.SPLITS)
        wanted = {*_contents.IMAGE_NAMES, *splits}
        _npy.refuse_objects((infos[name] for name in infos if name in wanted), path)
        raise DatasetError(
            f"an array of images (n, H, W) or (n, H, W, C) in {path}",
            found=_npy.listing(infos), next_step="call it x and its labels y",
        )  # fmt: skip
    return parts


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register images in .npz and .npy files."""
    return [ImageArrays]
