"""What the arrays of an .npy or .npz file are: images, vectors, or rows of any other shape."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from latent_analyze.plugin import DatasetError
from latent_analyze_adapters.files.npy import BARE, SUFFIXES, listing, peek
from latent_analyze_adapters.files.values import sample_values, steps_like_bytes, usual_range

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from latent_analyze_adapters.files.npy import ArrayInfo

Kind = Literal["images", "vectors", "arrays"]
Content = Literal["images", "vectors", "arrays", "table"]

IMAGE_NAMES = ("x", "images", "data", "arr_0", BARE)
MAIN_NAMES = (
    "x", "images", "data", "input", "inputs", "arr_0", BARE, "input_ids", "input_values",
    "input_features", "pixel_values", "features", "samples", "sequences", "signals",
)  # fmt: skip
"""Usual names of the rows themselves, if other arrays go with them."""

SPLITS = ("train", "test", "val")
CHANNELS = (1, 3, 4)
LEAST_SIDE = 4
"""Fewest pixels of a side: (n, t, 3) is a sequence, and (n, 1, t) a signal."""


def kind_of(path: Path) -> Content:
    """Return what a file holds; "images" for one that cannot be read. Never raises.

    Images have one of the shapes of `is_image_shape`, and values of one of the usual ranges, or in
    equal steps; colors may have any values. Other arrays of more than two axes are "arrays", and so
    are several arrays (n, t) of whole numbers, such as tokens and their mask. See `is_table` for
    tables.
    """
    try:
        status = path.stat()
        return _kind_of(path.absolute(), status.st_mtime_ns, status.st_size)
    except (DatasetError, OSError, ValueError):
        return "images"


def is_kind(location: str, kind: Content) -> bool:
    """Whether this is an .npy or .npz file of that kind; never raises."""
    path = Path(location)
    return path.suffix.lower() in SUFFIXES and kind_of(path) == kind


def is_table(infos: Mapping[str, ArrayInfo]) -> bool:
    """Whether this is a structured array (n,), or named arrays (n,) of one length, some numbers."""
    every = list(infos.values())
    if len(every) == 1:
        return len(every[0].shape) == 1 and bool(every[0].dtype.names)
    columns = len({info.shape for info in every}) == 1 and len(every[0].shape) == 1
    return columns and sum(info.dtype.kind in "fiu" for info in every) > 1


def are_images(path: Path, infos: Sequence[ArrayInfo]) -> bool:
    """Whether arrays have the shape of images, and a sample of their values is like images'."""
    if not all(is_image_shape(info) for info in infos):
        return False
    if all(is_color(info) for info in infos):
        return True
    usual = usual_range(infos[0].dtype, sample_values(path, infos)) is not None
    return usual or steps_like_bytes(path, infos)


def is_image_shape(info: ArrayInfo) -> bool:
    """Whether it is (n, H, W), or (n, H, W, C) or (n, C, H, W) with 1, 3 or 4 channels."""
    if not info.is_images:
        return False
    shape = info.shape
    first = is_channels_first(shape)
    height, width = shape[2:4] if first else shape[1:3]
    is_channels = len(shape) == 3 or shape[1 if first else 3] in CHANNELS
    # An empty array is an empty data set of images.
    return is_channels and (0 in shape or min(height, width) >= LEAST_SIDE)


def is_color(info: ArrayInfo) -> bool:
    """Whether it is floats with three channels, which are images whatever their values are."""
    channels = info.shape[1 if is_channels_first(info.shape) else -1]
    return len(info.shape) == 4 and channels == 3 and info.dtype.kind == "f"


