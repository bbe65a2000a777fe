"""Image and NumPy files that are small and ask for much."""

from __future__ import annotations

import struct
from functools import cache

from image_files import (
    PNG,
    TIFF,
    Draw,
    base,
    encoded,
    height_fields,
    numpy_header,
    pick,
    png_chunk,
    suffix_of,
    zeros,
)
from PIL import Image

MAX_PIXELS = 1 << 26


def png_bomb(rng: Draw) -> tuple[str, bytes, bool]:
    """One bit per pixel, all black: 64 million of them in 8 KiB, and headers that say more."""
    sizes = ((8192, 8192), (8192, 8193), (30000, 30000), (65535, 65535), (1, 2**31 - 1))
    width, height = pick(rng, sizes)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zeros(9 << 20))
    content = PNG + chunks + png_chunk(b"IEND", b"")
    return "bomb.png", content, width * height > MAX_PIXELS


def scan_bomb(rng: Draw) -> tuple[str, bytes, bool]:
    """Pass over the pixels again and again, a few bytes each time."""
    content = _large_jpeg()
    last = content[content.rindex(b"\xff\xc4") : -2]
    return "bomb.jpg", content[:-2] + last * pick(rng, (100, 3000)) + b"\xff\xd9", True


@cache
def _large_jpeg() -> bytes:
    return encoded(Image.new("L", (8192, 8192), 99), "jpg", progressive=True)


def tile_bomb(rng: Draw) -> tuple[str, bytes, bool]:
    """A TIFF of 8x8 pixels in one tile of a gigabyte."""
    side, data = pick(rng, (16384, 65536, 2**31 - 1)), zeros(1 << 28)
    tags = {256: 8, 257: 8, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side, 324: 8,
            325: len(data)}  # fmt: skip
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    start = struct.pack("<I", 8 + len(data))
    content = TIFF + start + data + struct.pack("<H", len(tags)) + table + b"\0\0\0\0"
    return "bomb.tif", content, True


def size_bomb(rng: Draw) -> tuple[str, bytes, bool]:
    """Declare the largest size that a format knows."""
    name, content = base(rng, "bmp", "gif", "webp", "jpg", "tif")
    kind = suffix_of(name)
    if kind == "webp":
        # A canvas of 16384x16383, as VP8X says it.
        canvas = b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + b"\xff\x3f\0\xfe\x3f\0"
        body = b"WEBP" + canvas + bytes(content[12:])
        return name, b"RIFF" + struct.pack("<I", len(body)) + body, True
    fields = {"bmp": [18, 22], "gif": [6, 8]}.get(kind)
    code, value = ("<I", 2**31 - 1) if kind == "bmp" else ("<H", 65535)
    if kind == "jpg":
        ((place, code),) = height_fields(kind, content, both=False)
        fields = [place, place + 2]
    if kind == "tif":
        (place, _), _ = height_fields(kind, content, both=True)
        fields = [place - 12, place]
    for field in fields or ():
        struct.pack_into(code, content, field, value)
    return name, bytes(content), True


def array_bomb(rng: Draw) -> tuple[str, bytes, bool]:
    """Zeros that inflate to half a gigabyte, as an array or as its header."""
    if rng.random() < 0.5:
        head = numpy_header("'|u1'", "(512, 1024, 1024)")
        member, packed = head + b"x", zeros(1 << 29)
    else:
        member, packed = b"\x93NUMPY\2\0" + struct.pack("<I", (1 << 29) - 1), zeros(1 << 29)
    # Stored blocks of zlib can be put together: the start, then the zeros.
    start = b"\0" + struct.pack("<HH", len(member), len(member) ^ 0xFFFF) + member
    return "bomb.npz", _zip("x.npy", start + packed[2:-4], len(member) + (1 << 29)), True


def _zip(name: str, deflated: bytes, size: int) -> bytes:
    """Return a zip file of one member that is compressed already; its checksum is wrong."""
    raw = name.encode()
    head = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, 0, len(deflated), size, len(raw), 0)
    local = b"PK\3\4" + head + raw + deflated
    central = b"PK\1\2" + struct.pack("<H", 20) + head + struct.pack("<HHHII", 0, 0, 0, 0, 0) + raw
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + b"PK\5\6" + end


BOMBS = (png_bomb, scan_bomb, tile_bomb, size_bomb, array_bomb)
