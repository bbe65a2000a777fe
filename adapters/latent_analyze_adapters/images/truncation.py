"""Loads an image only if its file holds every row that the header declares.

Pillow raises an error if a file ends too early. But if too few rows are followed by a proper end
of the file, it silently leaves the rest black or gray.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile
    from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

MAX_PIXELS = 1 << 26
"""Largest image."""

MAX_SCANS = 64
"""Most scans of a JPEG: encoders write about ten, and each one takes time for every pixel."""

TIFF_CODECS = frozenset({"raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"})
"""The decoders of other compressions fill in missing rows."""

_BITS, _SAMPLES, _STRIP_BYTES, _PLANAR, _TILE_WIDTH, _TILE_LENGTH, _TILE_BYTES = (
    258, 277, 279, 284, 322, 323, 325,
)  # fmt: skip
_PNG_BANDS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
"""First column and row of the seven passes of an interlaced PNG, and their steps."""

_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
_NOISE = bytes(range(1, 255))


def load_complete(image: ImageFile, path: Path) -> None:
    """Load an image that Pillow has opened, unless rows are missing.

    Parameters
    ----------
    image
        The image, not yet loaded.
    path
        Its file.

    Raises
    ------
    ValueError
        If rows are missing, or decoding would take more work than the size of the image warrants.
    """
    from PIL.TiffImagePlugin import TiffImageFile

    # WebP has no tiles.
    codec = image.tile[0][0] if image.tile else ""
    if isinstance(image, TiffImageFile):
        _check_tiff(image, path)
    elif codec == "bmp_rle":
        raise ValueError("run-length encoding")
    elif codec == "jpeg":
        scans, _ = _jpeg_scans(path.read_bytes())
        if scans > MAX_SCANS:
            raise ValueError(f"{scans} scans")
    image.load()
    if not _is_complete(image, path, codec):
        raise _missing_rows(image)


def _is_complete(image: ImageFile, path: Path, codec: str) -> bool:
    value = image.getpixel((image.width - 1, image.height - 1))
    last = set(value) if isinstance(value, tuple) else {value}
    # Only images whose last pixel looks like a missing one are read again.
    if codec == "jpeg" and last <= {127, 128}:
        return _jpeg_is_complete(image, path.read_bytes())
    if codec == "zip" and (last == {0} or image.info.get("interlace")):
        return _png_is_complete(path.read_bytes())
    return True


def _missing_rows(image: ImageFile) -> ValueError:
    return ValueError(f"fewer than the {image.height} rows that its header declares")


def _check_tiff(image: TiffImageFile, path: Path) -> None:
    tags, codec = image.tag_v2, image.info.get("compression")
    if codec not in TIFF_CODECS:
        raise ValueError(f"TIFF compression {codec!r}")
    numbers = _tiff_tags(path, tags)
    if len(np.unique(numbers)) < len(numbers):
        # Pillow uses the last one, libtiff the first.
        raise ValueError("a TIFF tag given twice")
    if tags.get(_TILE_WIDTH, 1) * tags.get(_TILE_LENGTH, 1) > MAX_PIXELS:
        raise ValueError(f"tiles of {tags[_TILE_LENGTH]}x{tags[_TILE_WIDTH]} pixels")
    parts = (*tags.get(_STRIP_BYTES, ()), *tags.get(_TILE_BYTES, ()))
    if codec != "raw" and sum(parts) > path.stat().st_size:
        raise ValueError("strips that overlap")
    if codec == "raw" and not _tiff_covers(image, sum(parts)):
        raise _missing_rows(image)


def _tiff_covers(image: TiffImageFile, held: int) -> bool:
    """Whether the strips of an uncompressed TIFF cover it; they hold `held` bytes, 0 if unknown."""
    pixels, bits = image.width * image.height, image.tag_v2.get(_BITS, (1,))
    # There may be one number for the bits of all samples.
    depth = sum(bits) if len(bits) > 1 else bits[0] * image.tag_v2.get(_SAMPLES, 1)
    boxes = (tile[1] for tile in image.tile)
    covered = sum((box[2] - box[0]) * (box[3] - box[1]) for box in boxes if box)
    planes = len(image.getbands()) if image.tag_v2.get(_PLANAR) == 2 else 1
    return covered >= planes * pixels and (not held or held * 8 >= pixels * depth)


def _tiff_tags(path: Path, tags: ImageFileDirectory_v2) -> NDArray[np.uint16]:
    """Return the numbers of the tags of the first page, in the order of the file."""
    order = "<" if tags.prefix == b"II" else ">"
    with path.open("rb") as stream:
        is_big = struct.unpack(f"{order}2xH", stream.read(4)) == (43,)
        stream.seek(tags.offset)
        head, value_bytes = (f"{order}Q", 18) if is_big else (f"{order}H", 10)
        (count,) = struct.unpack(head, stream.read(struct.calcsize(head)))
        entry = np.dtype([("tag", f"{order}u2"), ("value", f"V{value_bytes}")])
        return np.frombuffer(stream.read(count * entry.itemsize), entry, count)["tag"]


def _jpeg_scans(content: bytes) -> tuple[int, int]:
    """Return how many scans a JPEG has, and where it ends."""
    position, scans = 2, 0
    while match := _JPEG_MARKER.search(content, position):
        position = match.end()
        if match[1] == b"\xd9":
            return scans, match.start()
        scans += match[1] == b"\xda"
        position += int.from_bytes(content[position : position + 2], "big")
    return scans, len(content)


def _jpeg_is_complete(image: ImageFile, content: bytes) -> bool:
    """Whether bytes inserted before the end change nothing: missing rows would consume them."""
    from PIL import Image as Images

    _, end = _jpeg_scans(content)
    with Images.open(io.BytesIO(content[:end] + _NOISE + content[end:]), formats=["JPEG"]) as other:
        return np.array_equal(np.asarray(image), np.asarray(other))


def _png_is_complete(content: bytes) -> bool:
    """Whether the pixel data of a PNG inflate to as many bytes as its header requires."""
    chunks = list(_png_chunks(content))
    header = next(data for kind, data in reversed(chunks) if kind == b"IHDR")
    width, height, depth, color, *_, interlaced = struct.unpack_from(">IIBBBBB", header)
    wanted = 0
    for x, y, step_x, step_y in _PNG_PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -((x - width) // step_x), -((y - height) // step_y)
        if columns > 0 and rows > 0:
            wanted += rows * (1 + (columns * depth * _PNG_BANDS[color] + 7) // 8)
    pieces = (data for kind, data in chunks if kind == b"IDAT")
    return any(total >= wanted for total in accumulate(_inflated_sizes(pieces)))


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = 8
    while start + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, start)
        data = start + 8
        yield content[start + 4 : data], content[data : data + length]
        start = data + length + 4


def _inflated_sizes(pieces: Iterable[bytes]) -> Iterator[int]:
    inflate = zlib.decompressobj()
    for piece in pieces:
        waiting = piece
        while waiting and not inflate.eof:
            yield len(inflate.decompress(waiting, 1 << 20))
            waiting = inflate.unconsumed_tail
    yield len(inflate.flush())
