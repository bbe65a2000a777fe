"""Images in .npz and .npy files."""

from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from adapter_testing import everything, opener, pixels, refuser
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze import DatasetError
from latent_analyze.plugin import Host
from latent_analyze.runs.opening import open_dataset
from latent_analyze_adapters.images.arrays import ImageArrays, register_datasets
from latent_analyze_adapters.images.ranges import outward
from latent_analyze_adapters.vectors.arrays import VectorArrays

MNIST = Path(__file__).parents[4] / "shared" / "data" / "mnist.npz"

opened = opener(ImageArrays)
refused = refuser(opened)

HOST = Host()


@pytest.fixture
def keras_file(tmp_path):
    arrays = {
        "x_train": pixels(6, 5, 4), "y_train": np.arange(6, dtype=np.uint8),
        "x_test": pixels(3, 5, 4, seed=1), "y_test": np.arange(3, dtype=np.uint8) + 6,
    }  # fmt: skip
    np.savez(tmp_path / "keras.npz", **arrays)
    return tmp_path / "keras.npz", arrays


def test_keras_layout(keras_file):
    path, arrays = keras_file
    dataset = opened(path)
    items = everything(dataset)
    both = np.concatenate([arrays["x_train"], arrays["x_test"]])[..., None]
    np.testing.assert_allclose(items.x, both / 255, rtol=1e-6)
    assert items.x.dtype == np.float32
    assert dataset.item.shape == (5, 4, 1)
    assert items.labels["label"].tolist() == list(range(9))
    assert items.labels["label"].dtype == np.int64
    assert items.labels["split"].tolist() == ["train"] * 6 + ["test"] * 3
    assert set(dataset.label_names) == set(items.labels)
    assert len(set(items.ids)) == 9
    assert register_datasets() == [ImageArrays]


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.integers(0, 8), max_size=20))
def test_any_rows_in_any_order(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "k.npz"
    np.savez(path, x_train=pixels(6, 2, 3), x_test=pixels(3, 2, 3, seed=1))
    dataset = opened(path)
    items = dataset.read(np.array(rows, np.int64))
    np.testing.assert_array_equal(items.x, everything(dataset).x[rows])
    assert items.ids == [str(row) for row in rows]


def test_validation_split_and_cifar_labels(tmp_path):
    path = tmp_path / "cifar.npz"
    arrays = {f"x_{s}": pixels(2, 4, 4, 3) for s in ("val", "test", "train")}
    np.savez(path, **arrays, **{f"y_{s}": np.ones((2, 1), int) for s in ("val", "test", "train")})
    items = everything(opened(path))
    assert items.labels["split"].tolist() == ["train"] * 2 + ["test"] * 2 + ["val"] * 2
    assert items.labels["label"].shape == (6,)


@pytest.mark.parametrize("name", ["x", "images", "data", "arr_0", "imgs"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_one_array(tmp_path, name, save):
    save(tmp_path / "a.npz", **{name: pixels(3, 4, 5, 3)})
    assert everything(opened(tmp_path / "a.npz")).x.shape == (3, 4, 5, 3)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3, 8, 9), (8, 9, 1)), ((3, 8, 9, 4), (8, 9, 4)), ((3, 1, 8, 9), (8, 9, 1)),
        ((3, 3, 8, 9), (8, 9, 3)), ((3, 3, 8, 3), (3, 8, 3)), ((3, 8, 9, 7), (8, 9, 7)),
    ],
)  # fmt: skip
def test_layouts(tmp_path, shape, expected):
    x = pixels(*shape)
    np.save(tmp_path / "a.npy", x)
    items = everything(opened(tmp_path / "a.npy"))
    assert items.x.shape[1:] == expected == opened(tmp_path / "a.npy").item.shape
    moved = x.transpose(0, 2, 3, 1) if expected[:2] != shape[1:3] else x
    np.testing.assert_allclose(items.x.ravel(), moved.ravel() / 255, rtol=1e-6)


def test_npy_is_memory_mapped(tmp_path):
    np.save(tmp_path / "a.npy", pixels(3, 4, 5))
    dataset = opened(tmp_path / "a.npy")
    everything(dataset)
    assert isinstance(dataset._rows.array("array"), np.memmap)


