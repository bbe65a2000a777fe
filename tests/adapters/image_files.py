"""Small image files of every kind, and where their headers stand."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

Draw = np.random.Generator

FORMATS = {"png": "PNG", "jpg": "JPEG", "bmp": "BMP", "webp": "WEBP", "gif": "GIF", "tif": "TIFF"}
PNG, TIFF = b"\x89PNG\r\n\x1a\n", b"II*\0"
ROWS, COLUMNS = 18, 24


def encoded(image: Any, suffix: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, FORMATS.get(suffix, suffix), **options)
    return stream.getvalue()


@cache
def bases() -> dict[str, bytes]:
    """Return the files that are mutated, by name; no pixel is black, gray or transparent."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(1, 120, (18, 24, 4), dtype=np.uint8)
    rgba = Image.fromarray(pixels)
    rgb, gray = rgba.convert("RGB"), Image.fromarray(pixels[..., 0])
    deep = Image.fromarray(rng.integers(1, 65536, (18, 24)).astype(np.uint16))
    palette = Image.fromarray(rng.integers(1, 256, (18, 24), dtype=np.uint8))
    palette.putpalette(rng.integers(0, 256, 768, dtype=np.uint8).tobytes())
    turned = Image.Exif()
    turned[0x0112] = 6
    moving = {"save_all": True, "append_images": [rgb.rotate(180)] * 3}
    images = np.stack([pixels[..., :3]] * 4)
    return {
        "rgb.png": encoded(rgb, "png"), "rgba.png": encoded(rgba, "png"),
        "deep.png": encoded(deep, "png"), "palette.png": encoded(palette, "png"),
        "gray.jpg": encoded(gray, "jpg"), "turned.jpg": encoded(rgb, "jpg", exif=turned),
        "progressive.jpg": encoded(rgb, "jpg", progressive=True),
        "cmyk.jpg": encoded(rgb.convert("CMYK"), "jpg"),
        "rgb.bmp": encoded(rgb, "bmp"), "palette.bmp": encoded(palette, "bmp"),
        "lossy.webp": encoded(rgb, "webp"), "alpha.webp": encoded(rgba, "webp", lossless=True),
        "moving.webp": encoded(rgb, "webp", **moving),
        "palette.gif": encoded(palette, "gif"), "moving.gif": encoded(rgb, "gif", **moving),
        "raw.tif": encoded(rgb, "tif"), "deep.tif": encoded(deep, "tif"),
        "rgba.tif": encoded(rgba, "tif", compression="tiff_lzw"),
        "palette.tif": encoded(palette, "tif", compression="tiff_adobe_deflate"),
        "gray.tif": encoded(gray, "tif", compression="packbits"),
        "bare.npy": _numpy(np.save, images), "floats.npy": _numpy(np.save, images / 255),
        "stored.npz": _numpy(np.savez, x=images, y=np.arange(4), name=np.array(list("abcd"))),
        "packed.npz": _numpy(np.savez_compressed, x=images, y=np.arange(4)),
    }  # fmt: skip


def _numpy(save: Callable[..., None], *arrays: Any, **named: Any) -> bytes:
    stream = io.BytesIO()
    save(stream, *arrays, **named)
    return stream.getvalue()


