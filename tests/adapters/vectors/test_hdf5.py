"""Vectors in HDF5 files, and in AnnData's layout."""

from __future__ import annotations

import pickle
import sys

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze import DatasetError, MissingDependencyError
from latent_analyze.plugin import Host, Source
from latent_analyze_adapters.vectors import rows as _vector_rows
from latent_analyze_adapters.vectors.hdf5 import SUFFIXES, VectorHdf5, register_datasets

ROWS = 1000
TEXT = h5py.string_dtype()


def opened(path, **options):
    return VectorHdf5(str(path), VectorHdf5.Options(**options))


def refused(path, expected, **options):
    with pytest.raises(DatasetError, match=expected) as error:
        opened(path, **options).read(np.array([0]))
    assert "\n" not in str(error.value)
    return str(error.value)


def write(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            create(file, name, values)
    return path


def create(group, name, values):
    texts = np.asarray(values).dtype.kind == "U"
    data = np.asarray(values).astype(object) if texts else values
    group.create_dataset(name, data=data, dtype=TEXT if texts else None)


def encoded(group, name, kind, **arrays):
    """Write a group of AnnData: a sparse matrix, a categorical, ..."""
    part = group.create_group(name)
    part.attrs["encoding-type"], part.attrs["encoding-version"] = kind, "0.1.0"
    for key, values in arrays.items():
        create(part, key, values)
    return part


def csr(group, name, z, kind="csr_matrix"):
    row, column = np.nonzero(z)
    ends = np.searchsorted(row, np.arange(len(z) + 1))
    part = encoded(group, name, kind, data=z[row, column], indices=column, indptr=ends)
    part.attrs["shape"] = z.shape
    return part


def write_anndata(path, z, *, sparse=False, obsm=()):
    """Write the layout of anndata 0.8 and later."""
    count = len(z)
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "anndata"
        csr(file, "X", z) if sparse else file.create_dataset("X", data=z)
        for name in obsm:
            file.create_dataset(f"obsm/{name}", data=z[:, :2])
        file.create_dataset("layers/raw", data=z)
        file.create_group("var")
        obs = encoded(
            file, "obs", "dataframe", _index=[f"cell {i}" for i in range(count)],
            depth=np.arange(count), score=np.linspace(0, 1, count),
        )  # fmt: skip
        obs.attrs["_index"] = "_index"
        codes = np.arange(count) % 2
        encoded(obs, "type", "categorical", codes=codes.astype("i1"), categories=["B", "T"])
        lost = np.where(np.arange(count) == 1, -1, codes)
        encoded(obs, "lost", "categorical", codes=lost.astype("i1"), categories=["B", "T"])
        encoded(obs, "batch", "nullable-integer", values=codes, mask=np.arange(count) == 2)
    return path


@pytest.fixture
def z():
    return np.random.default_rng(0).normal(3, 1, (ROWS, 6)).astype(np.float32)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_plain(tmp_path, z, suffix):
    names = np.array(["a", "ß"])[np.arange(ROWS) % 2]
    path = write(
        tmp_path / f"p{suffix}", mu=z.astype(">f8"), who=names, digit=np.arange(ROWS) % 10,
        good=np.arange(ROWS) % 2 == 0, score=np.linspace(0, 1, ROWS), other=np.arange(7),
        fixed=np.where(names == "a", b"x", b"yz"),
    )  # fmt: skip
    dataset, rows = opened(path), np.array([999, 0, 5])
    items = dataset.read(rows)
    np.testing.assert_array_equal(items.x, z[rows])
    assert items.x.dtype == np.float32
    assert items.ids == ["999", "0", "5"]
    assert sorted(items.labels) == ["digit", "fixed", "good", "who"]
    assert items.labels["who"].tolist() == ["ß", "a", "ß"]
    assert items.labels["good"].tolist() == [0, 1, 0]
    assert items.labels["fixed"].tolist() == ["yz", "x", "yz"]
    assert (dataset.kind, dataset.count, dataset.item.shape) == ("vectors", ROWS, (6,))
    assert register_datasets() == [VectorHdf5]


@pytest.mark.parametrize("sparse", [False, True])
def test_anndata(tmp_path, z, sparse):
    z = np.where(z > 3, z, 0)
    items = opened(write_anndata(tmp_path / "p.h5ad", z, sparse=sparse)).read(np.arange(ROWS))
    np.testing.assert_array_equal(items.x, z)
    assert items.ids[:2] == ["cell 0", "cell 1"]
    assert sorted(items.labels) == ["batch", "depth", "lost", "type"]
    assert items.labels["type"][:3].tolist() == ["B", "T", "B"]
    assert items.labels["lost"][:3].tolist() == ["B", "", "B"]
    assert items.labels["batch"][:4].tolist() == ["0", "1", "", "1"]
    assert items.labels["depth"].dtype == np.int64


def test_categories_of_anndata_0_7(tmp_path, z):
    path = write_anndata(tmp_path / "p.h5ad", z)
    with h5py.File(path, "a") as file:
        names = file.create_dataset("obs/__categories/old", data=["x", "y"], dtype=TEXT)
        codes = file.create_dataset("obs/old", data=(np.arange(ROWS) % 2).astype("i1"))
        codes.attrs["categories"] = names.ref
    assert opened(path).read(np.arange(3)).labels["old"].tolist() == ["x", "y", "x"]


def test_which_array(tmp_path, z):
    path = write_anndata(tmp_path / "p.h5ad", z, obsm=("X_pca", "X_umap"))
    text = refused(path, "one array of vectors")
    assert "found X, obsm/X_pca, obsm/X_umap; choose one: p.h5ad:vectors=obsm/X_umap" in text
    dataset = opened(path, vectors="/obsm/X_pca", labels=("score",), ids="depth", limit=40)
    items = dataset.read(np.array([39]))
    np.testing.assert_array_equal(items.x, z[39:40, :2])
    assert items.ids == ["39"]
    assert list(items.labels) == ["score"]
    assert opened(path, vectors="layers/raw").item.shape == (6,)
    refused(path, "'obsm/nothing' in .* found X, ", vectors="obsm/nothing")


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_chunks_give_the_same_rows(tmp_path_factory, data):
    count, stored = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    rng = np.random.default_rng(count)
    z = (rng.normal(size=(count, 3)) * (rng.random((count, 3)) < 0.5)).astype(np.float32)
    path = tmp_path_factory.mktemp("split") / "p.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("z", data=z, chunks=(min(stored, count), 2), compression="gzip")
        csr(file, "sparse", z)
    limit = data.draw(st.integers(1, count + 5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_vector_rows, "CHUNK_BYTES", data.draw(st.integers(1, 200)))
        dataset = opened(path, vectors=data.draw(st.sampled_from(["z", "sparse"])), limit=limit)
    rows = np.array(data.draw(st.lists(st.integers(0, min(limit, count) - 1), min_size=1)))
    np.testing.assert_array_equal(dataset.read(rows).x, z[rows])
    assert dataset.count == min(limit, count)


def test_source(tmp_path, z):
    source = opened(write_anndata(tmp_path / "p.h5ad", z)).source("mine")
    assert isinstance(source, Source)
    assert (source.label, source.count, source.dim) == ("mine", ROWS, 6)
    batch = source.read(source.blocks()[0], frozenset({"z", "id", "label:type"}))
    assert batch.ids[7] == "cell 7"
    np.testing.assert_allclose(source.summary().mean, z.mean(0), rtol=1e-5)
    copy = pickle.loads(pickle.dumps(source))
    assert (copy.label, copy.count, copy.fingerprint) == ("mine", ROWS, source.fingerprint)


def test_exactly_one_data_set_recognizes_it(tmp_path, z):
    for suffix in SUFFIXES:
        path = str(write(tmp_path / f"p{suffix}", z=z))
        found = [p.cls for p in Host().datasets.values() if p.cls.recognizes(path)]
        assert found == [VectorHdf5]
    assert not VectorHdf5.recognizes(str(tmp_path / "missing.h5"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.zeros(3), r"an array of vectors .* found z float64 \(3,\)"),
        (np.zeros((2, 2), complex), "an array of vectors"),
        (np.zeros((0, 3)), r"found shape \(0, 3\)"),
        (np.zeros((3, 0)), r"found shape \(3, 0\)"),
    ],
)
def test_refused(tmp_path, values, expected):
    refused(write(tmp_path / "p.h5", z=values), expected)


def test_stored_by_columns(tmp_path, z):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        csr(file, "X", z, "csc_matrix")
    refused(tmp_path / "p.h5", r"vectors stored by rows .* convert it with \.tocsr\(\)")


@pytest.mark.parametrize(
    ("part", "value", "expected"),
    [
        ("indices", -1, "values beyond column"),
        ("indices", 6, "values beyond column"),
        ("indptr", 7, "rows of impossible lengths"),
        ("indptr", -1, "rows of impossible lengths"),
    ],
)
def test_sparse_rows_that_cannot_be(tmp_path, z, part, value, expected):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        csr(file, "X", z)[part][1 if part == "indptr" else 0] = value
    refused(tmp_path / "p.h5", f"a readable .h5 file.*{expected}")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((ROWS, 1 << 40), "dim 1 to 1048576"),
        ((ROWS + 1, 6), "parts of wrong lengths"),
        ((-5, 6), "parts of wrong lengths"),
        ((1, 2, 3), "a readable .h5 file"),
        ("text", "a readable .h5 file"),
    ],
)
def test_sparse_shapes_that_cannot_be(tmp_path, z, shape, expected):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        csr(file, "X", z).attrs["shape"] = shape
    refused(tmp_path / "p.h5", expected)