def test_labels_by_name(tmp_path):
    names = np.array(["a", "b\nc", "\x1b[31m"])
    np.savez(
        tmp_path / "a.npz", images=pixels(3, 4, 4), y=np.array([2.0, 0.0, 1.0]), who=names,
        raw=np.array([b"x", b"\xff", b""]), weight=np.array([0.5, 1.5, 2.0]), pair=np.ones((3, 2)),
        other=np.zeros(4),
    )  # fmt: skip
    labels = everything(opened(tmp_path / "a.npz")).labels
    assert labels["label"].tolist() == [2, 0, 1]
    assert labels["label"].dtype == np.int64
    assert labels["who"].tolist() == names.tolist()
    assert labels["raw"].tolist() == ["x", "\\xff", ""]
    assert labels["weight"].tolist() == ["0.5", "1.5", "2.0"]
    assert labels.keys() == {"label", "who", "raw", "weight"}


def test_two_usual_label_names_keep_their_own(tmp_path):
    np.savez(tmp_path / "a.npz", x=pixels(2, 4, 4), y=np.array([0, 1]), label=np.array([2, 3]))
    labels = everything(opened(tmp_path / "a.npz")).labels
    assert {name: values.tolist() for name, values in labels.items()} == {
        "y": [0, 1], "label": [2, 3],
    }  # fmt: skip


def test_floats_as_they_are(tmp_path):
    x = np.random.default_rng(0).random((3, 4, 4)).astype(np.float16)
    np.save(tmp_path / "a.npy", x)
    np.testing.assert_array_equal(everything(opened(tmp_path / "a.npy")).x[..., 0], x)
    np.save(tmp_path / "b.npy", x > 0.5)
    np.testing.assert_array_equal(everything(opened(tmp_path / "b.npy")).x[..., 0], x > 0.5)


@pytest.mark.parametrize(
    ("low", "high", "advice"),
    [
        (0.0, 255.0, "[0,255]"),
        (0, 65535, "[0,65535]"),
        (-3.0, 2.0, "[-3,2]"),
        (0.0, 20.0, "[0,20]"),
    ],
)
def test_other_ranges_must_be_stated(tmp_path, low, high, advice):
    x = np.linspace(low, high, 48).reshape(3, 4, 4)
    np.save(tmp_path / "a.npy", x)
    text = refused(tmp_path / "a.npy", r"pixel values in \[0, 1\]")
    assert f"range={advice}" in text
    items = everything(opened(tmp_path / "a.npy", range=[low, high]))
    np.testing.assert_allclose(items.x.ravel(), np.linspace(0, 1, 48), atol=1e-6)
    assert items.x.min() >= 0
    assert items.x.max() <= 1


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.linspace(0, 1, 48), (0, 1)),
        (np.linspace(-1, 1, 48), (-1, 1)),
        (np.arange(48), (0, 255)),
        (np.arange(48.0), (0, 255)),
        (np.arange(48, dtype=np.uint8), (0, 255)),
        (np.arange(48) > 20, (0, 1)),
        (np.arange(48) % 2, (0, 1)),
    ],
)
def test_the_range_is_found_in_the_values(tmp_path, x, expected):
    np.save(tmp_path / "a.npy", x.reshape(3, 4, 4))
    dataset = opened(tmp_path / "a.npy")
    assert dataset.stored_range == expected
    wanted = (x - expected[0]) / (expected[1] - expected[0])
    np.testing.assert_allclose(everything(dataset).x.ravel(), wanted, atol=1e-6)
    stated = opened(tmp_path / "a.npy", range=expected)
    np.testing.assert_array_equal(everything(stated).x, everything(dataset).x)


@pytest.mark.parametrize("layout", [(3, 8, 9), (8, 9, 3)])
@pytest.mark.parametrize("limit", [None, 2])
def test_colors_of_any_range(tmp_path, layout, limit):
    x = np.random.default_rng(0).normal(0, 2, (200, *layout)).astype(np.float32)
    np.save(tmp_path / "a.npy", x)
    dataset = opened(tmp_path / "a.npy", limit=limit)
    low, high = dataset.stored_range
    assert (low, high) == (x.min(), x.max())
    found = everything(dataset).x * (high - low) + low
    moved = x if layout[2] == 3 else x.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, moved[:limit], atol=1e-5)


