"""Reading image files with Pillow: the header alone, or the pixels."""

from __future__ import annotations

import os
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from latent_analyze import DatasetError
from latent_analyze_adapters._resize import ImageOptions, fit_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.Image import Image

T = TypeVar("T")
R = TypeVar("R")

GRAY_MODES = frozenset({"1", "L", "LA", "La", "I;16", "I;16L", "I;16B"})
DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B"})
UNSUPPORTED_MODES = frozenset({"I", "F"})
CAMERA_FORMATS = frozenset({"JPEG", "MPO"})
ORIENTATION = 0x0112
# Pillow's decoders raise nearly anything on damaged files.
_DAMAGE = (
    OSError, ValueError, SyntaxError, TypeError, LookupError, EOFError, ArithmeticError,
    struct.error,
)  # fmt: skip
THREADS = min(max(os.cpu_count() or 2, 2), 8)


@dataclass(frozen=True)
class Header:
    """Size (height, width) as shown, and whether the image is gray."""

    size: tuple[int, int]
    gray: bool


def parallel(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return ``[function(item) for item in items]``, computed by 2 to 8 threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, items))


def read_headers(paths: Sequence[Path]) -> list[Header]:
    """Return what the headers of image files say.

    Raises
    ------
    DatasetError
        If one is no image, too large, or of a pixel format that has no known black and white.
    """
    from PIL import Image

    with warnings.catch_warnings():
        # `_check` refuses what Pillow only warns of.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return parallel(_read_header, paths)


def read_pixels(path: Path, options: ImageOptions, *, gray: bool) -> NDArray[np.float32]:
    """Return an image cropped and resized, shape (H, W, 1 or 3), values in [0, 1].

    Raises
    ------
    DatasetError
        As `read_headers`, and if the file is truncated.
    """
    with _opened(path) as image:
        fitted = fit_image(_in_color(_upright(image), gray=gray), options)
        pixels = np.asarray(fitted, np.float32) / np.float32(255)
    return pixels[..., None] if gray else pixels


def _read_header(path: Path) -> Header:
    with _opened(path) as image:
        return Header(_upright_size(image), image.mode in GRAY_MODES)


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            _check(image, path)
            yield image
    except UnidentifiedImageError:
        raise _unreadable(path, "something else") from None
    except Image.DecompressionBombError:
        raise _unreadable(path, f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels") from None
    except _DAMAGE as error:
        raise _unreadable(path, " ".join(str(error).split())) from None


def _check(image: Image, path: Path) -> None:
    from PIL.Image import MAX_IMAGE_PIXELS

    if image.mode in UNSUPPORTED_MODES:
        raise _unreadable(path, f"the pixel format {image.mode!r}")
    if MAX_IMAGE_PIXELS and image.width * image.height > MAX_IMAGE_PIXELS:
        raise _unreadable(path, f"{image.height}x{image.width} pixels")


def _unreadable(path: Path, found: str) -> DatasetError:
    return DatasetError(
        f"an image of 8 or 16 bits in {path}", found=found, next_step="remove or replace the file"
    )


def _upright_size(image: Image) -> tuple[int, int]:
    size = (image.height, image.width)
    # Only cameras turn images; asking a PNG for its EXIF data would decode it.
    turned = image.format in CAMERA_FORMATS and image.getexif().get(ORIENTATION) in (5, 6, 7, 8)
    return (size[1], size[0]) if turned else size


def _upright(image: Image) -> Image:
    from PIL import ImageOps

    if image.format in CAMERA_FORMATS:
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _in_color(image: Image, *, gray: bool) -> Image:
    from PIL import Image as Images

    if image.mode in DEEP_MODES:
        # Pillow would cut 16 bits off at 255; floats keep all of them.
        values = np.asarray(image).astype(np.float32) / np.float32(257)
        if gray:
            return Images.fromarray(values)
        image = Images.fromarray(np.rint(values).astype(np.uint8))
    mode = "L" if gray else "RGB"
    return image if image.mode == mode else image.convert(mode)