def test_small_files_that_ask_for_much_memory(tmp_path, z):
    with h5py.File(tmp_path / "wide.h5", "w") as file:
        file.create_dataset("z", (3, 1 << 40), "f4", chunks=(1, 1024))
    refused(tmp_path / "wide.h5", "dim 1 to 1048576")
    with h5py.File(tmp_path / "chunk.h5", "w") as file:
        file.create_dataset("z", (1 << 28, 4096), "u1", chunks=(1 << 28, 1))
    assert np.diff(opened(tmp_path / "chunk.h5", limit=10**5).bounds).max() == 2048
    with h5py.File(tmp_path / "column.h5", "w") as file:
        file["z"] = z
        file.create_dataset("who", (ROWS,), "S100000000", chunks=(1,))
    refused(tmp_path / "column.h5", "too large a column")
    with h5py.File(tmp_path / "long.h5", "w") as file:
        file["z"] = z
        file.create_dataset("who", (ROWS,), TEXT)[0] = "x" * (1 << 21)
    refused(tmp_path / "long.h5", "too long for 1000 labels")


def test_columns_that_are_no_labels(tmp_path, z):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        file["z"] = z
        file.create_dataset("refs", (ROWS,), h5py.ref_dtype)
        file.create_dataset("ragged", (ROWS,), h5py.vlen_dtype(np.int32))
        file.create_dataset("pairs", data=np.zeros(ROWS, [("a", "i4"), ("b", "f4")]))
        file["type"] = np.dtype("f4")
    dataset = opened(tmp_path / "p.h5")
    assert not dataset.label_names
    refused(tmp_path / "p.h5", "neither numbers nor texts", labels=("ragged",))


