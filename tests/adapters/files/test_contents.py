"""What the arrays of .npy and .npz files are: images, vectors, or rows of any other shape."""

from __future__ import annotations

import numpy as np
import pytest

from latent_analyze.plugin import Host
from latent_analyze_adapters.arrays.dataset import Arrays
from latent_analyze_adapters.files.contents import kind_of
from latent_analyze_adapters.images.arrays import ImageArrays
from latent_analyze_adapters.vectors.arrays import VectorArrays

DATASETS = [plugin.cls for plugin in Host().datasets.values()]
CLASSES = {"images": ImageArrays, "vectors": VectorArrays, "arrays": Arrays}


def spread(low, high, *shape, dtype="f4"):
    """Return numbers from low to high in that shape, in a random order."""
    values = np.linspace(low, high, int(np.prod(shape)))
    return np.random.default_rng(0).permutation(values).reshape(shape).astype(dtype)


def whole(low, high, *shape, dtype="i8"):
    values = np.random.default_rng(0).integers(low, high, shape, endpoint=True)
    values.flat[:2] = low, high
    return values.astype(dtype)


UNIT = spread(0, 1, 5, 8, 6)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (UNIT, "images"),
        (np.asfortranarray(UNIT), "images"),
        (UNIT.astype(">f8"), "images"),
        (UNIT > 0.5, "images"),
        (whole(0, 255, 5, 8, 6, dtype="u1"), "images"),
        (whole(0, 1, 5, 8, 6), "images"),
        (spread(-1, 1, 5, 8, 6), "images"),
        (whole(0, 255, 5, 8, 6), "images"),
        (whole(0, 255, 5, 8, 6, dtype="f8"), "images"),
        (whole(0, 256, 5, 8, 6), "arrays"),
        (whole(-1, 255, 5, 8, 6), "arrays"),
        (spread(0, 255, 5, 8, 6), "arrays"),
        (spread(0, 1.001, 5, 8, 6), "arrays"),
        (spread(-4, 3, 5, 8, 6), "arrays"),
        (spread(0, 20, 5, 76, 32, 1), "arrays"),
        (spread(0, 1, 5, 76, 32, 1), "images"),
        (spread(-3, 3, 5, 8, 6, 3), "images"),
        (spread(-3, 3, 5, 3, 8, 6), "images"),
        (spread(-3, 3, 5, 4, 8, 6), "arrays"),
        (spread(0, 1, 5, 4, 8, 6), "images"),
        (spread(0, 1, 5, 8, 6, 7), "arrays"),
        (whole(0, 65535, 5, 8, 6, dtype="u2"), "arrays"),
        (spread(0, 1, 5, 30, 3), "arrays"),
        (spread(0, 1, 5, 3, 30), "arrays"),
        (spread(0, 1, 5, 1, 128), "arrays"),
        (whole(0, 255, 5, 30, 3, dtype="u1"), "arrays"),
        (spread(0, 1, 5, 3, 3, 3), "arrays"),
        (spread(0, 1, 5, 1, 8, 8, 8), "arrays"),
        (spread(0, 1, 5, 10), "vectors"),
        (whole(0, 9, 5, 10), "vectors"),
        (whole(0, 1, 5, 10, dtype="?"), "arrays"),
        (np.zeros((0, 8, 6)), "images"),
        (np.full((5, 8, 6), np.nan), "images"),
        (np.where(UNIT > 0.9, np.inf, UNIT), "images"),
        (UNIT * 1j, "arrays"),
        (np.array([{}, {}], object), "arrays"),
        (np.zeros(5), "images"),
        (np.array(["a", "b"]), "images"),
    ],
)
def test_one_array(tmp_path, save, values, kind):
    np.save(tmp_path / "a.npy", values)
    save(tmp_path / "a.npz", some=values)
    for path in (tmp_path / "a.npy", tmp_path / "a.npz"):
        if values.dtype.hasobject and path.suffix == ".npz" and save is np.savez_compressed:
            continue
        assert kind_of(path) == kind
        assert [d for d in DATASETS if d.recognizes(str(path))] == [CLASSES[kind]]


