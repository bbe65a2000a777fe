"""Folders of images."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from adapter_testing import everything, opener, pixels, refuser, write_images
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from latent_analyze import DatasetError
from latent_analyze_adapters.images import folder as image_folder
from latent_analyze_adapters.images.folder import ImageFolder, register_datasets

opened = opener(ImageFolder)
refused = refuser(opened, everything)


def test_pixels_in_the_order_of_paths(tmp_path):
    write_images(tmp_path, "b.png", "a.png", "c/d.bmp")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "._a.png").write_text("what macOS leaves behind")
    dataset = opened(tmp_path)
    items = everything(dataset)
    assert items.ids == ["a.png", "b.png", "c/d.bmp"]
    expected = np.stack([pixels(8, 6, 3, seed=seed) for seed in (1, 0, 2)])
    np.testing.assert_allclose(items.x, expected / 255, rtol=1e-6)
    assert items.x.dtype == np.float32
    assert (dataset.item.shape, dataset.stored_range) == ((8, 6, 3), (0, 255))
    np.testing.assert_array_equal(dataset.read(np.array([2, 0])).x, items.x[[2, 0]])
    assert dataset.read(np.arange(0)).x.shape == (0, 8, 6, 3)
    assert register_datasets() == [ImageFolder]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".bmp", ".webp", ".gif", ".tif"])
def test_formats(tmp_path, suffix):
    image = np.full((9, 7, 3), (200, 100, 50), np.uint8)
    Image.fromarray(image).save(tmp_path / f"a{suffix}")
    x = everything(opened(tmp_path, color="rgb")).x
    np.testing.assert_allclose(x[0], image / 255, atol=0.05)


class TestColor:
    def test_gray_if_all_are(self, tmp_path):
        write_images(tmp_path, "a.png", "b.jpg", shape=(5, 5))
        assert opened(tmp_path).item.shape == (5, 5, 1)
        assert everything(opened(tmp_path, color="rgb")).x.shape == (2, 5, 5, 3)
        write_images(tmp_path, "c.png", shape=(5, 5, 3))
        assert opened(tmp_path).item.shape == (5, 5, 3)
        assert everything(opened(tmp_path, color="gray")).x.shape == (3, 5, 5, 1)

    def test_transparency_is_dropped(self, tmp_path):
        write_images(tmp_path, "a.png", shape=(5, 5, 4))
        x = everything(opened(tmp_path)).x
        np.testing.assert_allclose(x[0], pixels(5, 5, 4)[..., :3] / 255, rtol=1e-6)

    def test_palette_and_black_and_white(self, tmp_path):
        Image.new("P", (4, 4)).save(tmp_path / "a.png")
        assert opened(tmp_path).item.shape == (4, 4, 3)
        (tmp_path / "a.png").unlink()
        Image.new("1", (4, 4), 1).save(tmp_path / "a.png")
        np.testing.assert_array_equal(everything(opened(tmp_path)).x, np.ones((1, 4, 4, 1)))

    def test_sixteen_bits(self, tmp_path):
        deep = np.linspace(0, 65535, 48).reshape(6, 8).astype(np.uint16)
        Image.fromarray(deep).save(tmp_path / "a.png")
        x = everything(opened(tmp_path)).x[0, ..., 0]
        np.testing.assert_allclose(x, deep / 65535, atol=1e-6)
        x = everything(opened(tmp_path, color="rgb")).x[0]
        np.testing.assert_allclose(x, (deep / 65535)[..., None].repeat(3, 2), atol=1 / 500)

    def test_floats_have_no_black_and_white(self, tmp_path):
        Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "a.tif")
        assert "'F'" in refused(tmp_path, "an image of 8 or 16 bits")


def test_deep_folders(tmp_path):
    folder = tmp_path
    for _ in range(1500):
        folder /= "d"
        folder.mkdir()
    write_images(folder, "a.png")
    assert everything(opened(tmp_path)).ids == ["d/" * 1500 + "a.png"]
    # Removing the temporary folder has the limit of recursion that reading must not have.
    while folder != tmp_path:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        folder = folder.parent


class TestSizes:
    def test_different_sizes(self, tmp_path):
        write_images(tmp_path, "a.png", "b.png")
        write_images(tmp_path, "c.png", shape=(9, 6, 3))
        text = refused(tmp_path, "images of one size")
        assert "a.png of 8x6 and c.png of 9x6" in text
        assert "resize=64" in text
        assert everything(opened(tmp_path, resize=[4, 5])).x.shape == (3, 4, 5, 3)
        assert everything(opened(tmp_path, crop=6)).x.shape == (3, 6, 6, 3)

    def test_center_crop_before_resize(self, tmp_path):
        write_images(tmp_path, "a.png")
        x = everything(opened(tmp_path, crop=[4, 2])).x[0]
        np.testing.assert_allclose(x, pixels(8, 6, 3)[2:6, 2:4] / 255, rtol=1e-6)
        assert opened(tmp_path, crop=[4, 2], resize=16).item.shape == (16, 16, 3)

    def test_crop_larger_than_an_image(self, tmp_path):
        write_images(tmp_path, "a.png")
        assert "a.png of 8x6" in refused(tmp_path, "at least 7x7 to crop from", crop=7)

    @pytest.mark.parametrize("orientation", [*range(10), 65535])
    def test_every_orientation(self, tmp_path, orientation):
        image = Image.fromarray(np.kron(pixels(2, 3), np.ones((16, 16), np.uint8)))
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(tmp_path / "a.jpg", exif=exif)
        with Image.open(tmp_path / "a.jpg") as saved:
            upright = ImageOps.exif_transpose(saved)
        items = everything(opened(tmp_path))
        np.testing.assert_array_equal(items.x[0, ..., 0], np.asarray(upright, np.float32) / 255)

    def test_orientation_of_a_camera(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        image = np.zeros((8, 16), np.uint8)
        image[:, :8] = 255
        Image.fromarray(image).save(tmp_path / "a.jpg", exif=exif, quality=100)
        items = everything(opened(tmp_path))
        assert items.x.shape == (1, 16, 8, 1)
        np.testing.assert_allclose(items.x[0, :, :, 0], np.rot90(image, -1) / 255, atol=0.02)


def test_limit(tmp_path):
    write_images(tmp_path, "a.png", "b.png", "c.png")
    assert everything(opened(tmp_path, limit=2)).ids == ["a.png", "b.png"]
    assert opened(tmp_path, limit=20).count == 3


def test_fingerprint(tmp_path):
    write_images(tmp_path, "a.png", "b.png")
    one = opened(tmp_path).fingerprint
    assert opened(tmp_path).fingerprint == one
    assert opened(tmp_path, resize=4).fingerprint != one
    (tmp_path / "t.csv").write_text("file,n\na.png,1\nb.png,2\n")
    labelled = opened(tmp_path, labels="t.csv").fingerprint
    assert opened(tmp_path, labels=str(tmp_path / "t.csv")).fingerprint == labelled != one
    (tmp_path / "b.png").rename(tmp_path / "c.png")
    moved = opened(tmp_path).fingerprint
    assert moved != one
    write_images(tmp_path, "c.png")
    assert opened(tmp_path).fingerprint != moved


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(st.integers(0, 6), max_size=12))
def test_any_rows_in_any_order(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("rows")
    write_images(folder, *(f"{i}.png" for i in range(7)), shape=(3, 4, 3))
    dataset = opened(folder)
    items = dataset.read(np.array(rows, np.int64))
    np.testing.assert_array_equal(items.x, everything(dataset).x[rows])
    assert items.ids == [f"{row}.png" for row in rows]


class TestRefused:
    def test_no_images(self, tmp_path):
        assert "none" in refused(tmp_path, r"images \(\.bmp, ")

    def test_missing(self, tmp_path):
        assert "No such file" in refused(tmp_path / "gone", "a folder of images")

    def test_a_file(self, tmp_path):
        (tmp_path / "a").write_text("")
        refused(tmp_path / "a", "a folder of images")

    @pytest.mark.parametrize("content", [b"", b"this is text", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
    def test_no_image(self, tmp_path, content):
        write_images(tmp_path, "a.png")
        (tmp_path / "broken.png").write_bytes(content)
        assert "broken.png" in refused(tmp_path, "an image of 8 or 16 bits")

    @pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.tif", "a.bmp"])
    def test_truncated(self, tmp_path, name):
        write_images(tmp_path, name, shape=(64, 64, 3))
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        assert name in refused(tmp_path, "an image of 8 or 16 bits")

    @pytest.mark.parametrize("limit", [100, 30])
    def test_decompression_bomb(self, tmp_path, monkeypatch, recwarn, limit):
        write_images(tmp_path, "a.png")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit * 48 // 100 - 1)
        assert "pixels" in refused(tmp_path, "an image of 8 or 16 bits")
        assert not recwarn.list

    def test_too_many_pixels_whatever_pillow_allows(self, tmp_path, monkeypatch):
        Image.new("1", (8193, 8192)).save(tmp_path / "a.png")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        assert "a.png, found 8192x8193" in refused(tmp_path, "at most 64 million pixels")

    @pytest.mark.parametrize(
        ("size", "found"), [(17 << 20, "17 MiB for 8x6"), (1 << 30, "1024 MiB")]
    )
    def test_files_much_larger_than_their_pixels(self, tmp_path, size, found):
        write_images(tmp_path, "a.png")
        os.truncate(tmp_path / "a.png", size)
        assert found in refused(tmp_path, "an image of 8 or 16 bits")

    @pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "PCX", "EPS", "PDF", "JPEG2000"])
    def test_other_formats_by_the_name_of_an_allowed_one(self, tmp_path, kind):
        Image.fromarray(pixels(8, 6, 3)).save(tmp_path / "a.png", kind)
        assert "something else" in refused(tmp_path, "an image of 8 or 16 bits")

    def test_truncated_images_are_never_filled_up(self, tmp_path, monkeypatch):
        write_images(tmp_path, "a.png")
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        assert "set it to False" in refused(tmp_path, "truncated images to be errors")

    @pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
    def test_a_pipe(self, tmp_path):
        os.mkfifo(tmp_path / "a.png")
        assert "a pipe, a socket or a device" in refused(tmp_path, "an image of 8 or 16 bits")

    def test_damaged_metadata_do_not_warn(self, tmp_path, recwarn):
        exif = b"Exif\0\0II*\0" + b"\x08\0\0\0\xff\xff" + b"\7" * 30
        write_images(tmp_path, "a.jpg", exif=exif)
        assert everything(opened(tmp_path)).x.shape == (1, 8, 6, 3)
        assert not recwarn.list

    def test_changed_while_it_is_read(self, tmp_path):
        write_images(tmp_path, "a.png")
        dataset = opened(tmp_path)
        write_images(tmp_path, "a.png", shape=(9, 9, 3))
        with pytest.raises(DatasetError, match="as it was when the folder was opened"):
            everything(dataset)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
class TestLinks:
    def test_links_and_circles(self, tmp_path):
        write_images(tmp_path / "real", "a.png")
        folder = tmp_path / "folder"
        write_images(folder, "b.png")
        (folder / "linked.png").symlink_to(tmp_path / "real" / "a.png")
        (folder / "linked").symlink_to(tmp_path / "real")
        (folder / "again").symlink_to(folder)
        assert everything(opened(folder)).ids == ["b.png", "linked.png", "linked/a.png"]

    def test_links_to_links(self, tmp_path, monkeypatch):
        monkeypatch.setattr(image_folder, "MAX_VISITS", 100)
        write_images(tmp_path / "0", "a.png")
        for level in range(1, 12):
            (tmp_path / str(level)).mkdir()
            for link in "abcd":
                (tmp_path / str(level) / link).symlink_to(tmp_path / str(level - 1))
        refused(tmp_path / "11", "folders linked at most 100 times")

    def test_dangling_link(self, tmp_path):
        (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
        assert "a.png" in refused(tmp_path, "an image of 8 or 16 bits")

    @pytest.mark.skipif(sys.platform == "darwin", reason="names are Unicode there")
    def test_a_name_that_is_no_unicode(self, tmp_path):
        write_images(tmp_path, "a.png")
        os.rename(tmp_path / "a.png", os.fsencode(tmp_path) + b"/\xff\n.png")  # noqa: PTH104
        items = everything(opened(tmp_path))
        assert items.ids == ["\\xff\n.png"]


def test_recognizes(tmp_path):
    assert ImageFolder.recognizes(str(tmp_path))
    assert not ImageFolder.recognizes(str(tmp_path / "gone"))
    assert not ImageFolder.recognizes("x" * 5000)
    for name in ("zarr.json", "model.toml"):
        other = tmp_path / name.partition(".")[0]
        other.mkdir()
        (other / name).write_text("")
        assert not ImageFolder.recognizes(str(other))
