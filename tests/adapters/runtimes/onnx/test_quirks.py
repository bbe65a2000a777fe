"""What real exports get wrong, or leave to be guessed, each with a model built for it."""

from __future__ import annotations

from functools import partial

import adapter_testing
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, write_bundle
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(12, 2)).astype(np.float32)
SHAPE = (2, 2, 3)
images = partial(adapter_testing.images, shape=SHAPE)


def open_folder(folder, **specs):
    write_bundle(folder, Bundle(image_shape=SHAPE, **specs))
    return OnnxRuntime().open(folder)


def info(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


@pytest.fixture(name="write")
def _write(tmp_path, save_onnx):
    def write(nodes, ends=(("N", 2, 2, 3), ("N", 2)), *, name="encoder.onnx", more=(), arrays=()):
        given, out = ends
        arrays = {"W": WEIGHTS, "I": np.array([-1, 12]), **dict(arrays)}
        weights = [numpy_helper.from_array(array, key) for key, array in arrays.items()]
        inputs = [info("x", given), *more]
        graph = helper.make_graph(nodes, "g", inputs, [info("y", out)], initializer=weights)
        return save_onnx(tmp_path / name, graph).parent

    return write


FLAT = helper.make_node("Reshape", ["x", "I"], ["f"])
TIMES = helper.make_node("MatMul", ["f", "W"], ["g"])


def mu(x):
    return x.reshape(len(x), -1) @ WEIGHTS


class TestNormalization:
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)

    def test_encoder(self, make_linear, tmp_path):
        linear = make_linear()
        linear.encoder(tmp_path / "encoder.onnx")
        x = np.random.default_rng(1).random((5, 4, 6, 3), dtype=np.float32)
        spec = EncoderSpec(file="encoder.onnx", mean=self.mean, std=self.std)
        write_bundle(tmp_path, Bundle(image_shape=(4, 6, 3), encoder=spec))
        expected = linear.mu((x - np.array(self.mean)) / np.array(self.std))
        found = OnnxRuntime().open(tmp_path).encode(x).mu
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)

    def test_decoder_gives_back_what_it_was_given(self, write):
        nodes = [helper.make_node("Identity", ["x"], ["y"])]
        ends = (("N", 12), ("N", 2, 2, 3))
        nodes = [helper.make_node("Reshape", ["x", "S"], ["y"])]
        folder = write(nodes, ends, name="d.onnx", arrays={"S": np.array([-1, 2, 2, 3])}.items())
        spec = DecoderSpec(file="d.onnx", mean=self.mean, std=self.std)
        x = images()
        inside = ((x - np.array(self.mean)) / np.array(self.std)).astype(np.float32)
        decoded = open_folder(folder, decoder=spec).decode(inside.reshape(-1, 12))
        np.testing.assert_allclose(decoded, x, atol=1e-5)

    @pytest.mark.parametrize("bad", [{"mean": (1.0, 2.0)}, {"std": (0.0,)}])
    def test_bad_numbers(self, write, bad):
        folder = write([FLAT, helper.make_node("MatMul", ["f", "W"], ["y"])])
        with pytest.raises(ModelError, match="one number or of 3"):
            open_folder(folder, encoder=EncoderSpec(file="encoder.onnx", **bad))


def test_logits_get_a_sigmoid(write):
    nodes = [helper.make_node("Reshape", ["x", "S"], ["y"])]
    shape = {"S": np.array([-1, 2, 2, 3])}
    folder = write(nodes, (("N", 12), ("N", 2, 2, 3)), name="d.onnx", arrays=shape.items())
    model = open_folder(folder, decoder=DecoderSpec(file="d.onnx", activation="sigmoid"))
    logits = np.linspace(-90, 90, 24, dtype=np.float32).reshape(2, 12)
    expected = 1 / (1 + np.exp(-logits.astype(float)))
    np.testing.assert_allclose(model.decode(logits).reshape(2, 12), expected, atol=1e-6)


class TestSecondInput:
    nodes = (FLAT, TIMES, helper.make_node("Cast", ["c"], ["cf"], to=TensorProto.FLOAT),
             helper.make_node("Add", ["g", "cf"], ["y"]))  # fmt: skip

    @pytest.mark.parametrize(
        ("shape", "value"), [([], 3.0), (["N", 1], 3.0), ([1, 2], [3.0, 3.0]), (["N", 2], 3.0)]
    )
    def test_constant(self, write, shape, value):
        folder = write(list(self.nodes), more=[info("c", shape, TensorProto.INT64)])
        spec = EncoderSpec(file="encoder.onnx", constants={"c": value})
        found = open_folder(folder, encoder=spec).encode(images()).mu
        np.testing.assert_allclose(found, mu(images()) + 3, rtol=1e-5)

    def test_missing_value_names_the_input(self, write):
        folder = write(list(self.nodes), more=[info("c", ["N", 1], TensorProto.INT64)])
        with pytest.raises(ModelError, match=r"c int64 .*--signature constants\.c=0"):
            open_folder(folder, encoder=EncoderSpec(file="encoder.onnx"))

    @pytest.mark.parametrize("constants", [{"c": [1.0, 2.0, 3.0]}, {"c": 1, "d": 2}])
    def test_wrong_value(self, write, constants):
        folder = write(list(self.nodes), more=[info("c", ["N", 2], TensorProto.INT64)])
        with pytest.raises(ModelError, match=r"correct it in model\.toml|constants"):
            open_folder(folder, encoder=EncoderSpec(file="encoder.onnx", constants=constants))