IDS, MASK = whole(0, 99, 5, 12), whole(0, 1, 5, 12)
Z, SEQUENCE = spread(-3, 3, 5, 4), spread(-3, 3, 5, 30, 3)


@pytest.mark.parametrize(
    ("arrays", "kind"),
    [
        ({"input_ids": IDS, "attention_mask": MASK}, "arrays"),
        ({"input_ids": IDS, "y": MASK[:, :1]}, "vectors"),
        ({"a": Z, "b": Z}, "vectors"),
        ({"a": Z, "b": IDS}, "vectors"),
        ({"x": SEQUENCE, "z": Z}, "arrays"),
        ({"x": UNIT, "z": Z}, "images"),
        ({"a": UNIT, "b": SEQUENCE}, "arrays"),
        ({"pictures": UNIT, "masks": UNIT[:, :4, :4] > 0.5}, "images"),
        ({"a": UNIT, "b": UNIT}, "arrays"),
        ({"z": Z, "other": SEQUENCE[..., None, None]}, "vectors"),
        ({"z": Z, "input": SEQUENCE[..., None, None]}, "arrays"),
        ({"x_train": UNIT, "x_test": UNIT[:2], "z": Z}, "images"),
        ({"x_train": SEQUENCE, "x_test": SEQUENCE[:2]}, "arrays"),
        ({"words": np.array(["a", "b"])}, "images"),
        ({}, "images"),
    ],
)
def test_several_arrays(tmp_path, arrays, kind):
    np.savez(tmp_path / "a.npz", **arrays)
    assert kind_of(tmp_path / "a.npz") == kind


GRAYS = whole(0, 255, 90, 8, 6).astype("f4")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((GRAYS - GRAYS.mean()) / GRAYS.std(), "images"),
        (((GRAYS / 255 - 0.1307) / 0.3081).astype("f8"), "images"),
        (((GRAYS - 7) / 3)[:, None], "images"),
        (((GRAYS - 7) / 3)[..., None], "images"),
        ((GRAYS - GRAYS.mean(0)) / GRAYS.std(0), "arrays"),
        ((GRAYS - 7.5) / 256 + np.random.default_rng(0).normal(0, 1, GRAYS.shape), "arrays"),
        (GRAYS - 100, "arrays"),
        (np.rint(GRAYS / 5) / 3, "arrays"),
        ((GRAYS**2 - 7) / 300, "arrays"),
        (((GRAYS - 7) / 3)[:3], "arrays"),
        (((GRAYS - 7) / 3)[:, :, :3], "arrays"),
    ],
    ids=["standardized", "as of MNIST", "CHW", "HWC", "by pixel", "noise", "whole", "few steps",
         "uneven steps", "few rows", "a sequence"],
)  # fmt: skip
def test_gray_images_of_8_bits_that_were_standardized(tmp_path, values, kind):
    np.save(tmp_path / "a.npy", values)
    np.savez_compressed(tmp_path / "b.npz", x=values)
    assert kind_of(tmp_path / "a.npy") == kind_of(tmp_path / "b.npz") == kind


def test_a_sample_is_spread_over_the_file(tmp_path):
    x = np.zeros((1000, 8, 8), np.float32)
    x[-1] = 3.5
    np.save(tmp_path / "a.npy", x)
    np.savez_compressed(tmp_path / "b.npz", x)
    assert kind_of(tmp_path / "a.npy") == kind_of(tmp_path / "b.npz") == "arrays"


def test_a_file_that_changes(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, UNIT)
    assert kind_of(path) == "images"
    np.save(path, UNIT[..., :3])
    assert kind_of(path) == "arrays"


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_what_cannot_be_read_is_left_to_images(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    assert kind_of(tmp_path / "a.npy") == kind_of(tmp_path / "gone.npz") == "images"
    assert kind_of(tmp_path / ("x" * 5000)) == "images"
