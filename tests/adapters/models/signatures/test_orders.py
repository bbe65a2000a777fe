"""Orders of the axes of z-points: what fits, and transposed models that are read right."""

from __future__ import annotations

import math

import numpy as np
import pytest
from adapter_testing import one_line
from hypothesis import given
from hypothesis import strategies as st
from signature_models import World, found, known, opened, write_decoder, write_encoder

from latent_analyze import ModelError
from latent_analyze.plugin import EncoderSpec, Sample, write_bundle
from latent_analyze_adapters.models.signatures.orders import Order, orders
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

IMAGES = Sample(np.zeros((2, 8, 8, 1), np.float32))
WIDE = Sample(np.zeros((2, 8, 16, 3), np.float32))
ROWS = Sample(np.zeros((2, 30), np.float32), kind="vectors")
FIRST_LAST, LAST_FIRST = (1, 2, 0), (2, 0, 1)
FIRST, LAST, DIM = (3, 2, 4), (2, 4, 3), 24
WORLD = World(shape=(8, 16, 1), dim=DIM, spread=0.05)


@pytest.mark.parametrize(
    ("given", "taken", "expected"),
    [
        ((4, 2, 2), (2, 2, 4), [((4, 2, 2), FIRST_LAST), ((16,), ())]),
        ((2, 2, 4), (4, 2, 2), [((2, 2, 4), LAST_FIRST), ((16,), ())]),
        ((4, 2, 2), (4, 2, 2), [((4, 2, 2), ())]),
        ((4, 4, 4), (4, 4, 4), [((4, 4, 4), ()), ((4, 4, 4), FIRST_LAST), ((4, 4, 4), LAST_FIRST)]),
        ((4, 2, 2), (None, None, 4), [((4, 2, 2), FIRST_LAST), ((16,), ())]),
        ((16,), (2, 2, 4),
         [((16,), ()), ((4, 2, 2), FIRST_LAST), ((2, 4, 2), LAST_FIRST)]),
        ((4, 2, 2), (16,),
         [((4, 2, 2), ()), ((4, 2, 2), FIRST_LAST), ((4, 2, 2), LAST_FIRST)]),
        ((10, 3), (3, 10), [((10, 3), (1, 0)), ((30,), ())]),
        ((4, 1, 1), (4,), [((4, 1, 1), ())]),
        ((4, 1, 1), (1, 1, 4), [((4, 1, 1), ())]),
        ((4, 2, 2), (5,), []),
        ((3, 4, 5, 6), (4, 5, 6, 3), [((3, 4, 5, 6), (1, 2, 3, 0)), ((360,), ())]),
    ],
)  # fmt: skip
def test_what_fits(given, taken, expected):
    for sample in (IMAGES, ROWS):
        assert [(o.shape, o.axes) for o in orders(given, taken, sample)] == expected


def test_flat_on_both_sides():
    """Only of images, and of the same proportions; the same order twice counts once."""
    assert [o.axes for o in orders((64,), (64,), ROWS)] == [()]
    found = orders((64,), (64,), IMAGES)
    assert [o.matrix for o in found] == [(1, 1), (16, 4), (4, 16)]
    assert {o.taken for o in orders((24,), (24,), WIDE)} == {(24,), (1, 2, 12), (2, 4, 3),
                                                             (12, 1, 2), (3, 2, 4)}  # fmt: skip
    assert [o.axes for o in orders((5,), (5,), IMAGES)] == [()]


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@given(shapes, st.booleans(), st.sampled_from([IMAGES, ROWS, WIDE]))
def test_each_order_is_another_one_of_the_same_values(shape, flat, sample):
    total = math.prod(shape)
    taken = (total,) if flat else shape
    seen = []
    for order in orders(shape, taken, sample):
        assert math.prod(order.shape) == total
        values = np.arange(total).reshape(order.shape)
        seen.append(tuple(values.transpose(order.axes or None).ravel()) if order.axes
                    else tuple(values.ravel()))  # fmt: skip
    assert seen[0] == tuple(range(total))
    assert len(set(seen)) == len(seen)


