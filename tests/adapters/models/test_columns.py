"""Further inputs that take a label of the data set."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import latent_analyze as la
from latent_analyze import DatasetError, ModelError
from latent_analyze.plugin import Bundle, EncoderSpec, Host, write_bundle
from latent_analyze_adapters.runtimes.callable import CallableRuntime
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime
from latent_analyze_adapters.runtimes.torch.adapter import TorchRuntime

W = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)


@pytest.fixture(name="folder")
def _folder(tmp_path, save_onnx):
    """An encoder that adds ten times the class, an int64, to mu."""
    node, info = helper.make_node, helper.make_tensor_value_info
    nodes = [
        node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "W"], ["g"]),
        node("Cast", ["y"], ["yf"], to=TensorProto.FLOAT), node("Unsqueeze", ["yf", "one"], ["yc"]),
        node("Mul", ["yc", "ten"], ["yt"]), node("Add", ["g", "yt"], ["mu"]),
    ]  # fmt: skip
    constants = {"W": W, "one": np.array([1]), "ten": np.float32([10])}
    graph = helper.make_graph(
        nodes, "g",
        [info("x", TensorProto.FLOAT, ["N", 8, 8, 1]), info("y", TensorProto.INT64, ["N"])],
        [info("mu", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    save_onnx(tmp_path / "encoder.onnx", graph)
    return tmp_path


def state(folder, **spec):
    write_bundle(folder, Bundle(encoder=EncoderSpec(file="encoder.onnx", **spec)))
    return folder


def test_the_label_of_each_row(folder):
    store = la.encode(state(folder, columns={"y": "digit"}), "digits", folder / "z.zarr")
    batch = store.take(np.arange(store.count), frozenset({"z", "label:digit"}))
    x = Host().get("dataset", "digits").cls("digits").read(batch.rows).x
    expected = x.reshape(len(x), -1) @ W + 10 * batch.labels["digit"][:, None]
    np.testing.assert_allclose(batch.z, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch", [None, 7])
def test_rows_are_padded_with_their_labels(folder, batch):
    model = OnnxRuntime().open(state(folder, columns={"y": "digit"}, batch=batch))
    x = np.random.default_rng(1).random((10, 8, 8, 1), dtype=np.float32)
    labels = np.arange(10)
    found = model.encode(x, {"digit": labels}).mu
    np.testing.assert_allclose(found, x.reshape(10, -1) @ W + 10 * labels[:, None], rtol=1e-5)


def test_elsewhere_the_constant_or_zero(folder):
    x = np.random.default_rng(1).random((4, 8, 8, 1), dtype=np.float32)
    model = OnnxRuntime().open(state(folder, columns={"y": "digit"}))
    np.testing.assert_allclose(model.encode(x).mu, x.reshape(4, -1) @ W, rtol=1e-5)
    assert model.spec.columns == ("digit",)
    assert any("takes 'digit' of the data" in note for note in model.spec.notes)
    first = model.settings_fingerprint
    model = OnnxRuntime().open(state(folder, columns={"y": "digit"}, constants={"y": 2}))
    np.testing.assert_allclose(model.encode(x).mu, x.reshape(4, -1) @ W + 20, rtol=1e-5)
    assert model.settings_fingerprint != first


def test_a_label_that_is_not_there(folder):
    with pytest.raises(DatasetError, match=r"the label 'class'.*'digit', 'split'"):
        la.encode(state(folder, columns={"y": "class"}), "digits", folder / "z.zarr")
    assert not (folder / "z.zarr").exists()


def test_a_label_of_texts(folder):
    store = la.encode(state(folder, columns={"y": "split"}), "digits", folder / "z.zarr")
    batch = store.take(np.arange(store.count), frozenset({"z", "label:split"}))
    x = Host().get("dataset", "digits").cls("digits").read(batch.rows).x
    expected = x.reshape(len(x), -1) @ W + 10 * (batch.labels["split"] == "train")[:, None]
    np.testing.assert_allclose(batch.z, expected, rtol=1e-4, atol=1e-4)


def test_a_label_of_texts_without_their_classes(folder):
    model = OnnxRuntime().open(state(folder, columns={"y": "split"}))
    with pytest.raises(ModelError, match="integers in 'split'"):
        model.encode(np.zeros((1, 8, 8, 1), np.float32), {"split": np.array(["test"])})


def test_an_input_that_is_not_there(folder):
    with pytest.raises(ModelError, match="under constants and columns"):
        OnnxRuntime().open(state(folder, columns={"q": "digit"}))


def test_the_error_names_the_input_and_both_ways(folder):
    with pytest.raises(ModelError, match="another input, y int64") as error:
        OnnxRuntime().open(folder)
    assert "--signature constants.y=0" in str(error.value)
    assert "--signature columns.y=LABEL" in str(error.value)


@pytest.mark.parametrize("value", [2.7, 1e30, float("nan")])
def test_a_constant_that_the_input_would_cut(folder, value):
    with pytest.raises(ModelError, match="a value that int64 can hold for the input y"):
        OnnxRuntime().open(state(folder, constants={"y": value}))


def test_a_label_that_the_input_would_cut(folder):
    model = OnnxRuntime().open(state(folder, columns={"y": "level"}))
    x = np.zeros((2, 8, 8, 1), np.float32)
    assert model.encode(x, {"level": np.array([1.0, 2.0])}).mu.shape == (2, 3)
    with pytest.raises(ModelError, match=r"integers in 'level'.*2\.5"):
        model.encode(x, {"level": np.array([1.0, 2.5])})


class TestFunctions:
    """Functions do not say which dtype their further inputs want."""

    @pytest.fixture(params=["callable", "torch"], name="open_with")
    def _open_with(self, request, tmp_path):
        """Opens an encoder whose mu is 8 x the dtype is int64 + y."""
        if request.param == "callable":
            code = """