@pytest.mark.parametrize(
    ("member", "values", "expected"),
    [
        ("codes", np.full(ROWS, 2, "i1"), "a readable"),
        ("codes", np.full(ROWS, "a"), "a readable"),
        ("categories", np.zeros((2, 2)), "no column"),
    ],
)
def test_categories_that_cannot_be(tmp_path, z, member, values, expected):
    path = write_anndata(tmp_path / "p.h5ad", z)
    with h5py.File(path, "a") as file:
        del file["obs/type"][member]
        create(file["obs/type"], member, values)
    refused(path, expected)


def test_categories_that_miss_one_themselves(tmp_path, z):
    path = write_anndata(tmp_path / "p.h5ad", z)
    with h5py.File(path, "a") as file:
        del file["obs/type/categories"]
        names = ["B", "T"]
        mask = np.array([False, True])
        encoded(file["obs/type"], "categories", "nullable-string-array", values=names, mask=mask)
    assert opened(path).read(np.arange(3)).labels["type"].tolist() == ["B", "", "B"]


def test_labels_are_text_only(tmp_path, z):
    odd = "\x1b[31m<script>\n\u202e"
    path = write(tmp_path / "p.h5", z=z, **{odd: [odd] * ROWS})
    dataset = opened(path)
    assert dataset.label_names == (odd,)
    assert dataset.read(np.array([0])).labels[odd].tolist() == [odd]
    assert odd not in refused(path, "'z' in|labels", labels=("nothing",))