def test_standardized_grays(tmp_path):
    grays = np.random.default_rng(0).integers(0, 256, (90, 8, 6)).astype(np.float32)
    values = (grays - 33) / 78.5
    np.save(tmp_path / "x.npy", values)
    dataset = opened(tmp_path / "x.npy")
    assert dataset.kind == "images"
    assert dataset.stored_range == (float(values.min()), float(values.max()))
    np.testing.assert_allclose(everything(dataset).x[..., 0], grays / 255, atol=1e-5)
    (note,) = dataset.notes
    assert "-0.4204 is black, 2.828 white" in note
    unchanged = opened(tmp_path / "x.npy", kind="arrays")
    np.testing.assert_array_equal(everything(unchanged).x, values)
    assert not unchanged.notes


def test_colors_that_are_all_the_same(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 8, 8, 3), 5.5, np.float32))
    assert opened(tmp_path / "a.npy").stored_range == (5.5, 11)
    assert not everything(opened(tmp_path / "a.npy")).x.any()


def test_rows_unlike_those_of_the_sample(tmp_path):
    x = np.full((1000, 4, 4), 0.5)
    x[500] = 1.5
    np.save(tmp_path / "a.npy", x)
    text = refused(tmp_path / "a.npy", r"pixel values in \[0, 1\] .* found 0.5 to 1.5")
    assert "range=[0.5,1.5], or read the values unchanged with kind=arrays" in text
    assert opened(tmp_path / "a.npy", limit=500).stored_range == (0, 1)
    x[500] = 1 + 1e-7
    np.save(tmp_path / "a.npy", x)
    assert "to 1.0000001;" in refused(tmp_path / "a.npy", r"pixel values in \[0, 1\]")


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.floats(-(2.0**99), 2.0**99, width=32, allow_subnormal=False),
        min_size=2,
        max_size=2,
        unique=True,
    ).filter(lambda v: not 0 <= min(v) <= max(v) <= 1)
)
def test_following_the_advice_works(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("advice") / "a.npy"
    x = np.full((2, 4, 4), 0.5 * values[0] + 0.5 * values[1], np.float32)
    x[0, 0, 0], x[1, 1, 1] = values
    np.save(path, x)
    try:
        dataset = opened(path)
    except DatasetError as error:
        (advice,) = re.findall(r"(range=\[.*?\]), or", str(error))
        assert len(advice) < 70
        dataset = open_dataset(f"{path}:{advice}:kind=images", HOST)
    low, high = dataset.stored_range
    assert low <= x.min() < x.max() <= high
    assert everything(dataset).x.min() >= 0
    assert everything(open_dataset(f"{path}:kind=arrays", HOST)).x.max() == x.max()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-3.8994217, 2.5524, ("-3.89943", "2.5524")),
        (0.0, 1.0000001, ("0", "1.00001")),
        (-1e-9, 1.0, ("-1e-09", "1")),
        (1234567.5, 2345678.5, ("1.23456e+06", "2.34568e+06")),
        (0.123, 0.123, ("0.123", "1.123")),
        (-5, 70000, ("-5", "70000")),
        (5e-324, 1e-322, ("4.94066e-324", "9.88131e-323")),
        (-1.5e300, 1.5e301, ("-1.5e+300", "1.5e+301")),
    ],
)
def test_ranges_are_rounded_outward(low, high, expected):
    down, up = outward(low, high)
    assert float(down) <= low <= high <= float(up)
    assert (down, up) == expected


def test_files_of_version_0_1_keep_their_fingerprints(tmp_path):
    def write(name, values):
        with (tmp_path / name).open("wb") as file:
            np.lib.format.write_array(file, values, version=(1, 0))
        return tmp_path / name

    values = np.arange(96).reshape(4, 6, 4)
    octets = write("u.npy", values.astype(np.uint8))
    floats = write("f.npy", (values / 95).astype("<f4"))
    vectors = write("v.npy", np.arange(24, dtype="<f4").reshape(8, 3))
    found = [
        opened(octets), opened(floats), opened(octets, limit=3, crop=4, resize=[2, 3]),
        opened(floats, range=[-1, 2]), VectorArrays(str(vectors)),
        VectorArrays(str(vectors), VectorArrays.Options(limit=5, vectors="array")),
    ]  # fmt: skip
    assert [dataset.fingerprint for dataset in found] == [
        "1f80382140434bbf06d954d6ed8027cb685773b6a510c7b10613850cf20305af",
        "fe6ccdffcf6ebd99629041dc9d418ddc91de3b68d948eb262d8b448b2b5d6557",
        "f8fc01194525221df13e409f19ed0366fbf266561bbd360f8116ab0daa221e41",
        "f6562e19dc81e2d1671e495408cdaf6ff92aa3c92a1fc6ce9fa470b25007ceef",
        "6b9303dcff4e8e26b29c1302b8297e4f0f11b2cd3272e76372e116e4fbaed803",
        "bbc735f0f65d7e98cb0d90173aa0288b27572872c58cedc9a230132fc1896d14",
    ]


