"""Makes seeded mutants of image files and of NumPy files with images."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from image_bombs import BOMBS
from image_files import (
    COLUMNS,
    FORMATS,
    ROWS,
    TIFF,
    Draw,
    base,
    bases,
    encoded,
    gif_blocks,
    header_fields,
    height_fields,
    numpy_header,
    pick,
    png_chunk,
    suffix_of,
    tiff_with,
    zeros,
    zip_of,
)
from PIL import Image

LENGTHS = (
    0, 1, 2, 7, 127, 255, 256, 8192, 32767, 65535, 1 << 16, 1 << 20, 2**31 - 1, 2**31, 2**32 - 1
)  # fmt: skip
CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"tRNS", b"PLTE", b"gAMA",
          b"cHRM", b"pHYs", b"IHDR", b"IDAT", b"IEND", b"crYP")  # fmt: skip
FORBIDDEN = ("PPM", "ICO", "TGA", "PCX", "EPS", "PDF", "SGI", "IM", "DDS", "JPEG2000",
             "AVIF")  # fmt: skip
DTYPES = (
    "'|u1'", "'|u1'", "'<f4'", "'>f8'", "'|b1'", "'<i8'", "'|O'", "'<U9'", "'|S3'", "'<c8'",
    "'<M8[s]'", "[('a', '|u1')]", "'|V9'", "'<f2'", "'no'", "(((((((", "None", "'|S2147483647'",
)  # fmt: skip
SHAPES = (
    "(4, 18, 24, 3)", "(4, 18, 24)", "(4, 3, 18, 24)", "(4,)", "(4, 1)", "(0, 18, 24)", "()",
    "(-4, 18, 24)", "(2, -18, -24)", "(4, 18.0, 24)", "(True, 18, 24)", "(4294967296, 8, 8)",
    "(9223372036854775807, 18, 24)", "(4, 0, 24)", "4", "[4, 18, 24]", "(None, 2, 3)", "(1, " * 60,
    "(4, 18, 24, 3, 1)", "(1073741824, 2, 1)",
)  # fmt: skip
MEMBERS = (
    "x.npy", "x", "x.npy", "y.npy", "labels.npy", "x_train.npy", "y_train.npy", "x_test.npy",
    "../x.npy", "/x.npy", "a\x1b[2J\nb.npy", "<b>.npy", "split.npy", ".npy", "n" * 5000 + ".npy",
)  # fmt: skip
TEXTS = (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b"%!PS-Adobe-3.0\n", b"PK\3\4")


@dataclass(frozen=True)
class Mutant:
    """A file: its name, its content, and what reading it may give.

    `like` is the file whose pixels a result must have, if any; `refused` leaves only an error.
    """

    name: str
    content: bytes
    like: str | None = None
    refused: bool = False


def mutant(seed: int, number: int) -> Mutant:
    """Return a mutant; the same for the same seed and number."""
    rng = np.random.default_rng((seed, number))
    kind = KINDS[number % len(KINDS)]
    return MAKERS[kind](rng)


def _bytes(rng: Draw) -> Mutant:
    name, content = base(rng)
    # Half of them where the headers are.
    end = len(content) if rng.random() < 0.5 else min(len(content), 200)
    for place in rng.integers(0, end, rng.integers(1, 9)):
        content[place] = rng.integers(256)
    return Mutant(name, bytes(content))


def _cut(rng: Draw) -> Mutant:
    name, content = base(rng)
    return Mutant(name, bytes(content[: rng.integers(len(content))]), like=name)


def _header(rng: Draw) -> Mutant:
    name, content = base(rng)
    places = list(header_fields(name, bytes(content)))
    for _ in range(rng.integers(1, 4)):
        place, code = pick(rng, places)
        value = int(pick(rng, LENGTHS)) if rng.random() < 0.7 else int(rng.integers(0, 48))
        struct.pack_into(code, content, place, value % (1 << 8 * struct.calcsize(code)))
    return Mutant(name, _mended(name, bytes(content)))


def _mended(name: str, content: bytes) -> bytes:
    # Otherwise every change would end at the checksum.
    if name.endswith(".png"):
        return content[:29] + struct.pack(">I", zlib.crc32(content[12:29])) + content[33:]
    return content


def _rows(rng: Draw) -> Mutant:
    """Declare more rows than there are, or end them early with a proper ending."""
    name, content = base(rng, "png", "jpg", "bmp", "gif", "tif", "npy")
    kind = suffix_of(name)
    # A JPEG holds whole blocks, which a few rows more do not leave.
    rows = ROWS + int(rng.integers(20 if kind == "jpg" else 1, 200))
    if kind == "npy":
        # The header keeps its length.
        padded = bytes(content).replace(b"(4, 18, 24, 3), }   ", b"(%d, 18, 24, 3), }" % rows)
        return Mutant(name, padded, like=name)
    if name in ("gray.jpg", "cmyk.jpg") and rng.random() < 0.5:
        start = content.index(b"\xff\xda") + 20
        end = int(rng.integers(start, len(content) - 100))
        # A stuffed byte must not be parted from the one before.
        end -= content[end - 1] == 0xFF
        return Mutant(name, bytes(content[:end]) + b"\xff\xd9", like=name)
    for place, code in height_fields(kind, content, both=bool(rng.random() < 0.5)):
        struct.pack_into(code, content, place, rows)
    return Mutant(name, _mended(name, bytes(content)), like=name)


def _metadata(rng: Draw) -> Mutant:
    name, content = base(rng, "png", "jpg", "gif", "webp", "tif")
    junk = pick(rng, (rng.bytes(40), b"\0" * (1 << 20), b"<b>\x1b[2J\n" * 9, _orientation(rng)))
    kind = suffix_of(name)
    if kind == "png":
        packed = b"name\0\0" + zeros(1 << 26) if rng.random() < 0.3 else junk
        new = png_chunk(pick(rng, CHUNKS), packed)
        return Mutant(name, bytes(content[:33]) + new + bytes(content[33:]))
    if kind == "jpg":
        segment = (b"Exif\0\0", b"ICC_PROFILE\0\1\xff", b"MPF\0", b"Adobe\0d", b"")
        data = (pick(rng, segment) + junk)[:65000]
        mark = bytes([0xFF, pick(rng, (0xE0, 0xE1, 0xE2, 0xEE, 0xFE, 0xDD))])
        new = mark + struct.pack(">H", len(data) + 2) + data
        return Mutant(name, bytes(content[:2]) + new * pick(rng, (1, 200)) + bytes(content[2:]))
    if kind == "gif":
        place = gif_blocks(content)
        blocks = b"".join(b"\xff" + junk[i : i + 255].ljust(255) for i in range(0, len(junk), 255))
        new = b"!" + bytes([pick(rng, (0xF9, 0xFE, 0xFF, 1))]) + blocks + b"\0"
        return Mutant(name, bytes(content[:place]) + new + bytes(content[place:]))
    if kind == "webp":
        mark = pick(rng, (b"EXIF", b"ICCP", b"XMP ", b"ANMF", b"VP8X", b"ALPH", b"VP8 "))
        body = (
            bytes(content[8:])
            + mark
            + struct.pack("<I", len(junk))
            + junk
            + b"\0" * (len(junk) % 2)
        )
        return Mutant(name, b"RIFF" + struct.pack("<I", len(body)) + body)
    tags = (274, 322, 323, 330, 34665, 34675, 34853, 347, 317, 284, 266, 339, 338, 256, 257, 279)
    entry = [int(v) for v in (pick(rng, tags), rng.integers(0, 19), pick(rng, LENGTHS))]
    return Mutant(name, tiff_with(bytes(content), (*entry, int(pick(rng, LENGTHS)))))


def _orientation(rng: Draw) -> bytes:
    """Return EXIF data with an orientation of any number, type and count."""
    number, kind, count = int(rng.integers(0, 300)), int(rng.integers(0, 19)), pick(rng, LENGTHS)
    return TIFF + struct.pack("<IHHHIII", 8, 1, 0x0112, kind, count, number, pick(rng, LENGTHS))


def _bomb(rng: Draw) -> Mutant:
    name, content, refused = pick(rng, BOMBS)(rng)
    return Mutant(name, content, refused=refused)


def _frames(rng: Draw) -> Mutant:
    """Give a file many frames, pages or members, or pages that follow one another for ever."""
    suffix = pick(rng, ("gif", "webp", "png", "tif", "npz", "loop"))
    image = Image.new("RGB", (COLUMNS, ROWS), "orange")
    if suffix == "npz":
        member = numpy_header("'|u1'", f"(2, {ROWS}, {COLUMNS})") + b"\7" * (2 * ROWS * COLUMNS)
        return Mutant("many.npz", zip_of(*((f"x{i or ''}.npy", member) for i in range(500))))
    if suffix == "loop":
        content = bytearray(tiff_with(bases()["raw.tif"]))
        content[-4:] = content[4:8]
        return Mutant("loop.tif", bytes(content))
    count = int(rng.integers(2, 300))
    others = [image.rotate(i % 4 * 90) for i in range(count)]
    content = encoded(image, suffix, save_all=True, append_images=others)
    return Mutant(f"many.{suffix}", content)


def _suffix(rng: Draw) -> Mutant:
    """Call a file of one format by the name of another, of formats that are not read too."""
    suffix = pick(rng, [*FORMATS, "npy", "npz"])
    name, content = base(rng)
    kind = rng.integers(3)
    if kind == 0:
        same = suffix_of(name) in FORMATS and suffix in FORMATS
        return Mutant(f"other.{suffix}", bytes(content), like=name if same else None)
    if kind == 1:
        content = encoded(Image.new("RGB", (COLUMNS, ROWS), "orange"), pick(rng, FORBIDDEN))
    else:
        content = pick(rng, TEXTS) + rng.bytes(int(rng.integers(400)))
    return Mutant(f"other.{suffix}", bytes(content), refused=True)


def _arrays(rng: Draw) -> Mutant:
    """Write headers of arrays that are wrong or strange, alone and beside others."""

    def array() -> bytes:
        data = rng.bytes(pick(rng, (0, 100, 6000, 60000)))
        return numpy_header(pick(rng, DTYPES), pick(rng, SHAPES)) + data

    if rng.random() < 0.3:
        return Mutant("a.npy", array())
    names = [pick(rng, MEMBERS) for _ in range(rng.integers(1, 5))]
    return Mutant("a.npz", zip_of(*((name, array()) for name in names)))


MAKERS = {
    "bytes": _bytes, "cut": _cut, "header": _header, "rows": _rows, "metadata": _metadata,
    "bomb": _bomb, "frames": _frames, "suffix": _suffix, "arrays": _arrays,
}  # fmt: skip
KINDS = tuple(MAKERS)