def test_in_words():
    assert Order((4, 2, 2)).text == ""
    assert Order((4, 2, 2), FIRST_LAST).text == "z-points of 4 x 2 x 2 taken as 2 x 2 x 4"


def write_transposed(folder, given, taken, factor=1.0):
    """Write an encoder that gives channels first, and a decoder that takes them last."""

    def head(net, mu):
        return net.ints(mu, -1, *given)

    def before(net, z):
        whole = net.op("Div", net.ints(z, -1, *LAST), net.const(factor))
        return net.ints(net.op("Transpose", whole, perm=[0, 3, 1, 2]), -1, DIM)

    write_encoder(folder / "encoder.onnx", WORLD, heads={"mu": head}, shapes={"mu": given})
    write_decoder(folder / "decoder.onnx", WORLD, before=before, latent=taken)
    return folder


FORMS = [(FIRST, LAST), ((DIM,), LAST), (FIRST, (DIM,)), ((DIM,), (DIM,))]


@pytest.mark.parametrize(("given", "taken"), FORMS)
def test_a_transposed_pair(tmp_path, given, taken):
    model = opened(write_transposed(tmp_path, given, taken), WORLD.sample())
    signature = model.signature
    assert signature.problem == ""
    assert signature.explained > 0.99
    assert (model.bundle.decoder.latent_axes, model.bundle.decoder.scale) == (FIRST_LAST, 1.0)
    assert model.bundle.latent_shape == FIRST
    assert known(signature)["decoder.latent_axes"] == "trial"
    assert any("z-points of 3 x 2 x 4 taken as 2 x 4 x 3" in line for line in signature.lines)
    np.testing.assert_allclose(model.encode(WORLD.x).mu, WORLD.latents, atol=1e-3)
    np.testing.assert_allclose(model.decode(WORLD.latents.astype(np.float32)), WORLD.x, atol=1e-3)


@pytest.mark.parametrize(("given", "taken"), FORMS)
def test_what_was_found_may_be_stated(tmp_path, given, taken):
    """In model.toml, without data, and on the command line."""
    first = opened(write_transposed(tmp_path, given, taken), WORLD.sample())
    again = opened(tmp_path, WORLD.sample(), latent_shape=str(list(FIRST)), latent_axes="[1,2,0]")
    assert again.signature.bundle == first.signature.bundle
    assert "decoder.latent_axes" not in known(again.signature)
    write_bundle(tmp_path, first.signature.bundle)
    second = OnnxRuntime().open(tmp_path, trust=True)
    z = first.encode(WORLD.x).mu
    np.testing.assert_array_equal(first.decode(z), second.decode(z))
    assert second.settings_fingerprint == first.settings_fingerprint


def test_another_shape_of_the_same_order(tmp_path):
    """A decoder that takes the values in the order in which they are given, in another shape."""

    def before(net, z):
        return net.ints(z, -1, DIM)

    write_encoder(
        tmp_path / "encoder.onnx", WORLD, shapes={"mu": FIRST},
        heads={"mu": lambda net, mu: net.ints(mu, -1, *FIRST)},
    )  # fmt: skip
    write_decoder(tmp_path / "decoder.onnx", WORLD, before=before, latent=LAST)
    model = opened(tmp_path, WORLD.sample())
    assert (model.bundle.decoder.latent_axes, model.bundle.latent_shape) == (None, (DIM,))
    (choice,) = (c for c in model.signature.choices if c.key == "decoder.latent_axes")
    assert (choice.value, choice.known) == ("the values of z-points in the same order", "trial")
    np.testing.assert_allclose(model.decode(WORLD.latents.astype(np.float32)), WORLD.x, atol=1e-3)


