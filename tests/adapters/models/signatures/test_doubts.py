"""What a model wants besides known conventions, and that a right signature raises no doubt."""

from __future__ import annotations

import numpy as np
import pytest
from signature_models import (
    DIM,
    FLOAT,
    INTS,
    SIGNED,
    UNIT,
    Format,
    Net,
    World,
    found,
    tensor_info,
    write_decoder,
    write_pair,
)

from latent_analyze.plugin import Sample
from latent_analyze_adapters.models.signatures import doubts

GRAY = World(noise=0.08)
COLOR = World(shape=(6, 6, 3), middle=(0.2, 0.5, 0.7), noise=0.08)
SQUARE = World(shape=(8, 8, 1), noise=0.08)
OTHER = "The model may want other data"


def saturated(net, mu):
    """A head of tanh: with values of another size it gives other z-points."""
    return net.op("Tanh", mu)


def inverse(net, z):
    """The inverse of tanh, nearly."""
    z = net.op("Clip", z, net.const(-0.97), net.const(0.97))
    ratio = net.op("Div", net.op("Add", net.const(1.0), z), net.op("Sub", net.const(1.0), z))
    return net.op("Mul", net.op("Log", ratio), net.const(0.5))


@pytest.mark.parametrize("world", [GRAY, COLOR, SQUARE], ids=["gray", "color", "square"])
@pytest.mark.parametrize("form", [UNIT, SIGNED], ids=["unit", "signed"])
def test_no_doubt_where_the_signature_is_right(tmp_path, world, form):
    write_pair(tmp_path, world, form, mu=saturated)
    write_decoder(tmp_path / "decoder.onnx", world, form, before=inverse)
    signature = found(tmp_path, world.sample())
    assert 0.2 < signature.explained < doubts.GOOD
    assert not signature.problem


@pytest.mark.parametrize(
    ("change", "world", "advice"),
    [
        (lambda x: 1 - x, GRAY, "invert the images"),
        (lambda x: x[..., ::-1], COLOR, "reverse the channels of the images"),
        (lambda x: x.transpose(0, 2, 1, 3), SQUARE, "transpose the images"),
    ],
    ids=["inverted", "reversed", "transposed"],
)
def test_changed_images(tmp_path, change, world, advice):
    write_pair(tmp_path, world)
    sample = Sample(x=np.ascontiguousarray(change(world.x)), kind="images", count=world.count)
    problem = found(tmp_path, sample).problem
    assert OTHER in problem
    assert advice in problem


def test_logarithms_of_counts(tmp_path):
    world = World(shape=(12,), middle=3.0, spread=1.5, noise=0.3)
    write_pair(tmp_path, world, Format(layout="array"))
    counts = np.expm1(np.maximum(world.x, 0))
    problem = found(tmp_path, Sample(x=counts, kind="vectors", count=world.count)).problem
    assert "numpy.log1p(x)" in problem
    assert not found(tmp_path, Sample(x=np.log1p(counts), kind="vectors", count=120)).problem


CLASSES = np.arange(120) % 3
SHIFTS = np.repeat([[0.0], [6.0], [-6.0]], DIM, axis=1)
TABLE = World(shape=(12,), middle=3.0, spread=1.0)


def shifted(net):
    return net.op("Gather", net.const(SHIFTS), net.ints(net.op("Cast", "label", to=INTS), -1))


def conditional(folder):
    """Write a model whose latents are those within a class, at most 2."""
    net = Net()
    mu = net.linear("x", TABLE.basis.T, -TABLE.center @ TABLE.basis.T)
    mu = net.op("Clip", net.op("Sub", mu, shifted(net)), net.const(-2.0), net.const(2.0))
    label = tensor_info("label", (), INTS)
    ends = [tensor_info("x", TABLE.shape), label]
    net.save(folder / "encoder.onnx", ends, {"mu": (mu, FLOAT, (DIM,))})
    net = Net()
    y = net.linear(net.op("Add", "z", shifted(net)), TABLE.basis, TABLE.center)
    ends = [tensor_info("z", (DIM,)), label]
    net.save(folder / "decoder.onnx", ends, {"y": (y, FLOAT, TABLE.shape)})
    return folder


@pytest.mark.parametrize("order", ["abc", "bca"])
def test_labels_in_another_order(tmp_path, order):
    rows = (TABLE.center + (TABLE.latents + SHIFTS[CLASSES]) @ TABLE.basis).astype(np.float32)
    labels = {"label": np.array(list(order))[CLASSES]}
    sample = Sample(x=rows, kind="vectors", labels=labels, count=120, classes=lambda _: "abc")
    problem = found(conditional(tmp_path), sample).problem
    assert (not problem) == (order == "abc")
    if problem:
        assert '--signature \'classes.label=["a", "b", "c"]\'' in problem
        assert not found(tmp_path, sample, classes__label='["b", "c", "a"]').problem


def test_a_factor_before_the_decoder(tmp_path):
    def smaller(net, z):
        return net.op("Div", z, net.const(4.0))

    world = World(shape=(12,), middle=3.0, spread=1.5, noise=0.3)
    write_pair(tmp_path, world, Format(layout="array"))
    write_decoder(tmp_path / "decoder.onnx", world, Format(layout="array"), before=smaller)
    sample = Sample(x=world.x, kind="vectors", count=world.count)
    problem = found(tmp_path, sample).problem
    assert "--signature decoder.scale=4" in problem
    assert not found(tmp_path, sample, decoder__scale="4").problem
