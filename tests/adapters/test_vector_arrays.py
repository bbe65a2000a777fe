"""Vectors in .npy and .npz files."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from latent_analyze import ArraySource, DatasetError, Source
from latent_analyze_adapters.vector_arrays import VectorArrays, register_datasets


def opened(path, **options):
    return VectorArrays(str(path), VectorArrays.Options(**options))


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
    assert isinstance(source, ArraySource)
    assert isinstance(source, Source)
    assert (source.label, source.count, source.dim) == ("mine", 1000, 6)
    assert isinstance(source.z, np.memmap)
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
    np.save(tmp_path / "images.npy", np.zeros((2, 3, 3)))
    np.savez(tmp_path / "both.npz", x=np.zeros((2, 3, 3)), v=np.zeros((2, 3)))
    np.savez(tmp_path / "two.npz", a=z, b=z)
    found = {p.name for p in tmp_path.iterdir() if VectorArrays.recognizes(str(p))}
    assert found == {"z.npy"}
    assert not VectorArrays.recognizes(str(tmp_path / "missing.npy"))


@pytest.mark.parametrize(
    "values",
    [np.zeros(3), np.zeros((2, 3, 4)), np.zeros((0, 3)), np.zeros((3, 0)), np.ones((2, 2), "c16")],
)
def test_refused(tmp_path, values):
    np.save(tmp_path / "z.npy", values)
    with pytest.raises(DatasetError, match="one array of vectors") as error:
        opened(tmp_path / "z.npy")
    assert str(values.shape) in str(error.value)
    assert "\n" not in str(error.value)


def test_labels_that_are_objects(tmp_path, z):
    np.savez(tmp_path / "z.npz", z=z, who=np.array([None] * 1000, object))
    with pytest.raises(DatasetError, match="arrays of numbers or texts"):
        opened(tmp_path / "z.npz")


def test_missing(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        opened(tmp_path / "z.npy")
