"""The same weights through every runtime: the same store, the same findings."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import latent_analyze as la
from latent_analyze import ModelError
from latent_analyze.cli.app import app
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, Host, write_bundle
from latent_analyze.runs.opening import open_model
from latent_analyze.runs.result_files import dump_json
from latent_analyze.testing import check_adapter

pytest.importorskip("torch")
pytest.importorskip("keras")
SIDE, DIM, HIDDEN = 8, 6, 24
RUNTIMES = ("onnx", "keras", "torch", "callable")
MODULE = """
import numpy as np

W = dict(np.load(__file__.replace("functions.py", "weights.npz")))

def encode(x):
    hidden = np.tanh(x.reshape(len(x), -1) @ W["a"] + W["b"])
    return hidden @ W["mu"], hidden @ W["log_var"] - 3

def decode(z):
    y = np.tanh(z @ W["c"]) @ W["d"]
    return (1 / (1 + np.exp(-y))).reshape(-1, 8, 8, 1)
"""


@pytest.fixture(name="weights", scope="module")
def _weights():
    rng = np.random.default_rng(0)
    shapes = {
        "a": (SIDE * SIDE, HIDDEN), "b": (HIDDEN,), "mu": (HIDDEN, DIM), "log_var": (HIDDEN, DIM),
        "c": (DIM, HIDDEN), "d": (HIDDEN, SIDE * SIDE),
    }  # fmt: skip
    return {k: rng.normal(0, 0.3, shape).astype(np.float32) for k, shape in shapes.items()}


@pytest.fixture(name="bundles", scope="module")
def _bundles(weights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runtimes")
    for name in RUNTIMES:
        (folder / name).mkdir()
        globals()[f"write_{name}"](weights, folder / name)
    return folder


def write_onnx(weights, folder):
    from onnx import TensorProto, helper, numpy_helper, save_model

    def write(name, nodes, given, outputs):
        arrays = {**weights, "three": np.float32([3]), "shape": np.array([-1, SIDE, SIDE, 1])}
        used = {i for node in nodes for i in node.input}
        graph = helper.make_graph(
            nodes, name,
            [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, ["N", *given[1]])],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", *s]) for n, s in outputs],
            [numpy_helper.from_array(a, k) for k, a in arrays.items() if k in used],
        )  # fmt: skip
        opset = [helper.make_opsetid("", 18)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=9)
        save_model(model, folder / f"{name}.onnx")

    node = helper.make_node
    write(
        "encoder",
        [
            node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "a", "b"], ["g"]),
            node("Tanh", ["g"], ["h"]), node("MatMul", ["h", "mu"], ["z_mean"]),
            node("MatMul", ["h", "log_var"], ["l"]), node("Sub", ["l", "three"], ["z_log_var"]),
        ],
        ("x", (SIDE, SIDE, 1)), [("z_mean", (DIM,)), ("z_log_var", (DIM,))],
    )  # fmt: skip
    write(
        "decoder",
        [
            node("MatMul", ["z", "c"], ["g"]), node("Tanh", ["g"], ["h"]),
            node("MatMul", ["h", "d"], ["y"]), node("Sigmoid", ["y"], ["s"]),
            node("Reshape", ["s", "shape"], ["image"]),
        ],
        ("z", (DIM,)), [("image", (SIDE, SIDE, 1))],
    )  # fmt: skip


def write_keras(weights, folder):
    import keras

    layers, x, z = keras.layers, keras.Input((SIDE, SIDE, 1)), keras.Input((DIM,))
    hidden = layers.Dense(HIDDEN, activation="tanh", name="hidden")(layers.Flatten()(x))
    heads = {n: layers.Dense(DIM, name=n)(hidden) for n in ("z_mean", "z_log_var")}
    encoder = keras.Model(x, heads)
    wide = layers.Dense(HIDDEN, activation="tanh", use_bias=False, name="wide")(z)
    image = layers.Dense(SIDE * SIDE, activation="sigmoid", use_bias=False, name="image")(wide)
    decoder = keras.Model(z, layers.Reshape((SIDE, SIDE, 1))(image))
    zero = np.zeros(DIM, np.float32)
    encoder.get_layer("hidden").set_weights([weights["a"], weights["b"]])
    encoder.get_layer("z_mean").set_weights([weights["mu"], zero])
    encoder.get_layer("z_log_var").set_weights([weights["log_var"], zero - 3])
    decoder.get_layer("wide").set_weights([weights["c"]])
    decoder.get_layer("image").set_weights([weights["d"]])
    encoder.save(folder / "encoder.keras")
    decoder.save(folder / "decoder.keras")


def write_torch(weights, folder):
    import torch

    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}

    class Encoder(torch.nn.Module):
        def forward(self, x):
            hidden = torch.tanh(x.flatten(1) @ tensors["a"] + tensors["b"])
            return {"z_mean": hidden @ tensors["mu"], "z_log_var": hidden @ tensors["log_var"] - 3}

    class Decoder(torch.nn.Module):
        def forward(self, z):
            y = torch.tanh(z @ tensors["c"]) @ tensors["d"]
            return torch.sigmoid(y).reshape(-1, 1, SIDE, SIDE)

    n = torch.export.Dim("n", min=1, max=10_000)
    for name, module, row in (
        ("encoder", Encoder(), (1, SIDE, SIDE)), ("decoder", Decoder(), (DIM,)),
    ):  # fmt: skip
        program = torch.export.export(
            module, (torch.zeros(3, *row),), dynamic_shapes=({0: n},), strict=False
        )
        torch.export.save(program, folder / f"{name}.pt2")


def write_callable(weights, folder):
    np.savez(folder / "weights.npz", **weights)
    (folder / "functions.py").write_text(MODULE)
    bundle = Bundle(
        runtime="callable", image_shape=(SIDE, SIDE, 1), latent_shape=(DIM,),
        encoder=EncoderSpec(entry="functions:encode", file="weights.npz"),
        decoder=DecoderSpec(entry="functions:decode", file="weights.npz"),
    )  # fmt: skip
    write_bundle(folder, bundle)


@pytest.fixture(name="stores", scope="module")
def _stores(bundles):
    for name in RUNTIMES:
        la.encode(bundles / name, "digits", bundles / f"{name}.zarr", trust=name != "onnx")
    return bundles


@pytest.mark.parametrize("runtime", RUNTIMES[1:])
def test_the_same_store(stores, runtime):
    first, second = (la.open_store(stores / f"{name}.zarr") for name in ("onnx", runtime))
    assert second.model_ref.adapter == runtime
    rows = np.arange(first.count)
    for field in ("mu", "log_var"):
        batches = (store.take(rows, frozenset({field})) for store in (first, second))
        a, b = (getattr(batch, field) for batch in batches)
        assert np.abs(a - b).max() / a.std() < 1e-4


@pytest.mark.parametrize("runtime", RUNTIMES[1:])
def test_the_same_findings(stores, runtime):
    analyses = "radius,pca,correlations,posterior,reconstruct,random_decode"
    found = {}
    for name in ("onnx", runtime):
        report = la.run(
            stores / f"{name}.zarr", plugins=analyses, null_repeats=3, trust=True, host=Host()
        )
        (case,) = report.outcome.cases
        assert not case.failures
        found[name] = [
            (key, finding.severity, finding.text)
            for key, entry in case.analyses.items()
            for finding in entry.findings
        ]
    assert len(found["onnx"]) > 6
    assert dump_json(found["onnx"]).replace("onnx.zarr", "") == dump_json(found[runtime]).replace(
        f"{runtime}.zarr", ""
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", ["pipe", "a\0b"])
def test_no_regular_file(tmp_path, runtime, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "functions.py").write_text("def encode(x):\n    return x\n")
    entry = "functions:encode" if runtime == "callable" else None
    spec = EncoderSpec(file=name, entry=entry)
    write_bundle(tmp_path, Bundle(runtime=runtime, image_shape=(8, 8, 1), encoder=spec))
    with pytest.raises(ModelError, match=r"a regular file at .*pipe|files inside "):
        open_model(str(tmp_path), Host(), trust=True)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_command_line(bundles, runtime, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trust = () if runtime in ("onnx", "keras") else ("--trust",)
    for command in (
        ("inspect", str(bundles / runtime), "--data", "digits", *trust),
        ("encode", str(bundles / runtime), "digits", "-o", "z.zarr", "-q", *trust),
        ("run", "z.zarr", "--plugins", "radius,reconstruct", "-o", "report", "-q", *trust),
    ):
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert runtime in Path("report/report.html").read_text("utf-8")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_contract(bundles, runtime):
    adapter = Host().get("adapter", runtime).cls()
    check_adapter(adapter, bundles / runtime, trust=runtime != "onnx")


def test_the_decoders(bundles):
    z = np.random.default_rng(1).normal(size=(9, DIM)).astype(np.float32)
    images = {}
    for name in RUNTIMES:
        plugin = Host().get("adapter", name)
        images[name] = plugin.cls().open(bundles / name, trust=name != "onnx").decode(z)
    for name in RUNTIMES[1:]:
        difference = np.abs(images[name] - images["onnx"]).max()
        assert difference / images["onnx"].std() < 1e-4