import numpy as np
def encode(x, y):
    return np.full((len(x), 3), 8 * (y.dtype == np.int64)) + y.reshape(len(x), -1)
"""
            (tmp_path / "code.py").write_text(code)
            spec = {"entry": "code:encode"}
        else:
            torch = pytest.importorskip("torch")
            code = """
import torch
class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(1))
    def forward(self, x, y):
        return torch.full((len(x), 3), 8.0 * (y.dtype == torch.int64)) + y.reshape(len(x), -1)
"""
            (tmp_path / "code.py").write_text(code)
            torch.save({"w": torch.zeros(1)}, tmp_path / "w.pt")
            spec = {"entry": "code:Encoder", "file": "w.pt"}

        def opened(**more):
            runtime = {"callable": CallableRuntime, "torch": TorchRuntime}[request.param]
            bundle = Bundle(
                runtime=request.param, image_shape=(8, 8, 1), latent_shape=(3,),
                encoder=EncoderSpec(**spec, **more),
            )  # fmt: skip
            write_bundle(tmp_path, bundle)
            return runtime().open(tmp_path, trust=True)

        return opened

    @pytest.mark.parametrize(
        ("value", "expected"),
        [(3, [11] * 3), (3.0, [3] * 3), ([1, 2, 3], [9, 10, 11]), ([1, 2.5, 3], [1, 2.5, 3])],
    )
    def test_a_decimal_point_tells_the_dtype_of_constants(self, open_with, value, expected):
        model = open_with(constants={"y": value})
        np.testing.assert_array_equal(model.encode(np.zeros((2, 8, 8, 1), "f4")).mu, [expected] * 2)

    def test_3_is_not_3_0(self, open_with):
        assert (
            open_with(constants={"y": 3}).fingerprint != open_with(constants={"y": 3.0}).fingerprint
        )

    def test_columns_alone(self, open_with):
        model, x = open_with(columns={"y": "digit"}), np.zeros((2, 8, 8, 1), np.float32)
        assert model.spec.columns == ("digit",)
        np.testing.assert_array_equal(model.encode(x).mu, 8)
        for dtype in (np.int64, np.uint8):
            mu = model.encode(x, {"digit": np.array([4, 5], dtype)}).mu
            np.testing.assert_array_equal(mu[:, 0], [12, 13])
        mu = model.encode(x, {"digit": np.array([4, 5.5])}).mu
        np.testing.assert_array_equal(mu[:, 0], [4, 5.5])

    def test_a_constant_tells_the_dtype_of_a_column(self, open_with):
        model, x = (
            open_with(columns={"y": "digit"}, constants={"y": 0.0}),
            np.zeros((2, 8, 8, 1), "f4"),
        )
        mu = model.encode(x, {"digit": np.array([4, 5])}).mu
        np.testing.assert_array_equal(mu[:, 0], [4, 5])
