"""How z-points go into a decoder and rows come out: scale, layout, color, and its other inputs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from adapter_testing import one_line
from signature_models import (
    BYTES,
    DIM,
    FLOAT,
    Net,
    World,
    found,
    known,
    opened,
    tensor_info,
    write_decoder,
    write_encoder,
    write_pair,
)

from latent_analyze import ModelError
from latent_analyze.plugin import DecoderSpec
from latent_analyze_adapters.models.graph import Graph, Tensor
from latent_analyze_adapters.models.signatures.decoders import latent_input, scales_for

GRAY = World()
SPATIAL = (4, 1, 1)


def spatial_pair(folder, factor=1.0, shift=0.0, config=None):
    """Write a model whose decoder takes (z + shift) * factor, with channels first."""

    def before(net, z):
        return net.op("Sub", net.op("Div", z, net.const(factor)), net.const(shift))

    def head(net, mu):
        return net.ints(mu, -1, *SPATIAL)

    write_encoder(folder / "encoder.onnx", GRAY, heads={"mu": head}, shapes={"mu": SPATIAL})
    write_decoder(folder / "decoder.onnx", GRAY, before=before, latent=SPATIAL)
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("factor", [2.5, 0.4, 0.18215])
def test_the_scale_of_a_config(tmp_path, factor):
    for direction, scale in (("forth", factor), ("back", 1 / factor)):
        folder = spatial_pair(tmp_path / direction, scale, config={"scaling_factor": factor})
        model = opened(folder, GRAY.sample())
        assert model.bundle.decoder.scale == pytest.approx(scale)
        assert known(model.signature)["decoder.scale"] == "trial"
        np.testing.assert_allclose(model.decode(GRAY.latents), GRAY.x, atol=1e-3)


def test_the_shift_of_a_config(tmp_path):
    """z-points less the shift, times the factor (Stable Diffusion 3)."""
    config = {"scaling_factor": 1.5, "shift_factor": 0.6}
    model = opened(spatial_pair(tmp_path, 1.5, -0.6, config), GRAY.sample())
    assert (model.bundle.decoder.scale, model.bundle.decoder.shift) == (1.5, -0.6)
    np.testing.assert_allclose(model.decode(GRAY.latents), GRAY.x, atol=1e-3)


def test_the_shift_of_a_config_backwards(tmp_path):
    """Decoders that undo it themselves: z over the factor, plus the shift."""
    config = {"scaling_factor": 1.5, "shift_factor": 0.6}
    model = opened(spatial_pair(tmp_path, 1 / 1.5, 0.6 * 1.5, config), GRAY.sample())
    assert model.bundle.decoder.scale == pytest.approx(1 / 1.5)
    np.testing.assert_allclose(model.decode(GRAY.latents), GRAY.x, atol=1e-3)


def test_a_config_that_the_trial_contradicts(tmp_path):
    signature = found(spatial_pair(tmp_path, config={"scaling_factor": 3.0}), GRAY.sample())
    assert signature.bundle.decoder.scale == 1.0
    assert "decoder.scale" not in known(signature)


@pytest.mark.parametrize("factor", [0.18215, 1 / 0.18215, 0.13025])
def test_published_scales(tmp_path, factor):
    signature = found(spatial_pair(tmp_path, factor), GRAY.sample())
    assert signature.bundle.decoder.scale == pytest.approx(factor)


def test_no_scale_for_flat_latents():
    assert len(scales_for(DecoderSpec(file="d.onnx"), {}, (4,))) == 1
    assert len(scales_for(DecoderSpec(file="d.onnx"), {}, SPATIAL)) == 5
    (stated,) = scales_for(DecoderSpec(file="d.onnx", scale=2.0), {"scaling_factor": 3.0}, SPATIAL)
    assert (stated.scale, stated.shift) == (2.0, 0.0)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("batched", [True, False])
def test_gray_data_and_a_decoder_of_color_bytes(tmp_path, channels, batched):
    net = Net()
    y = net.linear("z", GRAY.basis * GRAY.spread * 255, GRAY.center * 255)
    shape = (8, 6)
    one = net.ints(y, -1, *shape, 1) if batched else net.ints(y, *shape, 1)
    alpha = net.op("Add", net.op("Mul", one, net.const(0.0)), net.const(255.0))
    parts = [one, one, one, alpha][:channels]
    image = net.op("Cast", net.op("Concat", *parts, axis=3 if batched else 2), to=BYTES)
    path = tmp_path / "decoder.onnx"
    net.save(path, [tensor_info("z", (DIM,))], {"image": (image, BYTES, (*shape, channels))})
    if not batched:
        drop_batch(path)
    write_encoder(tmp_path / "encoder.onnx", GRAY)
    model = opened(tmp_path, GRAY.sample())
    assert (model.bundle.decoder.color, model.bundle.decoder.range) == ("gray", (0.0, 255.0))
    assert known(model.signature)["decoder.color"] == "data"
    assert model.signature.explained > 0.99
    np.testing.assert_allclose(model.decode(GRAY.latents), GRAY.x, atol=0.01)


def several_outputs(folder, names):
    """Write a decoder of an image, of its log variance, and of something else, in this order."""
    net = Net()
    y = net.linear("z", GRAY.basis * GRAY.spread, GRAY.center)
    image = net.ints(y, -1, *GRAY.shape)
    made = {
        "image": (image, FLOAT, GRAY.shape),
        "log_var": (net.op("Sub", image, net.const(4.0)), FLOAT, GRAY.shape),
        "features": (net.op("Mul", "z", net.const(2.0)), FLOAT, (DIM,)),
    }
    outputs = {name: made[name] for name in names}
    net.save(folder / "decoder.onnx", [tensor_info("z", (DIM,))], outputs)
    write_encoder(folder / "encoder.onnx", GRAY)
    return folder


@pytest.mark.parametrize(
    "names",
    [
        ("image", "log_var", "features"),
        ("features", "image"),
        ("log_var", "image"),
    ],
)
def test_several_outputs(tmp_path, names):
    folder = several_outputs(tmp_path, names)
    assert found(folder, GRAY.sample(), decoder__output="image").explained > 0.99
    signature = found(folder, GRAY.sample())
    assert signature.bundle.decoder.output == "image"
    assert signature.explained > 0.99


def drop_batch(path):
    """Declare the output without a batch axis."""
    import onnx

    proto = onnx.load(path)
    del proto.graph.output[0].type.tensor_type.shape.dim[0]
    onnx.save(proto, path)


@pytest.mark.parametrize("latent", [(4,), (4, 1, 1), (1, 4), (2, 2, 1)])
def test_latents_of_any_shape(tmp_path, latent):
    """The encoder gives them flat; the decoder takes them in a shape of its own."""
    write_encoder(tmp_path / "encoder.onnx", GRAY)
    write_decoder(tmp_path / "decoder.onnx", GRAY, latent=latent)
    model = opened(tmp_path, GRAY.sample())
    assert model.signature.explained > 0.99
    np.testing.assert_allclose(model.decode(GRAY.latents), GRAY.x, atol=1e-3)


def test_a_decoder_of_another_size(tmp_path):
    write_encoder(tmp_path / "encoder.onnx", GRAY)
    other = World(shape=(5, 5, 1))
    write_decoder(tmp_path / "decoder.onnx", other)
    with pytest.raises(ModelError) as error:
        found(tmp_path, GRAY.sample())
    one_line(error)


def test_stated_fields_of_the_decoder(tmp_path):
    folder = write_pair(tmp_path, GRAY)
    signature = found(folder, GRAY.sample(), decoder__range="[0,1]", decoder__layout="HWC")
    assert "decoder.range" not in known(signature)
    assert all("values as stated out" in c.text for c in signature.candidates)
    signature = found(folder, GRAY.sample(), decoder__scale="1")
    assert signature.bundle.decoder.scale == 1.0


def inputs(*tensors):
    return Graph("d.onnx", tuple(tensors), (Tensor("y", "float32", (None, 8, 6, 1)),))


def tensor(name, dtype="float32"):
    return Tensor(name, dtype, (None, 4))


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (inputs(tensor("label"), tensor("z")), "z"),
        (inputs(tensor("ids", "int64"), tensor("z")), "z"),
        (inputs(tensor("timestep"), tensor("z"), tensor("noise")), "z"),
        (inputs(tensor("weights"), tensor("z")), "z"),
        (inputs(tensor("label")), "label"),
    ],
)
def test_the_input_of_z_points(graph, expected):
    sample = GRAY.sample(inputs={"weights": GRAY.x})
    assert latent_input(graph, DecoderSpec(file="d.onnx"), sample).name == expected


def test_the_stated_input_of_z_points():
    graph = inputs(tensor("a"), tensor("b"))
    spec = DecoderSpec(file="d.onnx", input="b")
    assert latent_input(graph, spec, GRAY.sample()).name == "b"
