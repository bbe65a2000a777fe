"""Vectors in HDF5 files: what holds for this format alone; see `test_trees`."""

from __future__ import annotations

import sys

import h5py
import numpy as np
import pytest
from tree_formats import HDF5, TEXT

from latent_analyze import MissingDependencyError
from latent_analyze.plugin import Host
from latent_analyze_adapters.vectors.hdf5 import VectorHdf5

ROWS = 1000

opened, refused, write, outcome = HDF5.opened, HDF5.refused, HDF5.write, HDF5.outcome


@pytest.mark.parametrize("suffix", VectorHdf5.suffixes)
def test_every_suffix(tmp_path, z, suffix):
    fixed = np.where(np.arange(ROWS) % 2 == 0, b"x", b"yz")
    path = write(tmp_path / f"p{suffix}", z=z, fixed=fixed)
    items = opened(path).read(np.array([999, 0, 5]))
    np.testing.assert_array_equal(items.x, z[[999, 0, 5]])
    assert items.labels["fixed"].tolist() == ["yz", "x", "yz"]
    found = [p.cls for p in Host().datasets.values() if p.cls.recognizes(str(path))]
    assert found == [VectorHdf5]


def test_rows_without_values(tmp_path):
    refused(write(tmp_path / "p.h5", z=np.zeros((3, 0))), r"found shape \(3, 0\)")


def test_small_files_that_ask_for_much_memory(tmp_path, z):
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
    refused(tmp_path / "p.h5", "neither numbers nor strings", labels=("ragged",))


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
        part = HDF5.csr(file, "X", z)
        del part["data"]
        part["data"] = h5py.ExternalLink(str(other), "z")
    refused(tmp_path / "part.h5", "X has no data of its own")
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("z", layout)
    refused(tmp_path / "virtual.h5", "found z, which is stored in other files")
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset("z", z.shape, "f4", external=[(str(tmp_path / "raw"), 0, z.nbytes)])
    refused(tmp_path / "raw.h5", "found z, which is stored in other files")
    with h5py.File(tmp_path / "column.h5", "w") as file:
        file["z"], file["link"] = z, h5py.ExternalLink(str(other), "z")
        file["soft"] = h5py.SoftLink("/z")
        file.create_dataset("raw", (ROWS,), "u1", external=[(str(tmp_path / "raw"), 0, ROWS)])
    assert not opened(tmp_path / "column.h5").label_names
    path = HDF5.write_anndata(tmp_path / "p.h5ad", z)
    with h5py.File(path, "a") as file:
        del file["obs"]
        file["obs"] = h5py.ExternalLink(str(other), "/")
    refused(path, "a readable .h5ad file")
    path = HDF5.write_anndata(tmp_path / "old.h5ad", z)
    with h5py.File(path, "a") as file:
        file["link"] = h5py.ExternalLink(str(other), "z")
        file["obs/depth"].attrs["categories"] = "link"
    refused(path, "not an object reference")


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
    refused(path, "a damaged heap of strings")


@pytest.mark.parametrize("seed", range(4))
def test_any_damage_is_a_result_or_one_line(tmp_path, z, seed):
    content = HDF5.write_anndata(tmp_path / "p.h5ad", z[:50], sparse=True).read_bytes()
    rng, path = np.random.default_rng(seed), tmp_path / "bad.h5ad"
    for _ in range(40):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(0, len(damaged), rng.integers(1, 30))] = rng.integers(0, 256)
        path.write_bytes(damaged.tobytes()[: rng.integers(1, 2 * len(damaged))])
        assert "\n" not in outcome(path)


def test_missing(tmp_path):
    refused(tmp_path / "p.h5", "no such file")


def test_without_h5py(tmp_path, z, monkeypatch):
    path = write(tmp_path / "p.h5", z=z)
    monkeypatch.delitem(sys.modules, "latent_analyze_adapters.vectors.hdf5_tree", raising=False)
    monkeypatch.delattr("latent_analyze_adapters.vectors.hdf5_tree", raising=False)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'latent-analyze\[hdf5\]'"):
        opened(path)
