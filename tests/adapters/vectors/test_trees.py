"""Vectors in HDF5 files and Zarr folders, and in AnnData's layout: what holds for all formats."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_formats import FORMATS

from latent_analyze.plugin import Host, Source
from latent_analyze_adapters.vectors import chunked, hdf5, zarr

ROWS = 1000

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")


@pytest.fixture(params=FORMATS)
def form(request):
    return FORMATS[request.param]


@pytest.fixture
def path(tmp_path, form):
    return tmp_path / f"p{form.suffix}"


def test_registered():
    assert hdf5.register_datasets() == [hdf5.VectorHdf5]
    assert zarr.register_datasets() == [zarr.VectorZarr]


def test_plain(form, path, z):
    names = np.array(["a", "ß"])[np.arange(ROWS) % 2]
    form.write(
        path, mu=z.astype(">f8"), who=names, digit=np.arange(ROWS) % 10,
        good=np.arange(ROWS) % 2 == 0, score=np.linspace(0, 1, ROWS), other=np.arange(7),
    )  # fmt: skip
    dataset, wanted = form.opened(path), np.array([999, 0, 5])
    items = dataset.read(wanted)
    np.testing.assert_array_equal(items.x, z[wanted])
    assert items.x.dtype == np.float32
    assert items.ids == ["999", "0", "5"]
    assert sorted(items.labels) == ["digit", "good", "who"]
    assert items.labels["who"].tolist() == ["ß", "a", "ß"]
    assert items.labels["good"].tolist() == [0, 1, 0]
    assert (dataset.kind, dataset.count, dataset.item.shape) == ("vectors", ROWS, (6,))


@pytest.mark.parametrize("sparse", [False, True])
def test_anndata(form, path, z, sparse):
    z = np.where(z > 3, z, 0)
    items = form.opened(form.write_anndata(path, z, sparse=sparse)).read(np.arange(ROWS))
    np.testing.assert_array_equal(items.x, z)
    assert items.ids[:2] == ["cell 0", "cell 1"]
    assert sorted(items.labels) == ["batch", "depth", "lost", "type"]
    assert items.labels["type"][:3].tolist() == ["B", "T", "B"]
    assert items.labels["lost"][:3].tolist() == ["B", "", "B"]
    assert items.labels["batch"][:4].tolist() == ["0", "1", "", "1"]
    assert items.labels["depth"].dtype == np.int64
    assert form.opened(path, vectors="/layers/raw").item.shape == (6,)


def test_categories_of_anndata_0_7(form, path, z):
    with form.root(form.write_anndata(path, z)) as root:
        names = form.create(root["obs"].create_group("__categories"), "old", ["x", "y"])
        codes = form.create(root["obs"], "old", (np.arange(ROWS) % 2).astype("i1"))
        codes.attrs["categories"] = form.reference(names)
    assert form.opened(path).read(np.arange(3)).labels["old"].tolist() == ["x", "y", "x"]


def test_which_array(form, path, z):
    form.write(path, mu=z, other=-z, name=[f"r{i}" for i in range(ROWS)])
    text = form.refused(path, "one array of vectors .* found mu, other")
    assert f"choose one: {path}:vectors=other" in text
    items = form.opened(path, vectors="other", ids="name", labels=(), limit=9).read(np.array([8]))
    np.testing.assert_array_equal(items.x, -z[8:9])
    assert (items.ids, items.labels) == (["r8"], {})
    form.refused(path, "'nothing' in .* found mu, other", vectors="nothing")
    form.refused(path, "'mu' in .* found name", vectors="mu", labels=("mu",))


def test_which_array_of_anndata(form, path, z):
    form.write_anndata(path, z, obsm=("X_pca", "X_umap"))
    text = form.refused(path, "one array of vectors")
    choice = f"choose one: {path}:vectors=obsm/X_umap"
    assert f"found X, obsm/X_pca, obsm/X_umap; {choice}" in text
    dataset = form.opened(path, vectors="/obsm/X_pca", labels=("score",), ids="depth", limit=40)
    items = dataset.read(np.array([39]))
    np.testing.assert_array_equal(items.x, z[39:40, :2])
    assert items.ids == ["39"]
    assert list(items.labels) == ["score"]
    assert form.opened(path, vectors="layers/raw").item.shape == (6,)
    form.refused(path, "'obsm/nothing' in .* found X, ", vectors="obsm/nothing")


@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_chunks_give_the_same_rows(form, tmp_path_factory, data):
    count, stored = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    rng = np.random.default_rng(count)
    z = (rng.normal(size=(count, 3)) * (rng.random((count, 3)) < 0.5)).astype(np.float32)
    path = tmp_path_factory.mktemp("split") / f"p{form.suffix}"
    storage = {"chunks": (min(stored, count), 2)}
    if form is FORMATS["hdf5"]:
        storage["compression"] = "gzip"
    elif form is FORMATS["zarr-3"] and data.draw(st.booleans()):
        storage["shards"] = (2 * storage["chunks"][0], 4)
    with form.root(path) as root:
        form.create(root, "z", z, **storage)
        form.csr(root, "sparse", z)
    limit = data.draw(st.integers(1, count + 5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunked, "CHUNK_BYTES", data.draw(st.integers(1, 200)))
        vectors = data.draw(st.sampled_from(["z", "sparse"]))
        dataset = form.opened(path, vectors=vectors, limit=limit)
    wanted = np.array(data.draw(st.lists(st.integers(0, min(limit, count) - 1), min_size=1)))
    np.testing.assert_array_equal(dataset.read(wanted).x, z[wanted])
    assert dataset.count == min(limit, count)


def test_source(form, path, z):
    source = form.opened(form.write_anndata(path, z)).source("mine")
    assert isinstance(source, Source)
    assert (source.label, source.count, source.dim) == ("mine", ROWS, 6)
    batch = source.read(source.blocks()[0], frozenset({"z", "id", "label:type"}))
    assert batch.ids[7] == "cell 7"
    np.testing.assert_allclose(source.summary().mean, z.mean(0), rtol=1e-5)
    copy = pickle.loads(pickle.dumps(source))
    assert (copy.label, copy.count, copy.fingerprint) == ("mine", ROWS, source.fingerprint)


def test_fingerprint(form, path, z):
    one = form.opened(form.write(path, z=z)).fingerprint
    assert form.opened(path).fingerprint == one != form.opened(path, limit=7).fingerprint
    with form.root(path) as root:
        root["z"][0] = 7
    assert form.opened(path).fingerprint != one


def test_exactly_one_data_set_recognizes_it(form, path, z):
    form.write(path, z=z)
    found = [p.cls for p in Host().datasets.values() if p.cls.recognizes(str(path))]
    assert found == [form.cls]
    assert not form.cls.recognizes(str(path.with_name("missing" + path.suffix)))
    assert not form.cls.recognizes("\0")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.zeros(3), r"an array of vectors .* found z float64 \(3,\)"),
        (np.zeros((2, 2), complex), "an array of vectors"),
        (np.zeros((0, 3)), r"found shape \(0, 3\)"),
    ],
)
def test_refused(form, path, values, expected):
    form.refused(form.write(path, z=values), expected)


def test_stored_by_columns(form, path, z):
    with form.root(path) as root:
        form.csr(root, "X", z, "csc_matrix")
    form.refused(path, r"vectors stored by rows .* convert it with \.tocsr\(\)")


@pytest.mark.parametrize(
    ("part", "value", "expected"),
    [
        ("indices", -1, "values beyond column"),
        ("indices", 6, "values beyond column"),
        ("indptr", 7, "rows of impossible lengths"),
        ("indptr", -1, "rows of impossible lengths"),
    ],
)
def test_sparse_rows_that_cannot_be(form, path, z, part, value, expected):
    with form.root(path) as root:
        form.csr(root, "X", z)[part][1 if part == "indptr" else 0] = value
    form.refused(path, f"a readable {form.suffix} file.*{expected}")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ([ROWS, 1 << 40], "dim 1 to 1048576"),
        ([ROWS + 1, 6], "parts of wrong lengths"),
        ([-5, 6], "parts of wrong lengths"),
        ([1, 2, 3], "a readable"),
        ("text", "a readable"),
    ],
)
def test_sparse_shapes_that_cannot_be(form, path, z, shape, expected):
    with form.root(path) as root:
        form.csr(root, "X", z).attrs["shape"] = shape
    form.refused(path, expected)


def test_wide(form, path):
    form.wide(path, (3, 1 << 40))
    form.refused(path, "dim 1 to 1048576")


@pytest.mark.parametrize(
    ("member", "values", "expected"),
    [
        ("codes", np.full(ROWS, 2, "i1"), "a readable"),
        ("codes", np.full(ROWS, "a"), "a readable"),
        ("categories", np.zeros((2, 2)), "not a column"),
    ],
)
def test_categories_that_cannot_be(form, path, z, member, values, expected):
    with form.root(form.write_anndata(path, z)) as root:
        del root["obs/type"][member]
        form.create(root["obs/type"], member, values)
    form.refused(path, expected)


def test_categories_that_miss_one_themselves(form, path, z):
    with form.root(form.write_anndata(path, z)) as root:
        del root["obs/type"]["categories"]
        form.encoded(
            root["obs/type"], "categories", "nullable-string-array", values=["B", "T"],
            mask=np.array([False, True]),
        )  # fmt: skip
    assert form.opened(path).read(np.arange(3)).labels["type"].tolist() == ["B", "", "B"]