class TestBatches:
    def encodes_rightly(self, folder, note):
        model = open_folder(folder, encoder=EncoderSpec(file="encoder.onnx"))
        np.testing.assert_allclose(model.encode(images()).mu, mu(images()), rtol=1e-4, atol=1e-5)
        assert any(note in text for text in model.spec.notes)

    def test_output_that_ignores_the_batch(self, write):
        # Compress, because shape inference does not see through it.
        nodes = [FLAT, TIMES, helper.make_node("Compress", ["g", "first"], ["y"], axis=0)]
        folder = write(nodes, arrays={"first": np.array([True])}.items())
        self.encodes_rightly(folder, "encoder: run row by row, as its output ignores the batch")

    def test_rows_that_change_each_other(self, write):
        mean = helper.make_node("ReduceMean", ["g", "A"], ["m"], keepdims=1)
        nodes = [FLAT, TIMES, mean, helper.make_node("Identity", ["m"], ["e"]),
                 helper.make_node("Mul", ["g", "Two"], ["t"]),
                 helper.make_node("Sub", ["t", "e"], ["y"])]  # fmt: skip
        arrays = {"A": np.array([0]), "Two": np.float32(2)}
        folder = write(nodes, arrays=arrays.items())
        self.encodes_rightly(folder, "encoder: run row by row, as rows of a batch affect each")

    def test_rows_that_change_each_other_in_a_fixed_batch(self, write):
        """As int8 weights do, whose scale is that of the batch; copies of a row do not."""
        peak = helper.make_node("ReduceMax", ["g", "A"], ["m"], keepdims=1)
        nodes = [FLAT, TIMES, peak, helper.make_node("Add", ["g", "m"], ["y"])]
        folder = write(nodes, ((4, 2, 2, 3), (4, 2)), arrays={"A": np.array([0])}.items())
        model = open_folder(folder, encoder=EncoderSpec(file="encoder.onnx"))
        x = images()
        np.testing.assert_allclose(model.encode(x).mu, 2 * mu(x), rtol=1e-4, atol=1e-5)
        assert any("in a batch of 4 copies" in note for note in model.spec.notes)

    def test_rounding_is_no_difference(self, write):
        nodes = [FLAT, TIMES, helper.make_node("Mul", ["g", "small"], ["s"]),
                 helper.make_node("Add", ["s", "far"], ["y"])]  # fmt: skip
        arrays = {"small": np.float32(1e-6), "far": np.float32(100)}
        model = open_folder(
            write(nodes, arrays=arrays.items()), encoder=EncoderSpec(file="encoder.onnx")
        )
        assert not any("row by row" in note or "random" in note for note in model.spec.notes)

    @pytest.mark.parametrize("batch", ["N", 4])
    def test_batch_normalization_in_training_mode(self, write, batch):
        """Row by row makes all rows alike."""
        mean = helper.make_node("ReduceMean", ["g", "A"], ["m"], keepdims=1)
        nodes = [FLAT, TIMES, mean, helper.make_node("Sub", ["g", "m"], ["y"])]
        ends = ((batch, 2, 2, 3), (batch, 2))
        folder = write(nodes, ends, arrays={"A": np.array([0])}.items())
        with pytest.raises(
            ModelError,
            match=r"rows affect each other, and all give the same output alone.*model\.eval\(\)",
        ):
            open_folder(folder, encoder=EncoderSpec(file="encoder.onnx"))

    def test_output_without_a_batch_axis(self, write):
        squeeze = helper.make_node("Squeeze", ["g", "A"], ["y"])
        folder = write(
            [FLAT, TIMES, squeeze], ((1, 2, 2, 3), (2,)), arrays={"A": np.array([0])}.items()
        )
        model = OnnxRuntime().open(folder / "encoder.onnx")
        np.testing.assert_allclose(model.encode(images()).mu, mu(images()), rtol=1e-4, atol=1e-5)

    def test_decoded_image_without_a_batch_axis(self, write):
        nodes = [helper.make_node("Reshape", ["x", "S"], ["y"])]
        arrays = {"S": np.array([4, 1, 3])}
        folder = write(nodes, ((1, 12), (4, 1, 3)), name="decoder.onnx", arrays=arrays.items())
        z = images().reshape(-1, 12)
        decoded = OnnxRuntime().open(folder / "decoder.onnx").decode(z)
        np.testing.assert_array_equal(decoded.reshape(-1, 12), z)

    def test_batch_stated(self, write):
        folder = write([FLAT, helper.make_node("MatMul", ["f", "W"], ["y"])])
        model = open_folder(folder, encoder=EncoderSpec(file="encoder.onnx", batch=2))
        np.testing.assert_allclose(model.encode(images()).mu, mu(images()), rtol=1e-5)

    @pytest.mark.parametrize("batch", ["N", 1, 4])
    def test_something_random_is_said(self, write, batch):
        nodes = [FLAT, TIMES, helper.make_node("RandomNormalLike", ["g"], ["e"]),
                 helper.make_node("Mul", ["g", "e"], ["y"])]  # fmt: skip
        folder = write(nodes, ((batch, 2, 2, 3), (batch, 2)))
        model = open_folder(folder, encoder=EncoderSpec(file="encoder.onnx"))
        assert any("the graph is random" in note for note in model.spec.notes)