def test_a_range_found_in_the_values_is_in_the_fingerprint(tmp_path):
    # The rows of one file must not have one fingerprint and two ranges.
    x = np.zeros((1000, 4, 4))
    np.save(tmp_path / "a.npy", x)
    low = opened(tmp_path / "a.npy", limit=3)
    x[-1] = 255
    np.save(tmp_path / "b.npy", x)
    high = opened(tmp_path / "b.npy", limit=3)
    assert (low.stored_range, high.stored_range) == ((0, 1), (0, 255))
    assert high.fingerprint != opened(tmp_path / "b.npy", limit=3, range=[0, 1]).fingerprint


def test_other_arrays_are_inputs(tmp_path):
    np.savez(
        tmp_path / "a.npz", x=pixels(3, 4, 4), y=np.arange(3), code=np.ones((3, 2)),
        age=np.arange(3) / 2, other=np.ones((4, 2)), labels=np.eye(3),
    )  # fmt: skip
    dataset = opened(tmp_path / "a.npz", ids="y")
    items = dataset.read(np.array([2, 0]))
    assert (dataset.array_name, dataset.input_names) == ("x", ("code", "age", "labels"))
    assert items.inputs["labels"].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert items.inputs["code"].shape == (2, 2)
    assert items.inputs["age"].tolist() == [1, 0]
    assert (items.ids, dataset.label_names) == (["2", "0"], ("age",))
    with pytest.raises(DatasetError, match="'gone' in"):
        opened(tmp_path / "a.npz", x="gone")


def test_a_range_that_makes_no_sense(tmp_path):
    np.save(tmp_path / "a.npy", pixels(3, 4, 4))
    with pytest.raises(DatasetError, match=r"a range \[low, high\] with low < high"):
        opened(tmp_path / "a.npy", range=[1, 1])
    refused(tmp_path / "a.npy", r"pixel values in \[0, 1\]", range=[0, 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_no_numbers(tmp_path, bad):
    x = np.zeros((3, 4, 4))
    x[2, 1, 1] = bad
    np.save(tmp_path / "a.npy", x)
    refused(tmp_path / "a.npy", "finite pixel values")
    refused(tmp_path / "a.npy", "NaN or infinity in 1 of 3 images: '2'; repair or remove")
    assert opened(tmp_path / "a.npy", limit=2).count == 2


def test_the_first_images_that_are_no_numbers_are_named(tmp_path, monkeypatch):
    """By their ids, also beyond the first block."""
    monkeypatch.setattr("latent_analyze_adapters.files.array_rows.BLOCK_VALUES", 32)
    x = np.zeros((9, 4, 4))
    x[[1, 4, 5, 8]] = np.nan
    np.savez(tmp_path / "a.npz", x=x, name=[f"image {i}" for i in range(9)])
    refused(tmp_path / "a.npz", "in 4 of 9 images: '1', '4', '5', ...; repair")
    refused(tmp_path / "a.npz", "in 4 of 9 images: 'image 1', 'image 4',", ids="name")
    refused(tmp_path / "a.npz", "in 2 of 5 images: '1', '4'; repair", limit=5)


def test_limit_crop_and_resize(keras_file):
    path, arrays = keras_file
    dataset = opened(path, limit=7, crop=[3, 2])
    items = everything(dataset)
    assert (dataset.count, dataset.item.shape) == (7, (3, 2, 1))
    np.testing.assert_allclose(items.x[:6, ..., 0], arrays["x_train"][:, 1:4, 1:3] / 255, rtol=1e-6)
    assert items.labels["split"].tolist() == ["train"] * 6 + ["test"]
    bigger = everything(opened(path, resize=[10, 8])).x
    assert bigger.shape == (9, 10, 8, 1)
    assert bigger.min() >= 0
    assert bigger.max() <= 1
    assert opened(path, limit=100).count == 9
    refused(path, "at least 6x6 to crop from", crop=6)


def test_resizing_a_constant_image_changes_nothing(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 9, 7, 3), 0.3, np.float32))
    x = everything(opened(tmp_path / "a.npy", resize=4)).x
    np.testing.assert_allclose(x, 0.3, atol=1e-6)


