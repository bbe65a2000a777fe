from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latent_analyze import DatasetError
from latent_analyze.plugin import ArraySource, Block
from latent_analyze.sources.source import concatenate


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8", ">f4"])
def test_reads_any_real_dtype_as_float32(dtype: str) -> None:
    values = np.arange(12).reshape(4, 3).astype(dtype)
    z = ArraySource(values).read(Block(0, 1, 3)).z
    assert z.dtype == np.float32
    assert z.flags.c_contiguous
    assert np.array_equal(z, values[1:3])


def test_reads_views_and_fortran_order() -> None:
    values = np.asfortranarray(np.arange(40.0).reshape(10, 4))[::2]
    assert np.array_equal(ArraySource(values).read(Block(0, 0, 5)).z, values)


def test_a_memory_map_is_not_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "z.npy", np.ones((100, 3), np.float32))
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    source = ArraySource(mapped)
    assert isinstance(source.z, np.memmap)
    assert source.summary().count == 100


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(3),
        np.zeros((3, 0)),
        np.zeros((2, 2, 2)),
        np.zeros((2, 2), complex),
        np.zeros((2, 2), bool),
        np.array([["a", "b"]]),
        np.array([[object()]]),
    ],
)
def test_other_arrays_are_refused(values: Any) -> None:
    with pytest.raises(DatasetError, match=r"shape \(n, dim\)"):
        ArraySource(values)


def test_labels_and_log_var_must_fit() -> None:
    z = np.zeros((4, 2))
    with pytest.raises(DatasetError, match="4 values of the label 'digit'"):
        ArraySource(z, labels={"digit": np.zeros(3)})
    with pytest.raises(DatasetError, match="log_var of shape"):
        ArraySource(z, log_var=np.zeros((4, 3)))


def test_labels_of_python_objects_become_text() -> None:
    labels = {"digit": np.array(["seven", 7, None], object), "flag": np.array([True, False, True])}
    source = ArraySource(np.zeros((3, 2)), labels=labels)
    batch = source.read(Block(0, 0, 3), frozenset({"z", "label:digit", "label:flag"}))
    assert batch.labels["digit"].tolist() == ["seven", "7", "None"]
    assert batch.labels["flag"].tolist() == [True, False, True]
    assert source.fingerprint


def test_only_requested_fields_are_read() -> None:
    source = ArraySource(np.zeros((3, 2)), labels={"a": np.arange(3)}, log_var=np.ones((3, 2)))
    bare = source.read(Block(0, 0, 3))
    assert (bare.mu, bare.log_var, bare.ids, bare.labels) == (None, None, None, {})
    full = source.read(Block(0, 0, 3), source.fields)
    assert full.mu is full.z
    assert full.log_var is not None
    assert full.log_var.dtype == np.float32
    assert full.labels.keys() == {"a"}


def test_the_fingerprint_depends_on_the_content_only() -> None:
    z = np.arange(8.0).reshape(4, 2)
    base = ArraySource(z, "data").fingerprint
    assert ArraySource(z.copy(), "another label").fingerprint == base
    assert pickle.loads(pickle.dumps(ArraySource(z))).fingerprint == base
    labels = {"a": np.array(["x", "y", "x", "y"])}
    others = {
        ArraySource(z + 1).fingerprint,
        ArraySource(z.reshape(2, 4)).fingerprint,
        ArraySource(z, labels=labels).fingerprint,
        ArraySource(z, labels={"b": labels["a"]}).fingerprint,
        ArraySource(z, log_var=z).fingerprint,
    }
    assert len(others | {base}) == 6


def test_no_rows() -> None:
    source = ArraySource(np.zeros((0, 3)))
    assert list(source.blocks()) == []
    assert source.summary().count == 0
    assert source.sample(5, 0).z.shape == (0, 3)


def test_blocks_hold_all_rows() -> None:
    z = np.arange(30_000 * 3, dtype=np.float32).reshape(-1, 3)
    source = ArraySource(z)
    assert np.array_equal(concatenate([source.read(b) for b in source.blocks()]).z, z)
