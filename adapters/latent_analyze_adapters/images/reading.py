"""Reads image files with Pillow: only the header, or the pixels."""

from __future__ import annotations

import os
import stat
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from latent_analyze.plugin import DatasetError
from latent_analyze_adapters.images.resizing import ImageOptions, fit_image
from latent_analyze_adapters.images.truncation import MAX_PIXELS, load_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

T = TypeVar("T")
R = TypeVar("R")

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF")
"""The only formats that Pillow may decode, whatever the suffix says; it supports dozens more."""

MAX_BYTES = 16 << 20
"""Largest file, on top of 8 bytes per pixel."""

GRAY_MODES = frozenset({"1", "L", "LA", "I;16", "I;16L", "I;16B"})
DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B"})
MODES = GRAY_MODES | {"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}
CAMERA_FORMATS = frozenset({"JPEG", "MPO"})
ORIENTATION = 0x0112
THREADS = min(max(os.cpu_count() or 2, 2), 8)


@dataclass(frozen=True)
class Header:
    """Size (height, width) in upright orientation, and whether the image is gray."""

    size: tuple[int, int]
    gray: bool


def parallel(function: Callable[[T], R], items: Sequence[T], *, threads: int = THREADS) -> list[R]:
    """Return ``[function(item) for item in items]``, computed by several threads."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def read_headers(paths: Sequence[Path]) -> list[Header]:
    """Read the headers of image files.

    Raises
    ------
    DatasetError
        If one is not in an allowed format, too large, or of a pixel format without a known black
        and white.
    """
    with strict_pillow():
        return parallel(_read_header, paths)


def threads_for(headers: Sequence[Header]) -> int:
    """Return how many of these images can be decoded at once, `MAX_PIXELS` in total."""
    largest = max(height * width for height, width in (header.size for header in headers))
    return min(max(MAX_PIXELS // max(largest, 1), 1), THREADS)


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Turn Pillow's decompression bomb warnings into errors, and ignore those about metadata.

    Raises
    ------
    DatasetError
        If this process has configured Pillow to accept truncated images.
    """
    from PIL import Image, ImageFile

    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise DatasetError(
            "truncated images to be errors", found="ImageFile.LOAD_TRUNCATED_IMAGES = True",
            next_step="set it to False",
        )  # fmt: skip
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def read_pixels(path: Path, options: ImageOptions, *, gray: bool) -> NDArray[np.number]:
    """Return an image cropped and resized, shape (H, W) or (H, W, 3), values in [0, 255].

    Call it inside `strict_pillow`.

    Raises
    ------
    DatasetError
        As in `read_headers`, or if the file is truncated or damaged.
    """
    with _opened(path) as image:
        load_complete(image, path)
        upright = _upright(image)
    return np.asarray(fit_image(_in_color(upright, gray=gray), options))


def _read_header(path: Path) -> Header:
    with _opened(path) as image:
        return Header(_upright_size(image), image.mode in GRAY_MODES)


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile]:
    from PIL import Image, UnidentifiedImageError

    try:
        size = _file_size(path)
        with Image.open(path, formats=FORMATS) as image:
            _check_size(image, path, size)
            yield image
    except DatasetError:
        raise
    except UnidentifiedImageError:
        raise _unreadable(path, "something else") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _unreadable(path, f"more than {Image.MAX_IMAGE_PIXELS} pixels") from None
    # Pillow's decoders raise anything for damaged files, even AttributeError and struct.error.
    except Exception as error:
        raise _unreadable(path, " ".join(str(error).split()) or type(error).__name__) from None


def _file_size(path: Path) -> int:
    status = path.stat()
    # A pipe may block forever, and a device may never end.
    if not stat.S_ISREG(status.st_mode):
        raise _unreadable(path, "a pipe, a socket or a device")
    if status.st_size > MAX_BYTES + 8 * MAX_PIXELS:
        raise _unreadable(path, f"a file of {status.st_size >> 20} MiB")
    return status.st_size


def _check_size(image: Image, path: Path, size: int) -> None:
    if image.mode not in MODES:
        raise _unreadable(path, f"the pixel format {image.mode!r}")
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise DatasetError(
            f"at most {MAX_PIXELS >> 20} million pixels in {path}",
            found=f"{image.height}x{image.width}", next_step="shrink or remove the image",
        )  # fmt: skip
    if size > MAX_BYTES + 8 * pixels:
        raise _unreadable(path, f"{size >> 20} MiB for {image.height}x{image.width} pixels")


def _unreadable(path: Path, found: str) -> DatasetError:
    return DatasetError(
        f"an image of 8 or 16 bits in {path}", found=found, next_step="remove or replace the file"
    )


def _upright_size(image: Image) -> tuple[int, int]:
    size = (image.height, image.width)
    return (size[1], size[0]) if _orientation(image) in (5, 6, 7, 8) else size


def _orientation(image: Image) -> int:
    # Only cameras rotate images, and reading the EXIF data of a PNG would decode it.
    turned = image.getexif().get(ORIENTATION) if image.format in CAMERA_FORMATS else 1
    return turned if isinstance(turned, int) else 1


def _upright(image: Image) -> Image:
    from PIL.Image import Transpose

    # Orientations 2 to 8 of the EXIF standard; anything else means upright.
    turns = (
        Transpose.FLIP_LEFT_RIGHT, Transpose.ROTATE_180, Transpose.FLIP_TOP_BOTTOM,
        Transpose.TRANSPOSE, Transpose.ROTATE_270, Transpose.TRANSVERSE, Transpose.ROTATE_90,
    )  # fmt: skip
    number = _orientation(image)
    return image.transpose(turns[number - 2]) if 2 <= number <= 8 else image.copy()


def _in_color(image: Image, *, gray: bool) -> Image:
    from PIL import Image as Images

    if image.mode in DEEP_MODES:
        # Pillow would clip 16 bits at 255; floats keep all of them.
        values = np.asarray(image).astype(np.float32) / np.float32(257)
        if gray:
            return Images.fromarray(values)
        image = Images.fromarray(np.rint(values).astype(np.uint8))
    mode = "L" if gray else "RGB"
    return image if image.mode == mode else image.convert(mode)
