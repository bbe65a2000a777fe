"""From files that somebody else exported to a report, through the command line."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

import latent_analyze as la
from latent_analyze.cli.app import app

DIM = 12


@pytest.fixture(scope="module", name="digits")
def _digits():
    from sklearn.datasets import load_digits

    return (load_digits().images[:, None] / 16).astype(np.float32)


@pytest.fixture(name="folder")
def _folder(tmp_path, save_onnx, digits):
    """Principal components of digits as (1, 8, 8) in [-1, 1]: nobody says which."""
    x = (2 * digits - 1).reshape(len(digits), 64)
    mean = x.mean(0)
    basis = np.linalg.svd(x - mean, full_matrices=False)[2][:DIM]
    arrays = {
        "m": mean,
        "W": basis.T,
        "V": basis,
        "flat": np.array([-1, 64]),
        "image": np.array([-1, 1, 8, 8]),
    }

    def write(name, nodes, given, out):
        weights = [
            numpy_helper.from_array(a if a.dtype == np.int64 else a.astype(np.float32), n)
            for n, a in arrays.items()
        ]
        ends = [[helper.make_tensor_value_info(n, TensorProto.FLOAT, s)] for n, s in (given, out)]
        save_onnx(tmp_path / name, helper.make_graph(nodes, "g", *ends, initializer=weights))

    node = helper.make_node
    write("encoder.onnx", [
        node("Reshape", ["input.1", "flat"], ["f"]), node("Sub", ["f", "m"], ["c"]),
        node("MatMul", ["c", "W"], ["17"]),
    ], ("input.1", ["N", 1, 8, 8]), ("17", ["N", DIM]))  # fmt: skip
    write("decoder.onnx", [
        node("MatMul", ["x", "V"], ["f"]), node("Add", ["f", "m"], ["c"]),
        node("Reshape", ["c", "image"], ["21"]),
    ], ("x", ["N", DIM]), ("21", ["N", 1, 8, 8]))  # fmt: skip
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)


def error_of(*arguments):
    with pytest.raises(la.LatentAnalyzeError) as error:
        run(*arguments)
    return str(error.value)


def test_from_files_to_a_report(folder, monkeypatch):
    monkeypatch.chdir(folder)
    done = run("inspect", ".", "--data", "digits", "--write")
    assert done.exit_code == 0, done.output
    assert "layout: CHW" in done.output
    assert "values in [-1, 1] in, values in [-1, 1] out, '17' is the mean" in done.output
    sidecar = tomllib.loads((folder / "model.toml").read_text("utf-8"))
    assert sidecar["encoder"] == {
        "file": "encoder.onnx", "input": "input.1", "layout": "CHW", "range": [-1.0, 1.0],
        "mu": "17", "log_var": "",
    }  # fmt: skip
    assert run("encode", ".", "digits", "-o", "z.zarr", "-q").exit_code == 0
    done = run("run", "z.zarr", "--plugins", "radius", "-o", "report", "-q")
    assert done.exit_code == 0, done.output
    assert (folder / "report" / "report.html").is_file()


def test_the_written_reading_is_the_right_one(folder, digits, monkeypatch):
    monkeypatch.chdir(folder)
    assert run("inspect", ".", "--data", "digits", "--write").exit_code == 0
    assert run("encode", ".", "digits", "-o", "z.zarr", "-q").exit_code == 0
    x = (2 * digits - 1).reshape(len(digits), 64)
    variances = np.linalg.svd(x - x.mean(0), compute_uv=False)[:DIM] ** 2 / len(x)
    z = la.open_store("z.zarr").sample(len(x), 0).z
    np.testing.assert_allclose(z.var(0), variances, rtol=1e-3)


def test_json(folder):
    done = run("inspect", folder, "--data", "digits", "--json")
    found = json.loads(done.stdout)
    checks = {check["name"]: check for check in found["checks"]}
    assert found["signature"]["explained"] > 0.7
    assert checks["batch invariant"]["severity"] == "note"


def test_a_former_sidecar_is_kept(folder):
    texts = ['[encoder]\nfile = "encoder.onnx"  # by hand\n']
    (folder / "model.toml").write_text(texts[0])
    for name in ("model.toml.old", "model.toml.old1"):
        done = run("inspect", folder, "--write")
        assert f"kept: {folder / name}" in done.stdout
        assert (folder / name).read_text() == texts[-1]
        texts.append((folder / "model.toml").read_text())
    assert texts[0] != texts[1] == texts[2]


def test_one_file_of_two_is_not_stated_alone(folder):
    said = error_of("inspect", folder / "encoder.onnx", "--write")
    assert f"inspect {folder} --write" in said
    assert not (folder / "model.toml").exists()
    (folder / "decoder.onnx").unlink()
    done = run("inspect", folder / "encoder.onnx", "--data", "digits", "--write")
    assert f"next: latent-analyze encode {folder} digits" in done.stdout


def test_images_of_another_size(folder, tmp_path):
    np.save(tmp_path / "big.npy", np.zeros((5, 16, 16), np.uint8))
    said = error_of("inspect", folder, "--data", tmp_path / "big.npy")
    assert "input.1 float32 (?, 1, 8, 8), found rows of 16 x 16 x 1" in said
