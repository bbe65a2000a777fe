"""Tables of NumPy: structured arrays, and arrays (n,) by name."""

from __future__ import annotations

import numpy as np
import pytest
from adapter_testing import everything, opener, refuser

from latent_analyze import open_source
from latent_analyze.plugin import Host
from latent_analyze_adapters.vectors.tables import VectorTables

opened = opener(VectorTables)
refused = refuser(opened, everything)

ROWS = 50
COLUMNS = {
    "height": np.linspace(0, 1, ROWS).astype(">f4"), "age": np.arange(ROWS, dtype=np.uint8),
    "target": np.arange(ROWS) % 3, "smokes": np.arange(ROWS) % 2 == 0,
    "name": np.array(["anna", "ben"])[np.arange(ROWS) % 2], "code": np.array([b"x"] * ROWS),
}  # fmt: skip


def structured(**more):
    columns = COLUMNS | more
    dtype = [(name, values.dtype, values.shape[1:]) for name, values in columns.items()]
    table = np.zeros(ROWS, dtype)
    for name, values in columns.items():
        table[name] = values
    return table


@pytest.fixture(params=["npy", "npz", "compressed", "one in an npz"])
def path(request, tmp_path):
    if request.param == "npy":
        np.save(tmp_path / "table.npy", structured())
        return tmp_path / "table.npy"
    saved = {"table": structured()} if request.param == "one in an npz" else COLUMNS
    save = np.savez_compressed if request.param == "compressed" else np.savez
    save(tmp_path / "table.npz", **saved)
    return tmp_path / "table.npz"


def test_columns(path):
    (cls,) = [p.cls for p in Host().datasets.values() if p.cls.recognizes(str(path))]
    assert cls is VectorTables
    dataset = opened(path)
    assert dataset.value_names == ("height", "age")
    assert dataset.label_names == ("target", "smokes", "name", "code")
    assert "age (whole numbers) is among the values" in dataset.notes[0]
    rows = np.array([7, 0])
    items = dataset.read(rows)
    np.testing.assert_array_equal(items.x, np.stack([COLUMNS["height"], COLUMNS["age"]], 1)[rows])
    assert items.labels["name"].tolist() == ["ben", "anna"]
    assert items.labels["code"].tolist() == ["x", "x"]
    assert opened(path, limit=7).count == 7


def test_as_z_points(path):
    source = open_source(f"{path}:integers=labels")
    assert (source.count, source.dim) == (ROWS, 1)
    assert {"label:name", "label:age"} <= source.fields


def test_fields_with_several_values(tmp_path):
    z = np.random.default_rng(0).normal(size=(ROWS, 4)).astype("f4")
    np.save(tmp_path / "table.npy", structured(z=z))
    dataset = opened(tmp_path / "table.npy")
    assert (dataset.array_name, dataset.item.shape) == ("z", (4,))
    assert dataset.input_names == ("height",)
    np.testing.assert_array_equal(everything(dataset).x, z)
    np.testing.assert_array_equal(everything(dataset).inputs["height"], COLUMNS["height"])


def test_python_objects_are_refused(tmp_path):
    np.save(tmp_path / "table.npy", structured(name=np.array(["a"] * ROWS, object)))
    refused(tmp_path / "table.npy", "arrays of numbers or strings .* found Python objects")


def test_arrays_of_different_lengths_are_no_table(tmp_path):
    np.savez(tmp_path / "table.npz", a=np.zeros(3), b=np.zeros(4))
    assert not VectorTables.recognizes(str(tmp_path / "table.npz"))
    np.savez(tmp_path / "table.npz", a=np.zeros((3, 2)), b=np.zeros(3), c=np.ones(3))
    assert not VectorTables.recognizes(str(tmp_path / "table.npz"))
