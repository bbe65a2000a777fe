"""How rows go into an encoder: layout and range, what of it is random, what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from adapter_testing import one_line
from signature_models import (
    BYTES,
    DIM,
    FLOAT,
    RAW,
    SIGNED,
    UNIT,
    Format,
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

GRAY, COLOR = World(), World(shape=(8, 6, 3), middle=(0.25, 0.4, 0.55))


@pytest.mark.parametrize("layout", ["HWC", "CHW", "HW", "flat"])
@pytest.mark.parametrize("out", ["HWC", "CHW", "HW", "flat"])
def test_layouts_of_gray_images(tmp_path, layout, out):
    folder = write_pair(tmp_path, GRAY, Format(layout=layout), Format(layout=out))
    model = opened(folder, GRAY.sample())
    assert model.signature.explained > 0.99
    np.testing.assert_allclose(model.encode(GRAY.x).mu, GRAY.latents, atol=1e-3)
    np.testing.assert_allclose(model.decode(GRAY.latents), GRAY.x, atol=1e-3)
    assert model.bundle.encoder.batch is None


@pytest.mark.parametrize("layout", ["HWC", "CHW", "flat", "flat-CHW"])
@pytest.mark.parametrize("out", ["HWC", "CHW", "flat", "flat-CHW"])
def test_layouts_of_color_images(tmp_path, layout, out):
    folder = write_pair(tmp_path, COLOR, Format(layout=layout), Format(layout=out))
    model = opened(folder, COLOR.sample())
    assert (model.bundle.encoder.layout, model.bundle.decoder.layout) == (layout, out)
    np.testing.assert_allclose(model.encode(COLOR.x).mu, COLOR.latents, atol=1e-3)
    np.testing.assert_allclose(model.decode(COLOR.latents), COLOR.x, atol=1e-3)


@pytest.mark.parametrize("shape", [(3, 4, 3), (4, 4, 4)])
def test_layouts_that_both_fit(tmp_path, shape):
    """Channels first or last cannot be told by the axes, but by trial."""
    world = World(shape=shape, middle=tuple(np.linspace(0.2, 0.6, shape[-1])))
    for layout in ("HWC", "CHW"):
        folder = write_pair(tmp_path / layout, world, Format(layout=layout))
        assert found(folder, world.sample()).bundle.encoder.layout == layout


class TestAlone:
    """Without a decoder nothing can be tried."""

    def test_floats_go_in_as_they_are(self, tmp_path):
        path = write_encoder(tmp_path / "e.onnx", GRAY)
        for stored in ((0.0, 1.0), (-1.0, 1.0)):
            signature = found(path, GRAY.sample(stored_range=stored))
            assert signature.bundle.encoder.range == stored
            assert known(signature)["encoder.range"] == "data"

    def test_bytes_are_assumed_to_go_in_as_0_to_1(self, tmp_path):
        path = write_encoder(tmp_path / "e.onnx", GRAY)
        signature = found(path, GRAY.sample(stored_range=(0.0, 255.0)))
        assert signature.bundle.encoder.range == (0.0, 1.0)
        assert known(signature)["encoder.range"] == "assumed"
        (choice,) = (c for c in signature.assumed if c.key == "encoder.range")
        assert "--signature 'encoder.range=[0,255]'" in choice.why
        stated = found(path, GRAY.sample(stored_range=(0.0, 255.0)), encoder__range="[0,255]")
        assert stated.bundle.encoder.range == (0.0, 255.0)
        assert "encoder.range" not in known(stated)

    def test_an_integer_input(self, tmp_path):
        path = write_encoder(tmp_path / "e.onnx", GRAY, Format(255.0, kind=BYTES))
        model = opened(path, GRAY.sample(stored_range=(0.0, 255.0)))
        assert known(model.signature)["encoder.range"] == "graph"
        np.testing.assert_allclose(model.encode(GRAY.x).mu, GRAY.latents, atol=0.05)

    @pytest.mark.parametrize("stored", [(0.0, 1.0), (0.0, 255.0)])
    def test_the_graph_shows_the_range(self, tmp_path, stored):
        path = scaled_inside(tmp_path / "e.onnx")
        signature = found(path, GRAY.sample(stored_range=stored))
        assert signature.bundle.encoder.range == (0.0, 255.0)
        assert known(signature)["encoder.range"] == "graph"

    def test_vectors_go_in_as_they_are(self, tmp_path):
        world = World(shape=(12,), spread=3.0)
        path = write_encoder(tmp_path / "e.onnx", world, Format(layout="array"))
        model = opened(path, world.sample(kind="vectors"))
        assert known(model.signature)["encoder.range"] == "data"
        np.testing.assert_allclose(model.encode(world.x).mu, world.latents, atol=1e-3)

    def test_gray_images_without_an_axis_of_channels(self, tmp_path):
        path = write_encoder(tmp_path / "e.onnx", GRAY, Format(layout="HW"))
        model = opened(path, GRAY.sample())
        np.testing.assert_allclose(model.encode(GRAY.x).mu, GRAY.latents, atol=1e-3)
        assert model.bundle.encoder.layout == "HW"


def scaled_inside(path):
    """Write an encoder that divides by 255 first, as in Keras."""
    net = Net()
    flat = net.ints(net.op("Div", "x", net.const(255.0)), -1, GRAY.size)
    weights = GRAY.basis.T / GRAY.spread
    mu = net.linear(flat, weights, -GRAY.center @ weights)
    return net.save(path, [tensor_info("x", GRAY.shape)], {"mu": (mu, FLOAT, (DIM,))})


def test_the_graph_beats_the_trial(tmp_path):
    """The encoder divides by 255, the decoder ends in a sigmoid, as in many models of Keras."""
    scaled_inside(tmp_path / "encoder.onnx")
    write_decoder(tmp_path / "decoder.onnx", GRAY)
    signature = found(tmp_path, GRAY.sample())
    assert signature.bundle.encoder.range == (0.0, 255.0)
    assert signature.bundle.decoder.range == (0.0, 1.0)
    assert signature.explained > 0.99
    assert all("[0, 255] in" in candidate.text for candidate in signature.candidates)


def test_the_graph_beats_the_trial_in_one_range(tmp_path):
    scaled_inside(tmp_path / "encoder.onnx")
    write_decoder(tmp_path / "decoder.onnx", GRAY, RAW)
    signature = found(tmp_path, GRAY.sample())
    assert signature.bundle.encoder.range == signature.bundle.decoder.range == (0.0, 255.0)
    assert signature.explained > 0.99
    assert all("[0, 255] in" in candidate.text for candidate in signature.candidates)


@pytest.mark.parametrize("out", [UNIT, SIGNED])
def test_an_integer_input_and_a_decoder_of_floats(tmp_path, out):
    write_encoder(tmp_path / "encoder.onnx", GRAY, Format(255.0, kind=BYTES))
    write_decoder(tmp_path / "decoder.onnx", GRAY, out)
    signature = found(tmp_path, GRAY.sample(stored_range=(0.0, 255.0)))
    assert signature.explained > 0.99
    assert signature.bundle.decoder.range == (out.offset, out.offset + out.factor)


def test_a_stated_range_is_not_that_of_the_decoder(tmp_path):
    folder = write_pair(tmp_path, GRAY, RAW, UNIT)
    signature = found(folder, GRAY.sample(), encoder__range="[0,255]")
    assert signature.explained > 0.99
    assert signature.bundle.decoder.range == (0.0, 1.0)


@pytest.mark.parametrize("form", [SIGNED, RAW])
def test_what_is_stated_beats_all(tmp_path, form):
    folder = write_pair(tmp_path, GRAY, form)
    values = [form.offset, form.offset + form.factor]
    signature = found(folder, GRAY.sample(), range=str(values))
    assert list(signature.bundle.encoder.range) == values
    assert signature.problem == ""
    assert not {"encoder.range", "decoder.range"} & known(signature).keys()


MISFITS = [(9, 6, 1), (8, 6, 3), (4, 4, 1)]


@pytest.mark.parametrize("shape", MISFITS)
@pytest.mark.parametrize("layout", ["HWC", "CHW", "flat"])
def test_images_that_do_not_fit(tmp_path, shape, layout):
    folder = write_pair(tmp_path, GRAY, Format(layout=layout))
    x = np.random.default_rng(0).random((20, *shape), dtype=np.float32)
    with pytest.raises(ModelError, match="rows that") as error:
        found(folder, GRAY.sample(x=x))
    text = one_line(error)
    assert " x ".join(map(str, shape)) in text
    assert "resize=" in text or "color=" in text


@pytest.mark.parametrize("name", ["encoder.onnx", ""])
def test_color_images_for_gray_ones_without_channels(tmp_path, name):
    folder = write_pair(tmp_path, GRAY, Format(layout="HW"))
    x = np.random.default_rng(0).random((20, 8, 6, 3), dtype=np.float32)
    with pytest.raises(ModelError) as error:
        found(folder / name, GRAY.sample(x=x))
    one_line(error)


def test_arrays_that_do_not_fit(tmp_path):
    world = World(shape=(5, 4))
    path = write_encoder(tmp_path / "e.onnx", world, Format(layout="array"))
    with pytest.raises(ModelError, match=r"numpy\.moveaxis") as error:
        found(path, world.sample(x=world.x.transpose(0, 2, 1), kind="arrays"))
    one_line(error)


@pytest.mark.parametrize("shape", [(5, 4), (3, 4, 2), (2, 2, 3, 2), (12,)])
def test_arrays_of_any_rank(tmp_path, shape):
    world = World(shape=shape, spread=2.0, middle=-1.0)
    folder = write_pair(tmp_path, world, Format(layout="array"))
    model = opened(folder, world.sample(kind="vectors" if len(shape) == 1 else "arrays"))
    assert model.signature.explained > 0.99
    np.testing.assert_allclose(model.encode(world.x).mu, world.latents, atol=1e-3)
    np.testing.assert_allclose(model.decode(world.latents), world.x, atol=1e-3)


def noisy(net, mu):
    return net.op("Add", mu, net.op("RandomNormalLike", mu))


def test_what_is_drawn_is_not_the_mean(tmp_path):
    def mean(net, mu):
        del net
        return mu

    write_encoder(tmp_path / "encoder.onnx", GRAY, heads={"a": noisy, "b": mean})
    write_decoder(tmp_path / "decoder.onnx", GRAY)
    signature = found(tmp_path, GRAY.sample())
    assert signature.bundle.encoder.mu == "b"
    assert found(tmp_path / "encoder.onnx", GRAY.sample()).bundle.encoder.mu == "b"


def test_a_stated_shape_without_three_axes(tmp_path):
    folder = write_pair(tmp_path, GRAY)
    with pytest.raises(ModelError, match=r"image_shape \[100\].*give rows of that shape") as error:
        opened(folder, GRAY.sample(), image_shape="[100]")
    one_line(error)
