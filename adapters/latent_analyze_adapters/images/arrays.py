"""Images in .npz and .npy files, including Keras' ``mnist.npz`` layout."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from latent_analyze.plugin import (
    Dataset,
    DatasetError,
    Items,
    Options,
    TensorSpec,
    hookimpl,
)
from latent_analyze_adapters.files import npy as _npy
from latent_analyze_adapters.files.labels import LABEL, check_length, find_labels, load_labels
from latent_analyze_adapters.images.resizing import ImageOptions, final_size, fit_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

CHANNELS = (1, 3, 4)
CHECK_VALUES = 1 << 22
"""Values per block while checking the range: 16 MiB of float32."""


class ImageArrayOptions(ImageOptions):
    """Options of `ImageArrays`."""

    range: tuple[float, float] | None = Field(
        None,
        description="values that mean black and white; by default [0, 255] for uint8, [0, 1] for "
        "all others",
    )


class ImageArrays(Dataset):
    """Images in an .npz or .npy file.

    The file has Keras' layout (``x_train``, ``y_train``, ``x_test``, ``y_test``, perhaps ``x_val``
    and ``y_val``), or one array called ``x``, ``images``, ``data`` or ``arr_0``, or only one array
    with the shape of images: (n, H, W), (n, H, W, C), or (n, C, H, W) with 1, 3 or 4 channels.
    Labels are ``y``, ``labels`` or ``label``, and any other array of shape (n,) under its own name.
    Nothing is unpickled; uncompressed arrays are memory-mapped.

    Parameters
    ----------
    location
        Path of the file.
    options
        `ImageArrayOptions`: limit, crop, resize, range.

    Raises
    ------
    DatasetError
        If there is no usable array, or its values are outside the range.
    """

    name = "image_arrays"
    Options: ClassVar[type[Options]] = ImageArrayOptions

    def __init__(self, location: str, options: ImageArrayOptions | None = None) -> None:
        self.path, self.options = Path(location), options or ImageArrayOptions()
        infos = _npy.peek(self.path)
        self.location = str(self.path.resolve())
        self._parts = _find_parts(infos, self.path)
        first = next(iter(self._parts.values()))
        total = sum(info.shape[0] for info in self._parts.values())
        self.count = min(total, self.options.limit or total)
        self._label_arrays = _find_label_arrays(infos, self._parts, self.path)
        self._channels_first = _is_channels_first(first.shape)
        self._range = self._value_range(first.dtype)
        self.item = self._spec(first.shape)
        self._check_values(first.dtype)

    @classmethod
    def recognizes(cls, location: str) -> bool:
        """Whether this is an .npy or .npz file without vectors."""
        path = Path(location)
        return path.suffix.lower() in _npy.SUFFIXES and not _npy.holds_vectors(path)

    @property
    def label_names(self) -> Sequence[str]:
        """Labels found in the file, and ``split`` for Keras' layout."""
        return (*self._label_arrays, *(["split"] if "" not in self._parts else []))

    def read(self, rows: NDArray[np.int64]) -> Items:
        """Return these rows, in this order."""
        x = self._raw(rows)
        if x.ndim == 3:
            x = x[..., None]
        if self._channels_first:
            x = x.transpose(0, 2, 3, 1)
        low, high = self._range
        if (low, high) != (0.0, 1.0):
            # The bounds are rounded to float32, so the ends may miss 0 and 1 by rounding.
            x = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
        return Items(
            x=fit_arrays(x, self.options),
            ids=[str(row) for row in rows],
            labels={name: values[rows] for name, values in self._labels.items()},
        )

    def _raw(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        shape = next(iter(self._parts.values())).shape[1:]
        x, start = np.empty((len(rows), *shape), np.float32), 0
        for info in self._parts.values():
            here = (rows >= start) & (rows < start + info.shape[0])
            if here.any():
                x[here] = self._array(info.name)[rows[here] - start]
            start += info.shape[0]
        return x

    def _array(self, name: str) -> NDArray[np.generic]:
        if name not in self._arrays:
            self._arrays[name] = _npy.map_rows(self.path, name)
        return self._arrays[name]

    @cached_property
    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        return {}

    @cached_property
    def _labels(self) -> dict[str, NDArray[np.generic]]:
        labels = {
            label: load_labels(self.path, names, self.count)
            for label, names in self._label_arrays.items()
        }
        if "" not in self._parts:
            sizes = [info.shape[0] for info in self._parts.values()]
            labels["split"] = np.repeat(list(self._parts), sizes)[: self.count]
        return labels

    def _spec(self, shape: tuple[int, ...]) -> TensorSpec:
        channels = 1 if len(shape) == 3 else shape[1 if self._channels_first else 3]
        size = shape[2:4] if self._channels_first else shape[1:3]
        height, width = final_size((size[0], size[1]), self.options, str(self.path))
        return TensorSpec(shape=(height, width, channels), layout="HWC", range=(0.0, 1.0))

    def _value_range(self, dtype: np.dtype[np.generic]) -> tuple[float, float]:
        default = (0.0, 255.0) if dtype == np.uint8 else (0.0, 1.0)
        low, high = self.options.range or default
        if not low < high:
            raise DatasetError("a range [low, high] with low < high", found=f"[{low:g}, {high:g}]")
        return low, high

    def _check_values(self, dtype: np.dtype[np.generic]) -> None:
        if dtype.kind == "b" or (dtype == np.uint8 and self._range == (0.0, 255.0)):
            return
        lowest, highest = self._extremes()
        if not (self._range[0] <= lowest and highest <= self._range[1]):
            raise _outside(self._range, (lowest, highest), self.path)

    def _extremes(self) -> tuple[float, float]:
        """Smallest and largest value of the rows in use; NaN if there are any."""
        step = max(CHECK_VALUES // int(np.prod(next(iter(self._parts.values())).shape[1:])), 1)
        found, left = [], self.count
        for info in self._parts.values():
            array = self._array(info.name)[:left]
            for start in range(0, len(array), step):
                block = array[start : start + step]
                found.append((float(block.min()), float(block.max())))
            left -= len(array)
        return float(np.min(found)), float(np.max(found))

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_arrays"}


def _find_parts(infos: Mapping[str, _npy.ArrayInfo], path: Path) -> dict[str, _npy.ArrayInfo]:
    parts = _npy.find_images(infos)
    if not parts:
        wanted = {*_npy.IMAGE_NAMES, *(f"x_{split}" for split in _npy.SPLITS)}
        _npy.refuse_objects((infos[name] for name in infos if name in wanted), path)
        raise DatasetError(
            f"an array of images (n, H, W) or (n, H, W, C) in {path}",
            found=_npy.listing(infos), next_step="call it x and its labels y",
        )  # fmt: skip
    shapes = {(*info.shape[1:], info.dtype) for info in parts.values()}
    if len(shapes) > 1:
        raise DatasetError(
            f"images of one shape and dtype in {path}", found=_npy.listing(parts),
            next_step="convert them",
        )  # fmt: skip
    if any(0 in info.shape for info in parts.values()):
        raise DatasetError(f"at least one image in {path}", found=_npy.listing(parts))
    return parts


def _find_label_arrays(
    infos: Mapping[str, _npy.ArrayInfo], parts: Mapping[str, _npy.ArrayInfo], path: Path
) -> dict[str, list[str]]:
    if "" in parts:
        return {label: [name] for label, name in find_labels(infos, parts[""], path).items()}
    names = [f"y_{split}" for split in parts]
    missing = [name for name in names if name not in infos]
    if len(missing) == len(names):
        return {}
    if missing:
        raise DatasetError(
            f"labels for every split of {path}", found=f"no array {missing[0]!r}",
            next_step="add it, or remove the labels of the other splits",
        )  # fmt: skip
    for name, info in zip(names, parts.values(), strict=True):
        check_length(infos[name], info.shape[0], path)
    _npy.refuse_objects((infos[name] for name in names), path)
    return {LABEL: names}


def _is_channels_first(shape: tuple[int, ...]) -> bool:
    return len(shape) == 4 and shape[1] in CHANNELS and shape[3] not in CHANNELS


def _outside(wanted: tuple[float, float], found: tuple[float, float], path: Path) -> DatasetError:
    if not np.all(np.isfinite(found)):
        return DatasetError(
            f"finite pixel values in {path}", found="NaN or infinity",
            next_step="remove or repair these images",
        )  # fmt: skip
    usual = ((-1.0, 1.0), (0.0, 255.0), (0.0, 65535.0))
    low, high = next((r for r in usual if r[0] <= found[0] and found[1] <= r[1]), found)
    return DatasetError(
        f"pixel values in [{wanted[0]:g}, {wanted[1]:g}] in {path}",
        found=f"{found[0]:g} to {found[1]:g}",
        next_step=f"give the values of black and white as range=[{low:g},{high:g}]",
    )


@hookimpl
def register_datasets() -> Sequence[type[Dataset]]:
    """Register images in .npz and .npy files."""
    return [ImageArrays]
