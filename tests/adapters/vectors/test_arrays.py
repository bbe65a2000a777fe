"""Vectors in .npy and .npz files."""

from __future__ import annotations

import pickle
import zipfile

import numpy as np
import pytest
from adapter_testing import TRAPPED, Trap, first_row, opener, refuser
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze import DatasetError
from latent_analyze.plugin import Host, Source
from latent_analyze_adapters.files import npy as _npy
from latent_analyze_adapters.images.arrays import ImageArrays
from latent_analyze_adapters.vectors import chunked as _chunked
from latent_analyze_adapters.vectors.arrays import VectorArrays, register_datasets

opened = opener(VectorArrays)
refused = refuser(opened, first_row)


@pytest.fixture
def z():
    return np.random.default_rng(0).normal(3, 1, (1000, 6))


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f4", "i2", "u1", "f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, z, dtype, order):
    np.save(tmp_path / "z.npy", np.asarray(z, dtype, order=order))
    dataset = opened(tmp_path / "z.npy")
    rows = np.array([999, 0, 5])
    items = dataset.read(rows)
    np.testing.assert_array_equal(items.x, z.astype(dtype)[rows].astype(np.float32))
    assert items.x.dtype == np.float32
    assert items.ids == ["999", "0", "5"]
    assert (dataset.kind, dataset.count, dataset.item.shape) == ("vectors", 1000, (6,))
    assert register_datasets() == [VectorArrays]


def test_source(tmp_path, z):
    np.save(tmp_path / "z.npy", z)
    source = opened(tmp_path / "z.npy").source("mine")
    assert isinstance(source, Source)
    assert (source.label, source.count, source.dim) == ("mine", 1000, 6)
    assert isinstance(source.dataset._array, np.memmap)
    found = np.concatenate([source.read(block).z for block in source.blocks()])
    np.testing.assert_array_equal(found, z.astype(np.float32))
    np.testing.assert_allclose(source.summary().mean, z.mean(0), rtol=1e-6)


def test_source_pickles_as_its_path(tmp_path, z):
    np.save(tmp_path / "z.npy", z)
    source = opened(tmp_path / "z.npy", limit=900).source("mine")
    content = pickle.dumps(source)
    copy = pickle.loads(content)
    assert len(content) < 5000
    assert (copy.label, copy.count, copy.fingerprint) == ("mine", 900, source.fingerprint)


def test_npz_with_labels(tmp_path, z):
    digit, name = np.arange(1000) % 10, np.array(["a", "b"])[np.arange(1000) % 2]
    np.savez(tmp_path / "z.npz", mu=z, label=digit, who=name)
    dataset = opened(tmp_path / "z.npz", limit=50)
    source = dataset.source()
    assert source.fields >= {"label:label", "label:who"}
    batch = source.read(source.blocks()[0], frozenset({"z", "label:who"}))
    assert batch.labels["who"].tolist() == name[:50].tolist()
    items = dataset.read(np.arange(50))
    assert items.labels["label"].tolist() == digit[:50].tolist()
    assert tuple(dataset.label_names) == ("label", "who")


def test_fingerprint(tmp_path, z):
    path = tmp_path / "z.npy"
    np.save(path, z)
    one = opened(path).fingerprint
    assert opened(path).fingerprint == one != opened(path, limit=7).fingerprint
    np.save(path, z + 1)
    assert opened(path).fingerprint != one


def test_recognizes(tmp_path, z):
    np.save(tmp_path / "z.npy", z)
    np.save(tmp_path / "images.npy", np.zeros((2, 4, 4)))
    np.savez(tmp_path / "both.npz", x=np.zeros((2, 4, 4)), v=np.zeros((2, 3)))
    np.savez(tmp_path / "two.npz", a=z, b=z)
    keras = {"x_train": np.zeros((4, 4, 4)), "y_train": np.zeros(4), "z": np.zeros((4, 3))}
    np.savez(tmp_path / "mnist.npz", **keras)
    datasets = [plugin.cls for plugin in Host().datasets.values()]
    found = {p.name: [d for d in datasets if d.recognizes(str(p))] for p in tmp_path.iterdir()}
    assert found == {
        "z.npy": [VectorArrays], "two.npz": [VectorArrays], "both.npz": [ImageArrays],
        "mnist.npz": [ImageArrays], "images.npy": [ImageArrays],
    }  # fmt: skip
    assert not VectorArrays.recognizes(str(tmp_path / "missing.npy"))


