"""Models on real sessions, against numpy."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
from adapter_testing import images, one_line
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec, write_bundle
from latent_analyze.testing import check_adapter
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

open_model = OnnxRuntime().open


def test_channels_first(make_linear, tmp_path):
    linear = make_linear(axes=(3, 8, 6))
    linear.encoder(tmp_path / "encoder.onnx")
    linear.decoder(tmp_path / "decoder.onnx")
    model = check_adapter(OnnxRuntime(), tmp_path)
    x = images(shape=(8, 6, 3))
    latents = model.encode(x)
    np.testing.assert_allclose(latents.mu, linear.mu(x.transpose(0, 3, 1, 2)), atol=1e-5)
    expected = linear.decoded(latents.mu).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(model.decode(latents.mu), expected, atol=1e-5)
    assert any("CHW inferred" in note for note in model.spec.notes)


@pytest.mark.parametrize(
    ("axes", "shape"), [((6, 7), (6, 7, 1)), ((11,), (11,)), ((1, 5, 6), (5, 6, 1))]
)
def test_other_ranks(make_linear, tmp_path, axes, shape):
    linear = make_linear(axes=axes)
    linear.encoder(tmp_path / "encoder.onnx")
    linear.decoder(tmp_path / "decoder.onnx")
    model = open_model(tmp_path)
    x = images(shape=shape)
    assert model.spec.input.shape == model.spec.output.shape == shape
    np.testing.assert_allclose(model.encode(x).mu, linear.mu(x), atol=1e-5)


def test_vectors_are_not_clipped(make_linear, tmp_path):
    linear = make_linear(axes=(11,))
    model = open_model(linear.decoder(tmp_path / "decoder.onnx"))
    z = np.full((2, 5), 50, np.float32)
    np.testing.assert_allclose(model.decode(z), linear.decoded(z), rtol=1e-4)
    assert model.spec.output.range is None


@pytest.mark.parametrize("batch", [1, 4])
def test_fixed_batch(make_linear, tmp_path, batch):
    linear = make_linear(batch=batch)
    linear.encoder(tmp_path / "encoder.onnx", log_var="log_var")
    linear.decoder(tmp_path / "decoder.onnx")
    model = check_adapter(OnnxRuntime(), tmp_path)
    assert model.spec.batch == 256
    x = images(n=9)
    latents = model.encode(x)
    np.testing.assert_allclose(latents.mu, linear.mu(x), atol=1e-5)
    np.testing.assert_allclose(latents.log_var, linear.log_var(x), atol=1e-5)
    np.testing.assert_allclose(model.decode(latents.mu), linear.decoded(latents.mu), atol=1e-5)


@pytest.mark.parametrize(
    "names", [("mu", "log_var"), ("encoder/z_mean:0", "encoder/z_log_var:0"), ("mean", "LogVar")]
)
def test_variational_by_name(make_linear, tmp_path, names):
    linear = make_linear()
    path = linear.encoder(tmp_path / "e.onnx", mu=names[0], log_var=names[1])
    model = open_model(path)
    x = images()
    assert model.spec.variational
    np.testing.assert_allclose(model.encode(x).log_var, linear.log_var(x), atol=1e-5)


def test_unnamed_outputs(make_linear, tmp_path):
    linear = make_linear()
    path = linear.encoder(tmp_path / "e.onnx", mu="17", log_var="23")
    model = open_model(path)
    assert model.encode(images()).log_var is None
    note = "is assumed to be mu, but there are other outputs of the same shape, '23'"
    assert any(note in text for text in model.spec.notes)
    np.testing.assert_allclose(model.encode(images()).mu, linear.mu(images()), atol=1e-5)


def test_undeclared_output_shapes_are_probed(make_linear, tmp_path):
    linear = make_linear(dim=6, latent_axes=(1, 2, 3))
    path = linear.encoder(tmp_path / "encoder.onnx", declared=False)
    model = open_model(path)
    assert model.spec.latent.shape == (1, 2, 3)
    np.testing.assert_allclose(model.encode(images()).mu, linear.mu(images()), atol=1e-5)


def test_spatial_latents_are_flattened(make_linear, tmp_path):
    linear = make_linear(dim=12, latent_axes=(2, 2, 3))
    linear.encoder(tmp_path / "encoder.onnx")
    linear.decoder(tmp_path / "decoder.onnx")
    model = check_adapter(OnnxRuntime(), tmp_path)
    assert model.spec.latent.shape == (2, 2, 3)
    mu = model.encode(images()).mu
    assert mu.shape == (7, 12)
    np.testing.assert_allclose(model.decode(mu), linear.decoded(mu), atol=1e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 5e-2), ("float64", 1e-5)])
def test_other_floats(make_linear, tmp_path, dtype, tolerance):
    linear = make_linear(dtype=dtype)
    linear.encoder(tmp_path / "encoder.onnx")
    linear.decoder(tmp_path / "decoder.onnx")
    model = open_model(tmp_path)
    latents = model.encode(images())
    decoded = model.decode(latents.mu)
    assert latents.mu.dtype == decoded.dtype == np.float32
    np.testing.assert_allclose(latents.mu, linear.mu(images()), atol=tolerance)
    np.testing.assert_allclose(decoded, linear.decoded(latents.mu), atol=tolerance)


def test_bytes_in(make_linear, tmp_path):
    linear = make_linear(dtype="uint8")
    model = open_model(linear.encoder(tmp_path / "encoder.onnx"))
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 3))
    mu = model.encode((pixels / 255).astype(np.float32)).mu
    np.testing.assert_allclose(mu, linear.mu(pixels), rtol=1e-4, atol=1e-2)


def test_no_batch_axis(tmp_path, save_onnx):
    def info(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    weights = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
    initial = [
        helper.make_tensor("W", TensorProto.FLOAT, weights.shape, weights.ravel()),
        helper.make_tensor("s", TensorProto.INT64, [1], [12]),
    ]
    nodes = [
        helper.make_node("Reshape", ["x", "s"], ["f"]),
        helper.make_node("MatMul", ["f", "W"], ["mu"]),
    ]
    graph = helper.make_graph(nodes, "g", [info("x", [2, 2, 3])], [info("mu", [2])], initial)
    model = check_adapter(OnnxRuntime(), save_onnx(tmp_path / "encoder.onnx", graph))
    x = images(shape=(2, 2, 3))
    np.testing.assert_allclose(model.encode(x).mu, x.reshape(7, 12) @ weights, atol=1e-5)


def test_flat_images(make_linear, tmp_path):
    linear = make_linear(axes=(72,))
    linear.encoder(tmp_path / "e.onnx")
    linear.decoder(tmp_path / "d.onnx")
    bundle = Bundle(
        image_shape=(4, 6, 3),
        encoder=EncoderSpec(file="e.onnx", layout="flat"),
        decoder=DecoderSpec(file="d.onnx", layout="flat"),
    )
    write_bundle(tmp_path, bundle)
    model = check_adapter(OnnxRuntime(), tmp_path)
    np.testing.assert_allclose(model.encode(images()).mu, linear.mu(images()), atol=1e-5)
    assert model.spec.output.shape == (4, 6, 3)


def test_fingerprint_follows_content_alone(make_linear, tmp_path):
    path = make_linear().encoder(tmp_path / "encoder.onnx")
    one = open_model(path)
    assert open_model(path.rename(tmp_path / "other-encoder.onnx")).fingerprint == one.fingerprint
    make_linear(seed=1).encoder(path)
    assert open_model(path).fingerprint != one.fingerprint
    make_linear().encoder(path)
    spec = EncoderSpec(file=path.name, range=(-1.0, 1.0))
    write_bundle(tmp_path, Bundle(encoder=spec))
    stated = open_model(tmp_path)
    assert stated.fingerprint == one.fingerprint
    assert stated.settings_fingerprint != one.settings_fingerprint


def test_settings_tell_mean_from_std(make_linear, tmp_path):
    path = make_linear().encoder(tmp_path / "encoder.onnx")
    specs = [
        EncoderSpec(file=path.name, mean=(0.1,), std=(0.2, 0.3, 0.4)),
        EncoderSpec(file=path.name, mean=(0.1, 0.2, 0.3), std=(0.4,)),
    ]
    models = [open_model(path).with_bundle(Bundle(encoder=spec)) for spec in specs]
    assert len({model.settings_fingerprint for model in models}) == 2


def test_external_weights(make_linear, tmp_path):
    import onnx

    linear = make_linear()
    path = linear.encoder(tmp_path / "encoder.onnx")
    proto = onnx.load(path)
    onnx.save(proto, path, save_as_external_data=True, location="weights.bin", size_threshold=200)
    model = open_model(path)
    assert model.describe()["encoder"]["external weights"] == ["weights.bin"]
    np.testing.assert_allclose(model.encode(images()).mu, linear.mu(images()), atol=1e-5)
    weights = tmp_path / "weights.bin"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert open_model(path).fingerprint != model.fingerprint
    weights.unlink()
    with pytest.raises(ModelError, match=r"weights weights\.bin") as error:
        open_model(path)
    assert "no such file" in one_line(error)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "a/../../b"])
def test_external_weights_outside_the_folder(make_linear, tmp_path, location):
    import onnx

    path = make_linear().encoder(tmp_path / "encoder.onnx")
    proto = onnx.load(path)
    onnx.external_data_helper.set_external_data(proto.graph.initializer[0], location)
    proto.graph.initializer[0].ClearField("raw_data")
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="next to it") as error:
        open_model(path)
    one_line(error)


def test_pickles_without_a_session(make_linear, tmp_path):
    linear = make_linear()
    path = linear.encoder(tmp_path / "encoder.onnx")
    model = open_model(path)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.spec == model.spec
    assert copy.fingerprint == model.fingerprint
    np.testing.assert_array_equal(copy.encode(images()).mu, model.encode(images()).mu)
    stale = pickle.loads(pickle.dumps(model))
    make_linear(seed=3).encoder(path)
    with pytest.raises(ModelError, match="as it was") as error:
        stale.encode(images())
    one_line(error)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 20), max_size=5), batch=st.sampled_from(["N", 1, 3, 8]))
def test_any_split_of_the_rows_equals_the_whole(make_linear, tmp_path_factory, cuts, batch):
    folder = tmp_path_factory.mktemp("split")
    linear = make_linear(batch=batch, axes=(3, 4, 5))
    linear.encoder(folder / "encoder.onnx")
    linear.decoder(folder / "decoder.onnx")
    model, x = open_model(folder), images(20, (4, 5, 3))
    edges = [0, *sorted(cuts), 20]
    parts = [model.encode(x[a:b]).mu for a, b in pairwise(edges)]
    np.testing.assert_allclose(np.concatenate(parts), model.encode(x).mu, atol=1e-5)
    z = model.encode(x).mu
    decoded = [model.decode(z[a:b]) for a, b in pairwise(edges)]
    np.testing.assert_allclose(np.concatenate(decoded), model.decode(z), atol=1e-5)


def test_describe(make_linear, tmp_path):
    path = make_linear(batch=2).encoder(tmp_path / "encoder.onnx")
    found = open_model(path).describe()
    spec = found["encoder"]
    assert spec["bytes"] == path.stat().st_size
    assert spec["opset"] == 18
    assert spec["inputs"] == ["x float32 (2, 4, 6, 3)"]
    assert spec["outputs"] == ["mu float32 (2, 5)"]
    assert spec["batch"] == 2
    assert found["runs on"] == "CPUExecutionProvider"