def test_a_scale_between_them_as_well(tmp_path):
    model = opened(write_transposed(tmp_path, FIRST, LAST, 0.18215), WORLD.sample())
    assert model.bundle.decoder.latent_axes == FIRST_LAST
    assert model.bundle.decoder.scale == pytest.approx(0.18215)
    assert model.signature.explained > 0.99


@pytest.mark.parametrize(("given", "taken"), [((3, 3, 3), (3, 3, 3)), ((27,), (27,))])
def test_a_published_scale_does_not_hide_an_order(tmp_path, given, taken):
    """With z-points that are nearly 0 any decoder explains a little."""
    world = World(shape=(8, 8, 1), dim=27, spread=0.05)

    def head(net, mu):
        return net.ints(mu, -1, *given)

    def before(net, z):
        whole = net.ints(z, -1, 3, 3, 3)
        return net.ints(net.op("Transpose", whole, perm=[0, 3, 1, 2]), -1, 27)

    write_encoder(tmp_path / "encoder.onnx", world, heads={"mu": head}, shapes={"mu": given})
    write_decoder(tmp_path / "decoder.onnx", world, before=before, latent=taken)
    bundle = found(tmp_path, world.sample()).bundle
    assert (bundle.decoder.latent_axes, bundle.decoder.scale) == (FIRST_LAST, 1.0)


@pytest.mark.parametrize(
    "stated",
    [
        {"latent_axes": "[1,0]"},
        {"latent_axes": "[0,0,1]"},
        {"latent_axes": "[1,2,3]"},
        {"latent_axes": "[-1,0,1]"},
        {"latent_axes": "[1,2,0]", "latent_shape": "[24]"},
    ],
    ids=str,
)
def test_an_order_that_is_none(tmp_path, stated):
    with pytest.raises(ModelError) as error:
        found(write_transposed(tmp_path, FIRST, LAST), WORLD.sample(), **stated)
    one_line(error)


def test_a_decoder_alone(tmp_path):
    """It needs the shape, which only its encoder would show."""
    write_transposed(tmp_path, FIRST, LAST)
    bundle = opened(tmp_path, WORLD.sample()).bundle.model_copy(update={"encoder": None})
    (tmp_path / "encoder.onnx").unlink()
    write_bundle(tmp_path, bundle)
    model = OnnxRuntime().open(tmp_path, trust=True)
    assert model.spec.latent.shape == FIRST
    np.testing.assert_allclose(model.decode(WORLD.latents.astype(np.float32)), WORLD.x, atol=1e-3)
    write_bundle(tmp_path, bundle.model_copy(update={"latent_shape": None}))
    with pytest.raises(ModelError, match="latent_axes") as error:
        OnnxRuntime().open(tmp_path, trust=True)
    one_line(error)


def test_halves_of_a_transposed_model(tmp_path):
    """One output of mean and log variance, channels first, and a decoder of channels last."""

    def head(net, mu):
        spread = net.op("Sub", net.op("Mul", mu, net.const(0.05)), net.const(4.0))
        return net.ints(net.op("Concat", mu, spread, axis=1), -1, 6, 2, 4)

    def before(net, z):
        return net.ints(net.op("Transpose", net.ints(z, -1, *LAST), perm=[0, 3, 1, 2]), -1, DIM)

    write_encoder(
        tmp_path / "encoder.onnx", WORLD, heads={"moments": head}, shapes={"moments": (6, 2, 4)}
    )
    write_decoder(tmp_path / "decoder.onnx", WORLD, before=before, latent=LAST)
    model = opened(tmp_path, WORLD.sample())
    assert isinstance(model.bundle.encoder, EncoderSpec)
    assert (model.bundle.encoder.halves_axis, model.bundle.encoder.mean_half) == (0, 0)
    assert model.bundle.decoder.latent_axes == FIRST_LAST
    np.testing.assert_allclose(model.encode(WORLD.x).mu, WORLD.latents, atol=1e-3)