@pytest.mark.parametrize(
    "values",
    [np.zeros(3), np.zeros((2, 3, 4)), np.zeros((0, 3)), np.zeros((3, 0)), np.ones((2, 2), "c16")],
)
def test_refused(tmp_path, values):
    np.save(tmp_path / "z.npy", values)
    expected = "dim 1 to 1048576" if 0 in values.shape else "one array of vectors"
    with pytest.raises(DatasetError, match=expected) as error:
        opened(tmp_path / "z.npy")
    assert str(values.shape) in str(error.value)
    assert "\n" not in str(error.value)


def test_labels_that_are_objects(tmp_path, z):
    np.savez(tmp_path / "z.npz", z=z, who=np.array([None] * 1000, object))
    with pytest.raises(DatasetError, match="arrays of numbers or strings"):
        opened(tmp_path / "z.npz")


def test_missing(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        opened(tmp_path / "z.npy")


def test_which_array(tmp_path, z):
    path, text = tmp_path / "p.npz", np.array([f"row {i}" for i in range(1000)])
    np.savez(path, a=z, b=-z, y=np.arange(1000.0) % 3, name=text, score=z[:, 0], n=np.arange(7))
    assert "p.npz:vectors=b" in refused(path, "one array of vectors .* found a .*, b ")
    refused(path, "'c' in .* found a, b", vectors="c")
    refused(path, "'c' in .* found label, name, score, y", vectors="a", labels=("c",))
    refused(path, "unique ids in 'y'", vectors="a", ids="y")
    dataset = opened(path, vectors="b", ids="name")
    items = dataset.read(np.array([7, 2]))
    np.testing.assert_array_equal(items.x, -z[[7, 2]].astype(np.float32))
    assert items.ids == ["row 7", "row 2"]
    assert {name: v.tolist() for name, v in items.labels.items()} == {"label": [1, 2]}
    chosen = opened(path, vectors="b", labels=("score", "y"), limit=3).read(np.array([2]))
    assert {n: v.tolist() for n, v in chosen.labels.items()} == {"score": [str(z[2, 0])], "y": [2]}


def test_several_arrays_as_the_inputs_of_a_model(tmp_path, z):
    path = tmp_path / "p.npz"
    np.savez(path, cond=z[:, :2], features=z, age=z[:, 0], y=np.arange(1000))
    refused(path, r"take all as the inputs of a model: .*p\.npz:kind=arrays")
    dataset = opened(path, kind="arrays")
    assert (dataset.kind, dataset.array_name, dataset.input_names) == (
        "arrays", "features", ("cond", "age"),
    )  # fmt: skip
    items = dataset.read(np.array([5, 3]))
    np.testing.assert_array_equal(items.x, z[[5, 3]].astype(np.float32))
    np.testing.assert_array_equal(items.inputs["cond"], z[[5, 3], :2])
    assert items.labels["label"].tolist() == [5, 3]
    assert opened(path, kind="arrays", vectors="cond").array_name == "cond"
    assert opened(path, vectors="cond").kind == "vectors"
    again = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(again.read(np.array([5])).inputs["age"], z[[5], 0])


@pytest.mark.parametrize("dtype", ["i4", "i8", "u4", "u8"])
def test_whole_numbers_that_float32_would_round(tmp_path, dtype):
    largest = np.array([[0, 1 << 24], [3, 4]], dtype)
    np.save(tmp_path / "a.npy", largest)
    np.testing.assert_array_equal(first_row(opened(tmp_path / "a.npy")).x, largest[:1])
    np.save(tmp_path / "b.npy", largest + np.array(1, dtype))
    text = refused(tmp_path / "b.npy", "whole numbers of at most 16777216 in 'array'")
    assert "found 16777217; scale them" in text
    np.save(tmp_path / "c.npy", (largest + np.array(1, dtype)).astype("f4"))
    first_row(opened(tmp_path / "c.npy"))


def test_ids_and_a_column_of_labels(tmp_path, z):
    path = tmp_path / "p.npz"
    np.savez(path, z=z, y=np.arange(1000)[:, None], id=np.arange(1000) + 5)
    items = opened(path).read(np.array([3]))
    assert (items.ids, items.labels["label"].tolist(), len(items.labels)) == (["8"], [3], 1)


def write_npz(path, compressed, **arrays):
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_chunks_give_the_same_rows(tmp_path_factory, data):
    count, dim = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 5))
    dtype = data.draw(st.sampled_from(["f4", ">f8", "i2", "f2"]))
    z = np.random.default_rng(count).normal(size=(count, dim)).astype(dtype)
    z = np.asarray(z, order=data.draw(st.sampled_from("CF")))
    path = tmp_path_factory.mktemp("split") / "p.npz"
    write_npz(path, data.draw(st.booleans()), who=np.arange(count), z=z)
    limit = data.draw(st.integers(1, count + 5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_chunked, "CHUNK_BYTES", data.draw(st.integers(1, 200)))
        dataset = opened(path, limit=limit)
    rows = np.array(data.draw(st.lists(st.integers(0, min(limit, count) - 1), min_size=1)))
    items = dataset.read(rows)
    np.testing.assert_array_equal(items.x, z[rows].astype(np.float32))
    assert items.labels["who"].tolist() == rows.tolist()


def test_what_is_not_compressed_is_mapped(tmp_path, z, monkeypatch):
    stored = opened(write_npz(tmp_path / "s.npz", False, a=np.arange(9), z=z, zoo=np.arange(3)))
    assert isinstance(stored._array, np.memmap)
    path = write_npz(tmp_path / "c.npz", True, z=z)
    assert not isinstance(opened(path)._array, np.memmap)
    monkeypatch.setattr(_npy, "COMPRESSED_BYTES", 1000)
    refused(path, "compressed arrays of at most .* save it with numpy.savez")
    np.testing.assert_array_equal(stored.read(np.arange(1000)).x, z.astype(np.float32))


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_values(tmp_path, z, compressed):
    path = write_npz(tmp_path / "p.npz", compressed, z=z)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(path, r"a readable \.npz file")
    path.write_bytes(content[:-9])
    refused(path, r"one array of vectors|a readable \.npz file")


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "p.npz", z=np.array([[Trap()]], object))
    refused(tmp_path / "p.npz", "one array of vectors")
    assert not TRAPPED


def test_a_name_that_lies_in_the_archive(tmp_path, z):
    # The header before the values may have an extra field that the directory has not.
    path = tmp_path / "p.npz"
    np.save(tmp_path / "z.npy", z)
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("z.npy")
        info.extra = b"\x99\x99\x04\x00abcd"
        archive.writestr(info, (tmp_path / "z.npy").read_bytes())
        info.extra = b""
    np.testing.assert_array_equal(opened(path).read(np.arange(9)).x, z[:9].astype(np.float32))


@pytest.mark.parametrize("name", ["feature_names", "columns"])
def test_names_of_the_components(tmp_path, name):
    x = np.random.default_rng(0).random((20, 3))
    names = np.array(["age", "height", "b"])
    np.savez(tmp_path / "x.npz", x=x, **{name: names})
    dataset = opened(tmp_path / "x.npz")
    assert dataset.value_names == ("age", "height", "b")
    assert dataset.label_names == dataset.input_names == ()
    np.savez(tmp_path / "x.npz", x=x, **{name: names[:2]}, other=names)
    assert opened(tmp_path / "x.npz").value_names == ()
