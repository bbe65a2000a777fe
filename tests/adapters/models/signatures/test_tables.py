"""Columns of tables as the rows of a model, and as its further inputs by name."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adapter_testing import one_line
from signature_models import DIM, FLOAT, INTS, Net, tensor_info

import latent_analyze as la
from latent_analyze import ModelError
from latent_analyze.plugin import Host

ROWS = 200
RNG = np.random.default_rng(0)
LATENTS = RNG.standard_normal((ROWS, DIM))
WEIGHTS = RNG.standard_normal((DIM, 6))
VALUES = (LATENTS @ WEIGHTS + 3).astype(np.float32)
NAMES = [*"abcdef"]
COLUMNS = {
    **dict(zip(NAMES, VALUES.T, strict=True)), "age": RNG.integers(0, 9, ROWS),
    "dose": RNG.random(ROWS).astype(np.float32),
    "history": list(RNG.random((ROWS, DIM)).astype(np.float32)),
    "species": np.array(["x", "y", "z"])[np.arange(ROWS) % 3],
}  # fmt: skip


def table(folder, *names):
    columns = {name: COLUMNS[name] for name in names}
    pq.write_table(pa.table(columns), folder / "table.parquet", row_group_size=60)
    return folder / "table.parquet"


def model(folder, extra, size=6):
    """Write an encoder and a decoder; the mean is the latents plus every further input."""
    net, inverse = Net(), np.linalg.pinv(WEIGHTS[:, :size])
    mu = net.linear("rows", inverse, -3 * inverse.sum(0))
    for name, (shape, kind) in extra.items():
        value = name if kind == FLOAT else net.op("Cast", name, to=FLOAT)
        if shape == (3,):
            value = net.linear(value, np.repeat([[0.0], [5.0], [9.0]], DIM, axis=1))
        mu = net.op("Add", mu, value if shape else net.ints(value, -1, 1))
    inputs = [tensor_info("rows", (size,))]
    inputs += [tensor_info(name, shape, kind) for name, (shape, kind) in extra.items()]
    net.save(folder / "encoder.onnx", inputs, {"mu": (mu, FLOAT, (DIM,))})
    return folder / "encoder.onnx"


def encoded(path, text, store):
    found = la.encode(path, text, store)
    return found, found.take(np.arange(ROWS)).z


def test_named_columns_of_every_form(tmp_path):
    """Whole numbers, floats and lists whose names are inputs; the rest are the rows."""
    extra = {"age": ((), INTS), "dose": ((1,), FLOAT), "history": ((DIM,), FLOAT)}
    path = table(tmp_path, "age", *NAMES, "dose", "history")
    text = f"{path}:vectors=[a,b,c,d,e,f]"
    store, z = encoded(model(tmp_path, extra), text, tmp_path / "z.zarr")
    expected = LATENTS + COLUMNS["age"][:, None] + COLUMNS["dose"][:, None] + COLUMNS["history"]
    np.testing.assert_allclose(z, expected, atol=1e-3)
    assert store.schema.signature.bundle.encoder.columns == {name: name for name in extra}


@pytest.mark.parametrize("kind", [FLOAT, INTS])
def test_columns_of_numbers_are_taken_out_of_the_rows(tmp_path, kind):
    extra = {"age": ((1,), kind), "dose": ((), FLOAT)}
    path = table(tmp_path, "age", *NAMES, "dose")
    store, z = encoded(model(tmp_path, extra), path, tmp_path / "z.zarr")
    expected = LATENTS + COLUMNS["age"][:, None] + COLUMNS["dose"][:, None]
    np.testing.assert_allclose(z, expected, atol=1e-3)
    data = store.schema.dataset
    assert (data.item.shape, data.options["vectors"]) == ((6,), NAMES)
    # A finished store is opened again, and its rows are read as they were.
    assert la.encode(tmp_path / "encoder.onnx", path, tmp_path / "z.zarr").count == ROWS
    plugin = Host().get("dataset", data.name)
    dataset = plugin.cls(data.location, plugin.options(data.options))
    assert dataset.fingerprint == data.fingerprint
    np.testing.assert_array_equal(dataset.read(np.arange(ROWS)).x, VALUES)


def test_where_every_column_is_an_input_one_holds_the_rows(tmp_path):
    net = Net()
    mu = net.op("Concat", "dose", "a", "b", axis=1)
    inputs = [tensor_info(name, (1,)) for name in ("dose", "a", "b")]
    net.save(tmp_path / "encoder.onnx", inputs, {"mu": (mu, FLOAT, (3,))})
    path = table(tmp_path, "a", "b", "dose")
    _, z = encoded(tmp_path / "encoder.onnx", path, tmp_path / "z.zarr")
    np.testing.assert_allclose(z, np.stack([COLUMNS[n] for n in ("dose", "a", "b")], 1), rtol=1e-6)


def test_texts_of_a_table_condition_a_model(tmp_path):
    path = table(tmp_path, *NAMES, "species")
    _, z = encoded(model(tmp_path, {"kind": ((3,), FLOAT)}), path, tmp_path / "z.zarr")
    shift = np.array([0, 5, 9])[np.arange(ROWS) % 3]
    np.testing.assert_allclose(z, LATENTS + shift[:, None], atol=1e-3)


def test_lists_by_the_names_of_the_inputs(tmp_path):
    """The widest holds the rows, the others are inputs."""
    columns = {"history": COLUMNS["history"], "rows": list(VALUES)}
    pq.write_table(pa.table(columns), tmp_path / "table.parquet")
    path = model(tmp_path, {"history": ((DIM,), FLOAT)})
    _, z = encoded(path, f"{tmp_path / 'table.parquet'}:kind=arrays", tmp_path / "z.zarr")
    np.testing.assert_allclose(z, LATENTS + COLUMNS["history"], atol=1e-3)


def test_a_misfit_names_the_columns(tmp_path):
    path = table(tmp_path, *NAMES, "age", "dose")
    with pytest.raises(ModelError) as error:
        la.encode(model(tmp_path, {}), path, tmp_path / "z.zarr")
    text = one_line(error)
    assert "found rows of 8; the rows hold a, b, c, d, e, f, age, dose; name what" in text
    names = "a,b,c,d,e,f"
    _, z = encoded(tmp_path / "encoder.onnx", f"{path}:vectors=[{names}]", tmp_path / "z.zarr")
    np.testing.assert_allclose(z, LATENTS, atol=1e-3)


def test_inspect_takes_columns_out_as_well(tmp_path):
    path = table(tmp_path, *NAMES, "dose")
    found = la.inspect(model(tmp_path, {"dose": ((), FLOAT)}), path)
    assert not found.problems
    assert found.spec.input.shape == (6,)
