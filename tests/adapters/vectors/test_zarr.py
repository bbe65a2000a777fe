"""Vectors in Zarr folders: what holds for this format alone; see `test_trees`."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import zarr
from adapter_testing import TRAPPED, Trap
from hypothesis import given, settings
from hypothesis import strategies as st
from tree_formats import ZARR_2, ZARR_3

from latent_analyze.plugin import Host
from latent_analyze_adapters.files.zarr_layout import zarr_files
from latent_analyze_adapters.vectors import zarr_tree as _zarr_tree
from latent_analyze_adapters.vectors.zarr import VectorZarr

ROWS = 1000

pytestmark = pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")

opened, refused, write, outcome = ZARR_3.opened, ZARR_3.refused, ZARR_3.write, ZARR_3.outcome


@pytest.mark.parametrize("form", [ZARR_2, ZARR_3], ids=["2", "3"])
def test_an_array_inside_is_recognized(tmp_path, z, form):
    path = form.write(tmp_path / "p", z=z)
    for place in (path, path / "z"):
        found = [p.cls for p in Host().datasets.values() if p.cls.recognizes(str(place))]
        assert found == [VectorZarr]
    assert not VectorZarr.recognizes(str(tmp_path))


@pytest.mark.parametrize("version", [2, 3])
def test_an_array_alone(tmp_path, z, version):
    array = zarr.create_array(tmp_path / "p", shape=z.shape, dtype="f4", zarr_format=version)
    array[:] = z
    dataset = opened(tmp_path / "p", limit=40)
    np.testing.assert_array_equal(dataset.read(np.arange(40)).x, z[:40])
    assert not dataset.label_names
    assert opened(tmp_path / "p", vectors="p").count == ROWS


@pytest.mark.parametrize(
    ("codec", "change"),
    [
        ("pickle", {"filters": [{"id": "pickle", "protocol": 5}], "dtype": "|O"}),
        ("json2", {"filters": [{"id": "json2"}], "dtype": "|O"}),
        ("unheard", {"compressor": {"id": "unheard"}}),
    ],
)
def test_arrays_with_unusual_codecs_are_left_out(tmp_path, z, codec, change):
    path = ZARR_2.write(tmp_path / "p.zarr", z=z, bad=np.zeros(ROWS, "i4"))
    metadata = path / "bad" / ".zarray"
    content = json.loads(metadata.read_text()) | {"compressor": None, "fill_value": None}
    metadata.write_text(json.dumps(content | change))
    (path / "bad" / "0").write_bytes(pickle.dumps([Trap()] * ROWS))
    dataset = opened(path)
    np.testing.assert_array_equal(dataset.read(np.arange(9)).x, z[:9])
    assert not dataset.label_names
    (listed,) = (text for text in dataset._tree.list_arrays() if text.startswith("bad, which "))
    assert codec in listed
    assert not TRAPPED


def test_only_codecs_of_numbers_and_texts(tmp_path, z, monkeypatch):
    path = write(tmp_path / "p.zarr", z=z)
    monkeypatch.setattr(_zarr_tree, "_CODECS", frozenset({"bytes"}))
    refused(path, "found z, which needs the codec zstd")


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
    form = data.draw(st.sampled_from([ZARR_2, ZARR_3]))
    path = form.write_anndata(tmp_path_factory.mktemp("p") / "p.zarr", z)
    names = sorted(zarr_files(path))
    file = path / data.draw(st.sampled_from(names))
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    file.write_bytes(content)
    assert "\n" not in outcome(path)


def test_missing(tmp_path):
    refused(tmp_path / "p.zarr", "no such folder")
    (tmp_path / "p.zarr").touch()
    refused(tmp_path / "p.zarr", "found a file")
