"""Vectors in Zarr folders, and in AnnData's layout."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from latent_analyze import DatasetError
from latent_analyze.plugin import Host, Source
from latent_analyze_adapters.files.zarr_layout import zarr_files
from latent_analyze_adapters.vectors import rows as _vector_rows
from latent_analyze_adapters.vectors import zarr_folders as _zarr_folders
from latent_analyze_adapters.vectors.zarr import VectorZarr, register_datasets

ROWS = 1000
FORMATS = [2, 3]

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")


def opened(path, **options):
    return VectorZarr(str(path), VectorZarr.Options(**options))


def refused(path, expected, **options):
    with pytest.raises(DatasetError, match=expected) as error:
        opened(path, **options).read(np.array([0]))
    assert "\n" not in str(error.value)
    return str(error.value)


def group(path, version=3):
    return zarr.open_group(path, mode="a", zarr_format=version)


def create(parent, name, values, **kwargs):
    values = np.asarray(values)
    kind = str if values.dtype.kind == "U" else values.dtype
    array = parent.create_array(name, shape=values.shape, dtype=kind, **kwargs)
    array[:] = values.astype(object) if kind is str else values
    return array


def write(path, version=3, **arrays):
    for name, values in arrays.items():
        create(group(path, version), name, values)
    return path


def encoded(parent, name, kind, **arrays):
    """Write a group of AnnData: a sparse matrix, a categorical, ..."""
    part = parent.create_group(name)
    part.attrs.update({"encoding-type": kind, "encoding-version": "0.1.0"})
    for key, values in arrays.items():
        create(part, key, values)
    return part


def csr(parent, name, z, kind="csr_matrix"):
    row, column = np.nonzero(z)
    ends = np.searchsorted(row, np.arange(len(z) + 1))
    part = encoded(parent, name, kind, data=z[row, column], indices=column, indptr=ends)
    part.attrs["shape"] = list(z.shape)
    return part


def write_anndata(path, z, version, *, sparse=False):
    root, count = group(path, version), len(z)
    root.attrs["encoding-type"] = "anndata"
    csr(root, "X", z) if sparse else create(root, "X", z)
    root.create_group("var")
    create(root.create_group("layers"), "raw", z)
    names = [f"cell {i}" for i in range(count)]
    obs = encoded(root, "obs", "dataframe", cell=names, depth=np.arange(count))
    obs.attrs["_index"] = "cell"
    lost = np.where(np.arange(count) == 1, -1, np.arange(count) % 2).astype("i1")
    encoded(obs, "type", "categorical", codes=lost, categories=["B", "T"])
    mask = np.arange(count) == 2
    encoded(obs, "batch", "nullable-integer", values=np.arange(count) % 2, mask=mask)
    return path


@pytest.fixture
def z():
    return np.random.default_rng(0).normal(3, 1, (ROWS, 6)).astype(np.float32)


@pytest.mark.parametrize("version", FORMATS)
def test_plain(tmp_path, z, version):
    names = np.array(["a", "ß"])[np.arange(ROWS) % 2]
    path = write(
        tmp_path / "p.zarr", version, mu=z.astype(">f8"), who=names, digit=np.arange(ROWS) % 10,
        good=np.arange(ROWS) % 2 == 0, score=np.linspace(0, 1, ROWS), other=np.arange(7),
    )  # fmt: skip
    dataset, rows = opened(path), np.array([999, 0, 5])
    items = dataset.read(rows)
    np.testing.assert_array_equal(items.x, z[rows])
    assert items.x.dtype == np.float32
    assert items.ids == ["999", "0", "5"]
    assert sorted(items.labels) == ["digit", "good", "who"]
    assert items.labels["who"].tolist() == ["ß", "a", "ß"]
    assert items.labels["good"].tolist() == [0, 1, 0]
    assert (dataset.kind, dataset.count, dataset.item.shape) == ("vectors", ROWS, (6,))
    assert register_datasets() == [VectorZarr]


@pytest.mark.parametrize("version", FORMATS)
def test_an_array_alone(tmp_path, z, version):
    array = zarr.create_array(tmp_path / "p", shape=z.shape, dtype="f4", zarr_format=version)
    array[:] = z
    dataset = opened(tmp_path / "p", limit=40)
    np.testing.assert_array_equal(dataset.read(np.arange(40)).x, z[:40])
    assert not dataset.label_names
    assert opened(tmp_path / "p", vectors="p").count == ROWS


@pytest.mark.parametrize("version", FORMATS)
@pytest.mark.parametrize("sparse", [False, True])
def test_anndata(tmp_path, z, version, sparse):
    z = np.where(z > 3, z, 0)
    path = write_anndata(tmp_path / "p.zarr", z, version, sparse=sparse)
    items = opened(path).read(np.arange(ROWS))
    np.testing.assert_array_equal(items.x, z)
    assert items.ids[:2] == ["cell 0", "cell 1"]
    assert sorted(items.labels) == ["batch", "depth", "type"]
    assert items.labels["type"][:3].tolist() == ["B", "", "B"]
    assert items.labels["batch"][:4].tolist() == ["0", "1", "", "1"]
    assert opened(path, vectors="/layers/raw").item.shape == (6,)


def test_categories_of_anndata_0_7(tmp_path, z):
    path = write_anndata(tmp_path / "p.zarr", z, 2)
    obs = group(path, 2)["obs"]
    create(obs.create_group("__categories"), "old", ["x", "y"])
    create(obs, "old", np.arange(ROWS) % 2).attrs["categories"] = "obs/__categories/old"
    assert opened(path).read(np.arange(3)).labels["old"].tolist() == ["x", "y", "x"]


def test_which_array(tmp_path, z):
    path = write(tmp_path / "p.zarr", mu=z, other=-z, name=[f"r{i}" for i in range(ROWS)])
    assert "choose one: p.zarr:vectors=other" in refused(path, "one array .* found mu, other")
    items = opened(path, vectors="other", ids="name", labels=(), limit=9).read(np.array([8]))
    np.testing.assert_array_equal(items.x, -z[8:9])
    assert (items.ids, items.labels) == (["r8"], {})
    refused(path, "'nothing' in .* found mu, other", vectors="nothing")
    refused(path, "'mu' in .* found name", vectors="mu", labels=("mu",))


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_chunks_give_the_same_rows(tmp_path_factory, data):
    count, stored = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    version = data.draw(st.sampled_from(FORMATS))
    shards = data.draw(st.booleans()) and version == 3
    rng = np.random.default_rng(count)
    z = (rng.normal(size=(count, 3)) * (rng.random((count, 3)) < 0.5)).astype(np.float32)
    path = tmp_path_factory.mktemp("split") / "p.zarr"
    sizes = {"chunks": (stored, 2), **({"shards": (2 * stored, 4)} if shards else {})}
    create(group(path, version), "z", z, **sizes)
    csr(group(path, version), "sparse", z)
    limit = data.draw(st.integers(1, count + 5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_vector_rows, "CHUNK_BYTES", data.draw(st.integers(1, 200)))
        dataset = opened(path, vectors=data.draw(st.sampled_from(["z", "sparse"])), limit=limit)
    rows = np.array(data.draw(st.lists(st.integers(0, min(limit, count) - 1), min_size=1)))
    np.testing.assert_array_equal(dataset.read(rows).x, z[rows])


def test_source(tmp_path, z):
    source = opened(write_anndata(tmp_path / "p.zarr", z, 3)).source("mine")
    assert isinstance(source, Source)
    batch = source.read(source.blocks()[0], frozenset({"z", "id", "label:type"}))
    assert batch.ids[7] == "cell 7"
    np.testing.assert_allclose(source.summary().mean, z.mean(0), rtol=1e-5)
    copy = pickle.loads(pickle.dumps(source))
    assert (copy.label, copy.count, copy.fingerprint) == ("mine", ROWS, source.fingerprint)


def test_fingerprint(tmp_path, z):
    path = write(tmp_path / "p.zarr", z=z)
    one = opened(path).fingerprint
    assert opened(path).fingerprint == one != opened(path, limit=7).fingerprint
    group(path)["z"][0] = 7
    assert opened(path).fingerprint != one


@pytest.mark.parametrize("version", FORMATS)
def test_exactly_one_data_set_recognizes_it(tmp_path, z, version):
    path = str(write(tmp_path / "p", version, z=z))
    for place in (path, f"{path}/z"):
        found = [p.cls for p in Host().datasets.values() if p.cls.recognizes(place)]
        assert found == [VectorZarr]
    assert not VectorZarr.recognizes(str(tmp_path))
    assert not VectorZarr.recognizes("\0")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.zeros(3), r"an array of vectors .* found z float64 \(3,\)"),
        (np.zeros((2, 2), complex), "an array of vectors"),
        (np.zeros((0, 3)), r"found shape \(0, 3\)"),
    ],
)
def test_refused(tmp_path, values, expected):
    refused(write(tmp_path / "p.zarr", z=values), expected)


def test_stored_by_columns(tmp_path, z):
    csr(group(tmp_path / "p.zarr"), "X", z, "csc_matrix")
    refused(tmp_path / "p.zarr", r"vectors stored by rows .* convert it with \.tocsr\(\)")


@pytest.mark.parametrize(
    ("codec", "change"),
    [
        ("pickle", {"filters": [{"id": "pickle", "protocol": 5}], "dtype": "|O"}),
        ("json2", {"filters": [{"id": "json2"}], "dtype": "|O"}),
        ("unheard", {"compressor": {"id": "unheard"}}),
    ],
)
def test_arrays_with_unusual_codecs_are_left_out(tmp_path, z, codec, change):
    path = write(tmp_path / "p.zarr", 2, z=z, bad=np.zeros(ROWS, "i4"))
    metadata = path / "bad" / ".zarray"
    content = json.loads(metadata.read_text()) | {"compressor": None, "fill_value": None}
    metadata.write_text(json.dumps(content | change))
    (path / "bad" / "0").write_bytes(pickle.dumps([Trap()] * ROWS))
    dataset = opened(path)
    np.testing.assert_array_equal(dataset.read(np.arange(9)).x, z[:9])
    assert not dataset.label_names
    (listed,) = (text for text in dataset._tree.listed() if text.startswith("bad, which "))
    assert codec in listed
    assert not TRAPPED


def test_only_codecs_of_numbers_and_texts(tmp_path, z, monkeypatch):
    path = write(tmp_path / "p.zarr", z=z)
    monkeypatch.setattr(_zarr_folders, "_CODECS", frozenset({"bytes"}))
    refused(path, "found z, which needs the codec zstd")


TRAPPED = []


def spring():
    TRAPPED.append(1)
    return 0


class Trap:
    def __reduce__(self):
        return spring, ()


@pytest.mark.parametrize("place", ["z/c/0/0", "who", "z/zarr.json", "loop"])
def test_nothing_is_read_from_elsewhere(tmp_path, z, place):
    path = write(tmp_path / "p.zarr", z=z, who=np.arange(ROWS))
    link = path / place
    other = tmp_path / "other"
    if link.exists():
        link.rename(other)
    link.symlink_to(other if other.exists() else path)
    refused(path, "is a symbolic link")


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_consolidated_metadata_is_not_followed(tmp_path, z):
    path = write(tmp_path / "p.zarr", z=z)
    write(tmp_path / "other.zarr", secret=z)
    zarr.consolidate_metadata(str(path))
    metadata = json.loads((path / "zarr.json").read_text())
    inner = metadata["consolidated_metadata"]["metadata"]
    inner["../other.zarr/secret"] = inner["z"]
    (path / "zarr.json").write_text(json.dumps(metadata))
    assert opened(path).count == ROWS
    refused(path, "'../other.zarr/secret' in", vectors="../other.zarr/secret")


def test_large_chunks(tmp_path):
    zarr.create_array(tmp_path / "p.zarr", shape=(1 << 30, 4), chunks=(1 << 30, 4), dtype="f4")
    refused(tmp_path / "p.zarr", "has chunks of more than 2 GiB")


def test_wide(tmp_path):
    zarr.create_array(tmp_path / "p.zarr", shape=(5, 1 << 40), chunks=(1, 1 << 10), dtype="f4")
    refused(tmp_path / "p.zarr", "dim 1 to 1048576")


@pytest.mark.parametrize("keep", [0, 3, -9])
@pytest.mark.parametrize("file", ["z/c/0/0", "who/c/0", "z/zarr.json", "zarr.json"])
def test_damaged(tmp_path, z, keep, file):
    path = write(tmp_path / "p.zarr", z=z, who=np.arange(ROWS))
    (path / file).write_bytes((path / file).read_bytes()[:keep])
    refused(path, r"a readable \.zarr file")


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_damage_is_a_result_or_one_line(tmp_path_factory, data):
    z = np.zeros((9, 3), np.float32)
    path = write_anndata(
        tmp_path_factory.mktemp("p") / "p.zarr", z, data.draw(st.sampled_from(FORMATS))
    )
    names = sorted(zarr_files(path))
    file = path / data.draw(st.sampled_from(names))
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    file.write_bytes(content)
    assert "\n" not in outcome(path)


def outcome(path):
    try:
        dataset = opened(path)
        dataset.read(np.arange(min(dataset.count, 50)))
    except DatasetError as error:
        return str(error)
    return "a result"


def test_missing(tmp_path):
    refused(tmp_path / "p.zarr", "no such folder")
    (tmp_path / "p.zarr").touch()
    refused(tmp_path / "p.zarr", "found a file")