def test_obs_of_old_anndata(tmp_path, z):
    write(tmp_path / "p.h5", X=z, obs=np.zeros(ROWS, [("index", "i8")]), var=np.zeros(6))
    refused(tmp_path / "p.h5", "a group obs")


def test_nothing_is_read_from_other_files(tmp_path, z):
    other = write(tmp_path / "other.h5", z=z)
    z.tofile(tmp_path / "raw")
    layout = h5py.VirtualLayout(z.shape, z.dtype)
    layout[:] = h5py.VirtualSource(other, "z", z.shape)
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["z"] = h5py.ExternalLink(str(other), "z")
    refused(tmp_path / "link.h5", "an array of vectors")
    refused(tmp_path / "link.h5", "'z' in", vectors="z")
    with h5py.File(tmp_path / "part.h5", "w") as file:
        part = csr(file, "X", z)
        del part["data"]
        part["data"] = h5py.ExternalLink(str(other), "z")
    refused(tmp_path / "part.h5", "X has no data of its own")
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("z", layout)
    refused(tmp_path / "virtual.h5", "found z, which lies in other files")
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset("z", z.shape, "f4", external=[(str(tmp_path / "raw"), 0, z.nbytes)])
    refused(tmp_path / "raw.h5", "found z, which lies in other files")
    with h5py.File(tmp_path / "column.h5", "w") as file:
        file["z"], file["link"] = z, h5py.ExternalLink(str(other), "z")
        file["soft"] = h5py.SoftLink("/z")
        file.create_dataset("raw", (ROWS,), "u1", external=[(str(tmp_path / "raw"), 0, ROWS)])
    assert not opened(tmp_path / "column.h5").label_names
    path = write_anndata(tmp_path / "p.h5ad", z)
    with h5py.File(path, "a") as file:
        del file["obs"]
        file["obs"] = h5py.ExternalLink(str(other), "/")
    refused(path, "a readable .h5ad file")
    path = write_anndata(tmp_path / "old.h5ad", z)
    with h5py.File(path, "a") as file:
        file["link"] = h5py.ExternalLink(str(other), "z")
        file["obs/depth"].attrs["categories"] = "link"
    refused(path, "no object reference")


@pytest.mark.parametrize("keep", [0, 3, 100, -9])
def test_damaged(tmp_path, z, keep):
    path = write(tmp_path / "p.h5", z=z)
    path.write_bytes(path.read_bytes()[:keep])
    refused(path, "a readable .h5 file")


def test_a_heap_without_end(tmp_path, z):
    path = write(tmp_path / "p.h5", z=z, who=["", "abc"] * (ROWS // 2))
    assert opened(path).read(np.arange(2)).labels["who"].tolist() == ["", "abc"]
    content = bytearray(path.read_bytes())
    first = content.index(b"GCOL") + 16
    content[first : first + 16] = bytes(16)
    path.write_bytes(content)
    refused(path, "a damaged heap of texts")


@pytest.mark.parametrize("seed", range(4))
def test_any_damage_is_a_result_or_one_line(tmp_path, z, seed):
    content = write_anndata(tmp_path / "p.h5ad", z[:50], sparse=True).read_bytes()
    rng, path = np.random.default_rng(seed), tmp_path / "bad.h5ad"
    for _ in range(40):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(0, len(damaged), rng.integers(1, 30))] = rng.integers(0, 256)
        path.write_bytes(damaged.tobytes()[: rng.integers(1, 2 * len(damaged))])
        assert "\n" not in outcome(path)


def outcome(path):
    try:
        dataset = opened(path)
        dataset.read(np.arange(min(dataset.count, 50)))
    except DatasetError as error:
        return str(error)
    return "a result"


def test_missing(tmp_path):
    refused(tmp_path / "p.h5", "no such file")


def test_without_h5py(tmp_path, z, monkeypatch):
    path = write(tmp_path / "p.h5", z=z)
    monkeypatch.delitem(sys.modules, "latent_analyze_adapters.vectors.hdf5_files", raising=False)
    monkeypatch.delattr("latent_analyze_adapters.vectors.hdf5_files", raising=False)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'latent-analyze\[hdf5\]'"):
        opened(path)