def pick(rng: Draw, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def base(rng: Draw, *suffixes: str) -> tuple[str, bytearray]:
    names = [n for n in bases() if not suffixes or n.endswith(suffixes)]
    name = pick(rng, names)
    return name, bytearray(bases()[name])


def header_fields(name: str, content: bytes) -> list[tuple[int, str]]:
    """Return place and type of what stands in the headers of a file."""
    suffix = name.rpartition(".")[2]
    if suffix == "tif":
        (start,) = struct.unpack_from("<I", content, 4)
        (count,) = struct.unpack_from("<H", content, start)
        entries = [start + 2 + 12 * i for i in range(count)]
        parts = ((0, "<H"), (2, "<H"), (4, "<I"), (8, "<I"))
        return [(e + o, c) for e in entries for o, c in parts] + [(start + 2 + 12 * count, "<I")]
    if suffix == "npz":
        parts = {
            rb"PK\x01\x02": ((8, "<H"), (10, "<H"), (20, "<I"), (24, "<I"), (28, "<H"), (42, "<I")),
            rb"PK\x03\x04": ((6, "<H"), (8, "<H"), (18, "<I"), (22, "<I"), (26, "<H"), (28, "<H")),
            rb"PK\x05\x06": ((8, "<H"), (10, "<H"), (12, "<I"), (16, "<I")),
        }
        return [(m.start() + o, c) for k, v in parts.items() for m in re.finditer(k, content)
                for o, c in v]  # fmt: skip
    if suffix == "jpg":
        marks = [m.start() for m in re.finditer(rb"\xff[\xc0-\xfe]", content)]
        return [(m + 2, ">H") for m in marks[:-1]] + [
            (m + o, c) for m in marks if content[m + 1] in (0xC0, 0xC2, 0xDA, 0xC4, 0xDB, 0xE1)
            for o, c in ((4, "B"), (5, ">H"), (7, ">H"), (9, "B"), (10, "B"), (11, "B"))
        ]  # fmt: skip
    if suffix == "gif":
        image = content.index(b",", gif_blocks(content))
        sizes = (6, 8, image + 1, image + 3, image + 5, image + 7)
        return [(o, "<H") for o in sizes] + [(o, "B") for o in (10, 11, image + 9, image + 10)]
    return {
        "png": [(16, ">I"), (20, ">I"), *((o, "B") for o in range(24, 29)), (33, ">I"), (8, ">I")],
        "bmp": [(o, "<I") for o in (2, 10, 14, 18, 22, 30, 34, 46)] + [(26, "<H"), (28, "<H")],
        "webp": [(4, "<I"), (16, "<I"), *((o, "B") for o in range(12, 40))],
        "npy": [(6, "B"), (7, "B"), (8, "<H")],
    }[suffix]


def height_fields(kind: str, content: bytearray, *, both: bool) -> list[tuple[int, str]]:
    if kind == "jpg":
        start = next(i for i in map(content.find, (b"\xff\xc0", b"\xff\xc2")) if i >= 0)
        return [(start + 5, ">H")]
    if kind == "tif":
        entries = {content[i] + 256 * content[i + 1]: i for i, _ in
                   header_fields("a.tif", bytes(content))[:-1:4]}  # fmt: skip
        return [(entries[tag] + 8, "<H") for tag in ((257, 278) if both else (257,))]
    if kind == "gif":
        return [(8, "<H"), (content.index(b",", gif_blocks(content)) + 7, "<H")]
    return {"png": [(20, ">I")], "bmp": [(22, "<I")]}[kind]


def gif_blocks(content: bytes | bytearray) -> int:
    """Return where the blocks of a GIF begin: behind its palette."""
    return 13 + (3 << (content[10] & 7) + 1 if content[10] & 128 else 0)


def suffix_of(name: str) -> str:
    return name.rpartition(".")[2]


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiff_with(content: bytes, *entries: tuple[int, int, int, int]) -> bytes:
    """Return a TIFF whose first page has further tags: number, type, count, value."""
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    body = content[start + 2 : start + 2 + 12 * count]
    new = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    table = struct.pack("<H", count + len(entries)) + body + new + b"\0\0\0\0"
    padded = content + b"\0" * (len(content) % 2)
    return padded[:4] + struct.pack("<I", len(padded)) + padded[8:] + table


@cache
def zeros(count: int) -> bytes:
    pack = zlib.compressobj(9)
    return b"".join(pack.compress(bytes(1 << 20)) for _ in range(count >> 20)) + pack.flush()


def numpy_header(dtype: str, shape: str) -> bytes:
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


def zip_of(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore")  # of two members of one name
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()
