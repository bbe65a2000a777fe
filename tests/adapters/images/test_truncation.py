"""Rows that are missing are an error where Pillow is silent; images that look alike are not."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from image_bombs import scan_bomb, tile_bomb
from image_files import (
    PNG,
    bases,
    encoded,
    height_fields,
    png_chunk,
    suffix_of,
    tiff_with,
)
from PIL import Image

from latent_analyze import DatasetError
from latent_analyze_adapters.images.folder import ImageFolder


def read(folder, name, content):
    (folder / name).write_bytes(content)
    return ImageFolder(str(folder)).read(np.arange(1)).x[0]


def refused(folder, name, content, match):
    with pytest.raises(DatasetError, match=match) as error:
        read(folder, name, content)
    assert name in str(error.value)
    assert str(error.value).isprintable()


def png(width, height, rows, *, interlaced=0):
    """Return a gray PNG whose data are `rows`: a filter byte and pixels each."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlaced)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return PNG + b"".join(png_chunk(*part) for part in parts)


MISSING = "fewer than the .* rows"
REFUSED = "an image of 8 or 16 bits"
"""By our check or Pillow's, which is stopped by some data and not by others."""


class TestPng:
    @pytest.mark.parametrize("name", [n for n in bases() if n.endswith(".png")])
    def test_half_of_the_rows(self, tmp_path, name):
        content = bytearray(bases()[name])
        struct.pack_into(">I", content, 20, 36)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        refused(tmp_path, name, bytes(content), MISSING)

    def test_black_images_are_whole(self, tmp_path):
        assert read(tmp_path, "a.png", encoded(Image.new("RGBA", (300, 200)), "png")).max() == 0
        for mode in ("1", "P", "I;16"):
            assert not read(tmp_path, "a.png", encoded(Image.new(mode, (9, 9)), "png")).any()

    @pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 1), (8, 8), (9, 13)])
    def test_interlaced(self, tmp_path, size):
        width, height = size
        starts = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4)]
        starts += [(1, 0, 2, 2), (0, 1, 1, 2)]
        passes = [(len(range(y, height, b)), len(range(x, width, a))) for x, y, a, b in starts]
        widths = [w for h, w in passes for _ in range(h) if w]
        rows = b"".join(b"\0" + b"\7" * w for w in widths)
        x = read(tmp_path, "a.png", png(width, height, rows, interlaced=1))
        np.testing.assert_allclose(x, 7 / 255)
        short = png(width, height, rows[: -1 - widths[-1]], interlaced=1)
        refused(tmp_path, "a.png", short, REFUSED)

    def test_data_in_many_chunks(self, tmp_path):
        packed = zlib.compress(b"\0" * (101 * 100))
        content = png(100, 100, b"")[:33] + b"".join(
            png_chunk(b"IDAT", packed[i : i + 1]) for i in range(len(packed))
        )
        assert not read(tmp_path, "a.png", content + png_chunk(b"IEND", b"")).any()


class TestJpeg:
    @pytest.mark.parametrize("name", ["gray.jpg", "cmyk.jpg", "progressive.jpg", "turned.jpg"])
    def test_more_rows_declared(self, tmp_path, name):
        content = bytearray(bases()[name])
        ((place, code),) = height_fields("jpg", content, both=False)
        struct.pack_into(code, content, place, 80)
        refused(tmp_path, name, bytes(content), MISSING)

    def test_an_early_end(self, tmp_path):
        content = encoded(Image.effect_noise((64, 64), 60), "jpg")
        refused(tmp_path, "a.jpg", content[: len(content) // 2] + b"\xff\xd9", MISSING)

    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
    @pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
    def test_gray_images_are_whole(self, tmp_path, mode, options):
        image = Image.new(mode, (70, 50), 128 if mode == "L" else (128,) * len(mode))
        x = read(tmp_path, "a.jpg", encoded(image, "jpg", **options))
        assert x.shape == (50, 70, 1 if mode == "L" else 3)

    def test_thumbnails_do_not_end_it(self, tmp_path):
        thumbnail = encoded(Image.new("L", (8, 8), 128), "jpg")
        content = encoded(Image.new("L", (40, 40), 128), "jpg", comment=thumbnail)
        np.testing.assert_allclose(read(tmp_path, "a.jpg", content), 128 / 255, rtol=1e-5)

    def test_scans(self, tmp_path):
        _, content, _ = scan_bomb(np.random.default_rng(0))
        refused(tmp_path, "a.jpg", content, r"\d+ scans")


class TestGif:
    @pytest.mark.parametrize("interlace", [0, 1])
    @pytest.mark.parametrize("name", ["palette.gif", "moving.gif"])
    def test_more_rows_declared(self, tmp_path, name, interlace):
        with Image.open(io.BytesIO(bases()[name])) as image:
            content = bytearray(encoded(image, "gif", interlace=interlace))
        for place, code in height_fields("gif", content, both=True):
            struct.pack_into(code, content, place, 40)
        refused(tmp_path, name, bytes(content), REFUSED)

    def test_a_frame_smaller_than_the_screen(self, tmp_path):
        content = bytearray(bases()["palette.gif"])
        struct.pack_into("<H", content, 8, 40)
        assert read(tmp_path, "a.gif", bytes(content)).shape == (40, 24, 3)


class TestTiff:
    @pytest.mark.parametrize("name", [n for n in bases() if suffix_of(n) == "tif"])
    @pytest.mark.parametrize("both", [False, True])
    def test_more_rows_declared(self, tmp_path, name, both):
        content = bytearray(bases()[name])
        for place, code in height_fields("tif", content, both=both):
            struct.pack_into(code, content, place, 25)
        refused(tmp_path, name, bytes(content), REFUSED)

    @pytest.mark.parametrize("codec", ["jpeg", "group4", "zstd"])
    def test_compressions(self, tmp_path, codec):
        image = Image.new("1" if codec == "group4" else "L", (20, 20))
        refused(
            tmp_path, "a.tif", encoded(image, "tif", compression=codec), f"compression '{codec}'"
        )

    def test_tiles(self, tmp_path):
        _, content, _ = tile_bomb(np.random.default_rng(0))
        refused(tmp_path, "a.tif", content, "tiles of")

    def test_tags_given_twice(self, tmp_path):
        content = tiff_with(bases()["rgba.tif"], (256, 4, 1, 24))
        refused(tmp_path, "a.tif", content, "given twice")
        read(tmp_path, "a.tif", tiff_with(bases()["rgba.tif"], (305, 2, 1, 0)))

    def test_strips_that_overlap(self, tmp_path):
        content = bytearray(bases()["rgba.tif"])
        start = content.index(struct.pack("<HHI", 279, 4, 1))
        struct.pack_into("<I", content, start + 8, 1 << 30)
        refused(tmp_path, "a.tif", bytes(content), "overlap")

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
    @pytest.mark.parametrize("options", [{}, {"strip_size": 64}, {"big_tiff": True}])
    def test_whole(self, tmp_path, mode, options):
        content = encoded(Image.new(mode, (23, 17)), "tif", **options)
        assert read(tmp_path, "a.tif", content).shape[:2] == (17, 23)


def test_run_length_encoding(tmp_path):
    content = bytearray(bases()["palette.bmp"])
    struct.pack_into("<I", content, 30, 1)
    refused(tmp_path, "a.bmp", bytes(content), "run-length")