def is_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether a shape is (n, C, H, W)."""
    return len(shape) == 4 and shape[1] in CHANNELS and shape[3] not in CHANNELS


def find_vectors(infos: Mapping[str, ArrayInfo]) -> dict[str, ArrayInfo]:
    """Return the arrays of vectors, or nothing if there are images.

    An array with one number per row counts as labels if other arrays have more.
    """
    if find_images(infos):
        return {}
    return wide_vectors(infos)


def wide_vectors(infos: Mapping[str, ArrayInfo]) -> dict[str, ArrayInfo]:
    """Return the arrays (n, dim); those with one number per row only if there are no others."""
    vectors = {name: info for name, info in infos.items() if info.is_vectors}
    wide = {name: info for name, info in vectors.items() if info.shape[1] != 1}
    return wide or vectors


def find_images(infos: Mapping[str, ArrayInfo]) -> dict[str, ArrayInfo]:
    """Return the arrays of images by split: ``x_train``, ... in Keras' layout, or one under "".

    That one is the first of `IMAGE_NAMES` that has as many axes as images, or else the only array
    that has.
    """
    splits = find_splits(infos)
    if splits and all(info.is_images for info in splits.values()):
        return splits
    images = [info for info in infos.values() if info.is_images]
    named = [infos[name] for name in IMAGE_NAMES if name in infos and infos[name].is_images]
    if named or len(images) == 1:
        return {"": (named or images)[0]}
    return {}


def largest_images(infos: Mapping[str, ArrayInfo]) -> dict[str, ArrayInfo]:
    """Return the array of images with the most values per row under "", if there is one."""
    images = [info for info in infos.values() if info.is_images]
    largest = max((info.row_size for info in images), default=0)
    longest = [info for info in images if info.row_size == largest]
    return {"": longest[0]} if len(longest) == 1 else {}


def find_splits(infos: Mapping[str, ArrayInfo]) -> dict[str, ArrayInfo]:
    """Return the arrays ``x_train``, ``x_test`` and ``x_val`` by split, as far as there are any."""
    return {split: infos[f"x_{split}"] for split in SPLITS if f"x_{split}" in infos}


def find_rows(infos: Mapping[str, ArrayInfo], path: Path) -> dict[str, ArrayInfo]:
    """Return the arrays of rows by split, or one under "".

    That one is the first with one of the `MAIN_NAMES`, or else the one with the most values per
    row, or else the first.

    Raises
    ------
    DatasetError
        If there is none, or it holds complex numbers or Python objects.
    """
    splits = find_splits(infos)
    if splits and all(info.is_rows for info in splits.values()):
        return splits
    main = find_main(infos)
    if main is None:
        raise DatasetError(
            f"an array of rows of numbers (n, ...) in {path}", found=listing(infos),
            next_step="save it with numpy.save",
        )  # fmt: skip
    refuse_other_values(main, path)
    return {"": main}


def find_main(infos: Mapping[str, ArrayInfo]) -> ArrayInfo | None:
    """Return the array of the rows: of a usual name, or the largest per row, or the first."""
    rows = [i for i in infos.values() if i.is_rows or (len(i.shape) > 1 and i.dtype.kind in "cO")]
    rows = rows or [info for info in infos.values() if info.dtype.hasobject]
    by_name = {info.name: info for info in rows}
    named = [by_name[name] for name in MAIN_NAMES if name in by_name]
    largest = max((info.row_size for info in rows), default=0)
    longest = [info for info in rows if info.row_size == largest]
    return next(iter([*named, *(longest if len(longest) == 1 else rows)]), None)


def refuse_other_values(info: ArrayInfo, path: Path) -> None:
    """Raise DatasetError for rows of Python objects, complex numbers, or anything but numbers."""
    if info.dtype.hasobject:
        raise DatasetError(
            f"rows of numbers in {path}",
            found=f"Python objects {info.shape} in {info.name!r}, which only unpickling could read",
            next_step="if all rows have one shape, save numpy.stack(rows)",
        )
    if info.dtype.kind == "c":
        raise DatasetError(
            f"real numbers in {path}", found=f"complex ones: {info}",
            next_step="save numpy.stack([a.real, a.imag], -1)",
        )  # fmt: skip
    if not info.is_rows:
        raise DatasetError(
            f"rows of numbers (n, ...) in {path}", found=str(info),
            next_step="choose another array with x=NAME",
        )  # fmt: skip


@lru_cache(maxsize=32)
def _kind_of(path: Path, changed: int, size: int) -> Content:
    infos = peek(path)
    if is_table(infos):
        return "table"
    images, vectors, main = find_images(infos), wide_vectors(infos), find_main(infos)
    if images:
        return "images" if are_images(path, list(images.values())) else "arrays"
    if main is None:
        return "images"
    is_named = main.name in MAIN_NAMES and len(main.shape) > 2
    is_tokens = len(vectors) > 1 and all(info.dtype.kind in "iu" for info in vectors.values())
    if vectors and not is_named and not is_tokens:
        return "vectors"
    images = largest_images(infos)
    return "images" if images and are_images(path, list(images.values())) else "arrays"
