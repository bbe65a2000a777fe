"""Finding and opening the files of a model, and refusing what is none."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from adapter_testing import images, one_line
from onnx import TensorProto, helper

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, Model, write_bundle
from latent_analyze.testing import check_adapter
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime, register_adapters

open_model = OnnxRuntime().open


def test_registered():
    assert register_adapters() == [OnnxRuntime]


def test_bare_encoder(make_linear, tmp_path):
    linear = make_linear()
    model = check_adapter(OnnxRuntime(), linear.encoder(tmp_path / "some.onnx"))
    x = images()
    latents = model.encode(x)
    assert isinstance(model, Model)
    assert latents.log_var is None
    np.testing.assert_allclose(latents.mu, linear.mu(x), rtol=1e-5, atol=1e-5)
    assert latents.mu.dtype == np.float32
    assert (model.spec.can_encode, model.spec.can_decode, model.spec.variational) == (1, 0, 0)
    assert model.spec.input.shape == (4, 6, 3)
    assert model.spec.dim == 5
    assert model.spec.producer == "tests"
    with pytest.raises(ModelError, match="a model with a decoder"):
        model.decode(latents.mu)


def test_bare_decoder(make_linear, tmp_path):
    linear = make_linear()
    model = check_adapter(OnnxRuntime(), linear.decoder(tmp_path / "some.onnx"))
    z = np.random.default_rng(0).normal(size=(9, 5)).astype(np.float32)
    np.testing.assert_allclose(model.decode(z), linear.decoded(z), atol=1e-5)
    with pytest.raises(ModelError, match="a model with an encoder"):
        model.encode(images())


def test_bundle_states_everything(make_linear, tmp_path):
    linear = make_linear(axes=(3, 4, 6))
    linear.encoder(tmp_path / "one.onnx", mu="m", log_var="v")
    linear.decoder(tmp_path / "two.onnx", output="third")
    bundle = Bundle(
        name="mine", image_shape=(4, 6, 3), latent_shape=(5,),
        encoder=EncoderSpec(
            file="one.onnx", input="x", layout="CHW", range=(-1.0, 1.0), mu="m", log_var="v"
        ),
        decoder=DecoderSpec(file="two.onnx", layout="CHW", range=(0.0, 2.0), output="third"),
    )  # fmt: skip
    write_bundle(tmp_path, bundle)
    model = check_adapter(OnnxRuntime(), tmp_path)
    x = images()
    inside = x.transpose(0, 3, 1, 2) * 2 - 1
    latents = model.encode(x)
    np.testing.assert_allclose(latents.mu, linear.mu(inside), atol=1e-5)
    np.testing.assert_allclose(latents.log_var, linear.log_var(inside), atol=1e-5)
    expected = (linear.decoded(latents.mu) / 2).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(model.decode(latents.mu), expected, atol=1e-5)
    assert model.spec.name == "mine"
    assert model.spec.notes == ("runs on CPUExecutionProvider",)


def test_free_height_and_width_need_the_sidecar(tmp_path, save_onnx):
    def info(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0, axes=[1, 2])],
        "g", [info("x", ["N", "H", "W", 3])], [info("m", ["N", 3])],
    )  # fmt: skip
    path = tmp_path / "encoder.onnx"
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="fixed height, width and channels") as error:
        open_model(path)
    assert "model.toml" in one_line(error)
    write_bundle(tmp_path, Bundle(image_shape=(8, 9, 3), encoder=EncoderSpec(file=path.name)))
    x = images(shape=(8, 9, 3))
    np.testing.assert_allclose(open_model(tmp_path).encode(x).mu, x.mean((1, 2)), atol=1e-6)


def test_writing_the_inferred_sidecar_changes_nothing(make_linear, tmp_path):
    linear = make_linear(axes=(3, 8, 6), batch=1)
    linear.encoder(tmp_path / "encoder.onnx", log_var="log_var")
    linear.decoder(tmp_path / "decoder.onnx")
    inferred = open_model(tmp_path)
    write_bundle(tmp_path, inferred.bundle)
    stated = open_model(tmp_path)
    assert stated.fingerprint == inferred.fingerprint
    assert stated.bundle == inferred.bundle
    x = images(shape=(8, 6, 3))
    np.testing.assert_array_equal(stated.encode(x).mu, inferred.encode(x).mu)
    assert len(stated.spec.notes) == 1


def test_bare_file_is_that_file_only(make_linear, tmp_path):
    linear = make_linear()
    path = linear.encoder(tmp_path / "encoder.onnx")
    linear.decoder(tmp_path / "decoder.onnx")
    assert not open_model(path).spec.can_decode
    write_bundle(tmp_path, open_model(tmp_path).bundle)
    notes = open_model(path).spec.notes
    assert any("the model.toml next to the file is not used" in note for note in notes)


def test_recognizes(make_linear, tmp_path):
    path = make_linear().encoder(tmp_path / "encoder.onnx")
    assert OnnxRuntime.recognizes(path)
    assert OnnxRuntime.recognizes(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    assert not OnnxRuntime.recognizes(other)
    assert not OnnxRuntime.recognizes(tmp_path / "missing.onnx")
    assert not OnnxRuntime.recognizes(Path("x" * 5000))
    write_bundle(other, Bundle(runtime="other"))
    assert not OnnxRuntime.recognizes(other)
    (other / "model.toml").write_text("= damaged")
    assert OnnxRuntime.recognizes(other)
    with pytest.raises(ModelError, match="valid TOML"):
        open_model(other)


class TestBadFiles:
    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (b"", "an empty file"),
            (b"hello, this is no model", "something else"),
            (bytes(range(256)), "something else"),
            (b"\x08\x07", "no graph with outputs"),
            (None, "no such file"),
        ],
    )
    def test_not_onnx(self, tmp_path, content, found):
        path = tmp_path / "encoder.onnx"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ModelError, match="an ONNX model in") as error:
            open_model(path)
        assert found in one_line(error)

    def test_folder_without_a_model(self, tmp_path):
        with pytest.raises(ModelError, match=r"without any of them") as error:
            open_model(tmp_path)
        one_line(error)

    def test_truncated_model(self, make_linear, tmp_path):
        path = make_linear().encoder(tmp_path / "encoder.onnx")
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(ModelError) as error:
            open_model(path)
        one_line(error)

    @pytest.mark.parametrize("seed", range(8))
    def test_damaged_model(self, make_linear, tmp_path, seed):
        path = make_linear().encoder(tmp_path / "encoder.onnx", log_var="log_var")
        rng = np.random.default_rng(seed)
        good = path.read_bytes()
        for _ in range(15):
            content = bytearray(good)
            for place in rng.integers(0, len(content), 6):
                content[place] = rng.integers(0, 256)
            path.write_bytes(content)
            with suppress(ModelError):
                open_model(path).encode(images())

    def test_unknown_operator(self, tmp_path, save_onnx):
        info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])
        graph = helper.make_graph([helper.make_node("NoSuchOp", ["x"], ["y"])], "g", [info], [out])
        path = save_onnx(tmp_path / "encoder.onnx", graph)
        with pytest.raises(ModelError, match="standard ONNX operators") as error:
            open_model(path)
        assert "'NoSuchOp'" in one_line(error)
        with pytest.raises(ModelError, match="ONNX Runtime rejects") as error:
            open_model(path, trust=True)
        one_line(error)

    def test_second_input(self, tmp_path, save_onnx):
        inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in "xc"]
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])
        graph = helper.make_graph([helper.make_node("Add", ["x", "c"], ["y"])], "g", inputs, [out])
        with pytest.raises(ModelError, match="another input, c float32") as error:
            open_model(save_onnx(tmp_path / "encoder.onnx", graph))
        one_line(error)

    def test_text_input(self, tmp_path, save_onnx):
        info = helper.make_tensor_value_info("x", TensorProto.STRING, ["N", 4])
        out = helper.make_tensor_value_info("y", TensorProto.STRING, ["N", 4])
        graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [info], [out])
        with pytest.raises(ModelError, match="tensors of real numbers") as error:
            open_model(save_onnx(tmp_path / "encoder.onnx", graph))
        one_line(error)

    def test_neither_encoder_nor_decoder(self, make_linear, tmp_path):
        path = make_linear(axes=(9,)).encoder(tmp_path / "net.onnx")
        with pytest.raises(ModelError, match=r"an encoder .* or a decoder") as error:
            open_model(path)
        one_line(error)
        assert open_model(path.rename(tmp_path / "my_Encoder.onnx")).spec.can_encode


class TestBadBundles:
    @pytest.fixture
    def folder(self, make_linear, tmp_path):
        linear = make_linear()
        linear.encoder(tmp_path / "encoder.onnx")
        linear.decoder(tmp_path / "decoder.onnx")
        return tmp_path

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"file": "none.onnx"}, "no such file"),
            ({"file": "../encoder.onnx"}, "files inside"),
            ({"input": "z"}, "an input 'z'"),
            ({"mu": "z"}, "an output 'z'"),
            ({"log_var": "z"}, "an output 'z'"),
            ({"layout": "CHW"}, "image_shape and layout"),
            ({"layout": "flat"}, "1 axes of layout flat"),
            ({"range": (1.0, 0.0)}, r"a range \[low, high\]"),
        ],
    )
    def test_encoder_that_does_not_fit(self, folder, changes, expected):
        spec = EncoderSpec(**{"file": "encoder.onnx", **changes})
        write_bundle(folder, Bundle(image_shape=(4, 6, 3), encoder=spec))
        with pytest.raises(ModelError, match=expected) as error:
            open_model(folder)
        one_line(error)

    @pytest.mark.parametrize(
        ("shapes", "expected"),
        [
            ({"image_shape": (4, 7, 3)}, "image_shape"),
            ({"image_shape": (4, 6)}, "image_shape"),
            ({"latent_shape": (6,)}, "latent_shape"),
        ],
    )
    def test_shapes_that_do_not_fit(self, folder, shapes, expected):
        write_bundle(folder, Bundle(encoder=EncoderSpec(file="encoder.onnx"), **shapes))
        with pytest.raises(ModelError, match=expected) as error:
            open_model(folder)
        one_line(error)

    def test_an_encoder_and_a_decoder_that_do_not_fit(self, make_linear, folder):
        make_linear(dim=6).decoder(folder / "decoder.onnx")
        with pytest.raises(ModelError, match="z-points of latent_shape") as error:
            open_model(folder)
        one_line(error)

    def test_neither_encoder_nor_decoder(self, folder):
        write_bundle(folder, Bundle())
        with pytest.raises(ModelError, match="an encoder or a decoder") as error:
            open_model(folder)
        one_line(error)

    def test_rows_of_another_shape(self, folder):
        model = open_model(folder)
        with pytest.raises(ModelError, match=r"rows of shape \(4, 6, 3\)") as error:
            model.encode(images(shape=(8, 8, 1)))
        one_line(error)
        with pytest.raises(ModelError, match=r"rows of shape \(5,\)"):
            model.decode(np.zeros((2, 3), np.float32))

    def test_no_rows(self, folder):
        model = open_model(folder)
        assert model.encode(images(0)).mu.shape == (0, 5)
        assert model.decode(np.zeros((0, 5), np.float32)).shape == (0, 4, 6, 3)