def test_fingerprint(keras_file, tmp_path):
    path, arrays = keras_file
    one = opened(path).fingerprint
    assert opened(path).fingerprint == one
    assert opened(path, limit=3).fingerprint != one
    arrays["x_train"][0, 0, 0] ^= 1
    np.savez(path, **arrays)
    assert opened(path).fingerprint != one


def test_pickles_without_its_arrays(tmp_path):
    np.save(tmp_path / "a.npy", pixels(500, 20, 20))
    dataset = opened(tmp_path / "a.npy")
    everything(dataset)
    content = pickle.dumps(dataset)
    assert len(content) < 10_000
    np.testing.assert_array_equal(everything(pickle.loads(content)).x, everything(dataset).x)


def test_recognizes(tmp_path, keras_file):
    np.save(tmp_path / "v.npy", np.zeros((3, 2)))
    assert ImageArrays.recognizes(str(keras_file[0]))
    assert not VectorArrays.recognizes(str(keras_file[0]))
    assert not ImageArrays.recognizes(str(tmp_path / "v.npy"))
    assert ImageArrays.recognizes(str(tmp_path / "missing.npz"))
    assert not ImageArrays.recognizes(str(tmp_path))
    assert not ImageArrays.recognizes("x" * 5000)


class TestRefused:
    def test_missing(self, tmp_path):
        assert "no such file" in refused(tmp_path / "a.npz", "a file")

    def test_no_usable_array(self, tmp_path):
        np.savez(tmp_path / "a.npz", a=np.zeros(3), b=np.zeros((2, 2), np.int8))
        text = refused(tmp_path / "a.npz", "an array of images")
        assert "a float64 (3,), b int8 (2, 2)" in text

    def test_two_without_a_usual_name(self, tmp_path):
        np.savez(tmp_path / "a.npz", a=pixels(2, 3, 3), b=pixels(2, 3, 3))
        refused(tmp_path / "a.npz", "an array of images")

    def test_no_arrays(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("readme.txt", "hello")
        assert "no arrays" in refused(tmp_path / "a.npz", "an array of images")

    def test_objects(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=np.array([{}, {}], object))
        refused(tmp_path / "a.npz", "arrays of numbers or strings")
        np.savez(tmp_path / "b.npz", x=pixels(2, 4, 4), y=np.array(["a", None], object))
        refused(tmp_path / "b.npz", "arrays of numbers or strings")

    def test_labels_of_another_length(self, tmp_path):
        np.savez(tmp_path / "a.npz", x=pixels(2, 4, 4), y=np.zeros(3))
        refused(tmp_path / "a.npz", "2 labels in 'y'")
        np.savez(tmp_path / "b.npz", x_train=pixels(2, 4, 4), y_train=np.zeros(3))
        refused(tmp_path / "b.npz", "2 labels in 'y_train'")

    def test_labels_of_one_split_alone(self, tmp_path):
        x = {f"x_{s}": pixels(2, 4, 4) for s in ("train", "test")}
        np.savez(tmp_path / "a.npz", **x, y_train=np.zeros(2))
        refused(tmp_path / "a.npz", "labels for every split")

    def test_splits_of_different_shape(self, tmp_path):
        np.savez(tmp_path / "a.npz", x_train=pixels(2, 4, 4), x_test=pixels(2, 5, 4))
        refused(tmp_path / "a.npz", "images of one shape")

    @pytest.mark.parametrize("shape", [(0, 4, 4), (3, 0, 4)])
    def test_empty(self, tmp_path, shape):
        np.savez(tmp_path / "a.npz", x=np.zeros(shape))
        refused(tmp_path / "a.npz", "at least one image")


@pytest.mark.skipif(not MNIST.is_file(), reason="mnist.npz is not here")
def test_mnist_as_keras_ships_it():
    dataset = opened(MNIST)
    assert (dataset.count, dataset.item.shape) == (70_000, (28, 28, 1))
    items = dataset.read(np.arange(59_990, 60_010))
    assert items.labels["split"].tolist() == ["train"] * 10 + ["test"] * 10
    with np.load(MNIST) as raw:
        np.testing.assert_allclose(items.x[10:, ..., 0], raw["x_test"][:10] / 255, rtol=1e-6)
        np.testing.assert_array_equal(items.labels["label"][:10], raw["y_train"][-10:])