def test_signed_bytes(tmp_path, save_onnx):
    cast = helper.make_node("Cast", ["x"], ["c"], to=TensorProto.FLOAT)
    nodes = [cast, helper.make_node("Reshape", ["c", "I"], ["f"]),
             helper.make_node("MatMul", ["f", "W"], ["y"])]  # fmt: skip
    arrays = {"W": WEIGHTS, "I": np.array([-1, 12])}
    weights = [numpy_helper.from_array(array, key) for key, array in arrays.items()]
    inputs = [info("x", ["N", *SHAPE], TensorProto.INT8)]
    graph = helper.make_graph(nodes, "g", inputs, [info("y", ["N", 2])], initializer=weights)
    folder = save_onnx(tmp_path / "encoder.onnx", graph).parent
    x = np.round(images() * 255) / np.float32(255)
    found = open_folder(folder, encoder=EncoderSpec(file="encoder.onnx")).encode(x).mu
    np.testing.assert_allclose(found, mu(x * 255 - 128), rtol=1e-4, atol=1e-3)
    with pytest.raises(ModelError, match=r"range .* within \[-128, 127\]"):
        open_folder(folder, encoder=EncoderSpec(file="encoder.onnx", range=(0, 255)))


class TestSpatialLatents:
    def bundle(self, make_linear, tmp_path, axes, **more):
        make_linear(latent_axes=(4, 1, 2), dim=8).encoder(tmp_path / "encoder.onnx")
        make_linear(latent_axes=axes, dim=8).decoder(tmp_path / "decoder.onnx")
        specs = {"encoder": EncoderSpec(file="encoder.onnx"),
                  "decoder": DecoderSpec(file="decoder.onnx")}  # fmt: skip
        write_bundle(tmp_path, Bundle(**specs, **more))
        return tmp_path

    def test_another_order_is_refused(self, make_linear, tmp_path):
        folder = self.bundle(make_linear, tmp_path, (1, 2, 4))
        with pytest.raises(
            ModelError, match=r"with the same layout, or state latent_shape = \[8\]"
        ):
            OnnxRuntime().open(folder)

    @pytest.mark.parametrize("axes", [(1, 4, 2), (8,), (4, 2)])
    def test_the_same_order_in_other_axes(self, make_linear, tmp_path, axes):
        assert OnnxRuntime().open(self.bundle(make_linear, tmp_path, axes)).spec.dim == 8

    def test_another_order_that_is_stated(self, make_linear, tmp_path):
        folder = self.bundle(make_linear, tmp_path, (1, 2, 4), latent_shape=(8,))
        assert OnnxRuntime().open(folder).spec.latent.shape == (8,)


def test_a_flat_decoder_beside_channels_first_is_so_too(make_linear, tmp_path):
    make_linear(axes=(3, 4, 6)).encoder(tmp_path / "encoder.onnx")
    decoder = make_linear(axes=(72,))
    decoder.decoder(tmp_path / "decoder.onnx")
    z = np.random.default_rng(0).normal(0, 0.1, (5, 5)).astype(np.float32)
    decoded = OnnxRuntime().open(tmp_path).decode(z)
    expected = decoder.decoded(z).reshape(5, 3, 4, 6).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(decoded, expected, atol=1e-5)


@pytest.mark.parametrize(("spread", "power"), [("std", 2), ("variance", 1)])
def test_spread_other_than_log_var(make_linear, tmp_path, spread, power):
    linear = make_linear()
    linear.encoder(tmp_path / "encoder.onnx", log_var="sigma")
    spec = EncoderSpec(file="encoder.onnx", mu="mu", log_var="sigma", spread=spread)
    write_bundle(tmp_path, Bundle(encoder=spec))
    x = np.random.default_rng(1).random((5, 4, 6, 3), dtype=np.float32)
    expected = power * np.log(np.maximum(linear.log_var(x), np.finfo(np.float32).tiny))
    found = OnnxRuntime().open(tmp_path).encode(x).log_var
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
