"""Ranges, normalization and activations: the maps themselves, and the right one found by trying."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from signature_models import (
    FLOAT,
    RAW,
    SIGNED,
    UNIT,
    Format,
    Net,
    World,
    known,
    opened,
    tensor_info,
    write_decoder,
    write_encoder,
    write_pair,
)

from latent_analyze_adapters.models.image_tensor import ImageTensor
from latent_analyze_adapters.models.resolving import fit_axes
from latent_analyze_adapters.models.signatures.values import (
    BYTES,
    Scaling,
    activations,
    moments,
    scalings,
)

GRAY, COLOR = World(), World(shape=(8, 6, 3), middle=(0.25, 0.4, 0.55))
MNIST = Format(1 / 0.3081, -0.1307 / 0.3081)
RATES, CENTERS = np.array([0.229, 0.224, 0.225]), np.array([0.485, 0.456, 0.406])
IMAGENET = Format(tuple(1 / RATES), tuple(-CENTERS / RATES))


def check(folder, world, **more):
    """Open a model for the rows of a world; it must find all latents and explain all rows."""
    model = opened(folder, world.sample(**more))
    assert model.signature.problem == ""
    assert model.signature.explained > 0.9
    np.testing.assert_allclose(model.encode(world.x).mu, world.latents, atol=0.05)
    np.testing.assert_allclose(model.decode(world.latents), world.x, atol=0.05)
    return model


def normalized(world, axes):
    mean, std = moments(world.x, axes=axes)
    return Format(tuple(1 / np.array(std)), tuple(-np.array(mean) / np.array(std)))


@pytest.mark.parametrize(
    ("form", "values"),
    [(UNIT, (0.0, 1.0)), (SIGNED, (-1.0, 1.0)), (RAW, BYTES)],
    ids=["unit", "signed", "bytes"],
)
@pytest.mark.parametrize("world", [GRAY, COLOR], ids=["gray", "color"])
def test_range_in_and_out(tmp_path, world, form, values):
    model = check(write_pair(tmp_path, world, form), world)
    assert model.bundle.encoder.range == model.bundle.decoder.range == values
    assert model.bundle.encoder.mean is None
    assert known(model.signature)["encoder.range"] == "trial"
    assert known(model.signature)["decoder.range"] == "trial"


@pytest.mark.parametrize("stored", [(0.0, 1.0), (0.0, 255.0), (-1.0, 1.0), (0.0, 65535.0)])
def test_the_range_of_the_files_is_tried(tmp_path, stored):
    low, high = stored
    form = Format(high - low, low)
    model = check(write_pair(tmp_path, GRAY, form), GRAY, stored_range=stored)
    assert model.bundle.encoder.range == stored


def test_different_ranges_in_and_out(tmp_path):
    model = check(write_pair(tmp_path, GRAY, SIGNED, UNIT), GRAY)
    assert model.bundle.encoder.range == (-1.0, 1.0)
    assert model.bundle.decoder.range == (0.0, 1.0)


@pytest.mark.parametrize(
    ("world", "form"), [(GRAY, MNIST), (COLOR, IMAGENET)], ids=["mnist", "imagenet"]
)
def test_published_constants(tmp_path, world, form):
    model = check(write_pair(tmp_path, world, form), world)
    expected = (0.1307,) if world is GRAY else (0.485, 0.456, 0.406)
    assert model.bundle.encoder.mean == model.bundle.decoder.mean == expected


@pytest.mark.parametrize("axes", ["all", "last"])
def test_standardized_images(tmp_path, axes):
    model = check(write_pair(tmp_path, COLOR, normalized(COLOR, axes)), COLOR)
    mean, std = moments(COLOR.x, axes=axes)
    assert model.bundle.encoder.mean == pytest.approx(mean, abs=0.02)
    assert model.bundle.encoder.std == pytest.approx(std, abs=0.02)


def test_standardized_in_and_unit_out(tmp_path):
    model = check(write_pair(tmp_path, COLOR, normalized(COLOR, "last"), UNIT), COLOR)
    assert len(model.bundle.encoder.mean) == 3
    assert (model.bundle.decoder.range, model.bundle.decoder.mean) == ((0.0, 1.0), None)


def inverse(kind):
    """Return what undoes an activation, so that a decoder's output has yet to go through it."""

    def of(net, y):
        if kind == "sigmoid":
            rest = net.op("Sub", net.const(1.0), y)
            return net.op("Log", net.op("Div", y, rest))
        up, down = net.op("Add", net.const(1.0), y), net.op("Sub", net.const(1.0), y)
        return net.op("Mul", net.const(0.5), net.op("Log", net.op("Div", up, down)))

    return of


@pytest.mark.parametrize(
    ("kind", "form", "values"),
    [("sigmoid", UNIT, (0.0, 1.0)), ("tanh", SIGNED, (-1.0, 1.0))],
)
def test_activation(tmp_path, kind, form, values):
    write_encoder(tmp_path / "encoder.onnx", GRAY, form)
    write_decoder(tmp_path / "decoder.onnx", GRAY, form, after=inverse(kind))
    model = check(tmp_path, GRAY)
    assert model.bundle.decoder.activation == kind
    assert model.bundle.decoder.range == values
    assert model.signature.explained > 0.999


def test_no_activation_where_the_graph_has_it(tmp_path):
    def applied(net, y):
        return net.op("Sigmoid", inverse("sigmoid")(net, y))

    write_encoder(tmp_path / "encoder.onnx", GRAY)
    write_decoder(tmp_path / "decoder.onnx", GRAY, after=applied)
    assert check(tmp_path, GRAY).bundle.decoder.activation is None


class Table:
    """Rows of 12 columns of very different size, as a sample of vectors."""

    def __init__(self, seed=0, scale=None):
        world = World(shape=(12,), spread=1.0, middle=0.0, seed=seed)
        scale = np.linspace(0.5, 40, 12) if scale is None else scale
        self.world, self.x = world, (world.x * scale + 3 * scale).astype(np.float32)

    def sample(self):
        return self.world.sample(x=self.x, kind="vectors")

    def pair(self, folder, mean, std):
        """Write a model of the rows less `mean` over `std`, with its own principal axes."""
        rows = (self.x - mean) / std
        center = rows.mean(axis=0)
        axes = np.linalg.svd(rows - center, full_matrices=False)[2][:4]
        for name, source, weights, bias in (
            ("encoder", "x", axes.T, -center @ axes.T), ("decoder", "z", axes, center),
        ):  # fmt: skip
            net, (width, end) = Net(), weights.shape
            y = net.linear(source, weights, bias)
            tensors = {"y": (y, FLOAT, (end,))}
            net.save(folder / f"{name}.onnx", [tensor_info(source, (width,))], tensors)
        return folder


def test_a_standardized_table(tmp_path):
    table = Table()
    mean, std = table.x.mean(axis=0), table.x.std(axis=0)
    model = opened(table.pair(tmp_path, mean, std), table.sample())
    assert model.bundle.encoder.mean == pytest.approx(tuple(mean), rel=0.05)
    assert model.bundle.encoder.std == pytest.approx(tuple(std), rel=0.05)
    assert model.signature.explained > 0.99


def test_a_table_as_it_is(tmp_path):
    table = Table()
    model = opened(table.pair(tmp_path, 0.0, 1.0), table.sample())
    assert (model.bundle.encoder.mean, model.bundle.encoder.std) == (None, None)


def test_a_nearly_standardized_table_is_taken_as_it_is(tmp_path):
    table = Table(scale=np.ones(12))
    rows = table.x - table.x.mean(axis=0)
    rows /= rows.std(axis=0)
    table.x = (rows * 1.01 + 0.01).astype(np.float32)
    model = opened(table.pair(tmp_path, 0.0, 1.0), table.sample())
    assert model.signature.explained > 0.9
    assert (model.bundle.encoder.mean, model.bundle.encoder.std) == (None, None)


def test_whole_numbers_up_to_255_over_255():
    x = np.random.default_rng(0).integers(0, 256, (20, 5)).astype(np.float32)
    stds = [s.std for s in scalings(World().sample(x=x, kind="arrays"), "float32")]
    assert (255.0,) in stds
    halves = scalings(World().sample(x=x / 2, kind="arrays"), "float32")
    assert (255.0,) not in [s.std for s in halves]


def test_integer_inputs_leave_no_choice():
    assert [s.range for s in scalings(GRAY.sample(), "uint8")] == [BYTES]
    assert [s.range for s in scalings(GRAY.sample(), "int8")] == [(-128.0, 127.0)]
    assert scalings(GRAY.sample(kind="vectors"), "int64") == [Scaling()]


def test_activations_are_for_data_in_the_unit_interval():
    found = activations([Scaling()], "float32", bounded=True)
    assert [s.activation for s in found] == [None, "sigmoid", "tanh"]
    assert activations([Scaling()], "float32", bounded=False) == [Scaling()]
    assert activations([Scaling(), Scaling(BYTES)], "uint8", bounded=True) == [Scaling(BYTES)]


@pytest.mark.parametrize("axes", ["all", "last"])
def test_moments_of_all_rows(tmp_path, axes):
    """A trial sees some rows; what is kept normalizes by the moments of all of them."""
    world = World(shape=(8, 6, 3), middle=(0.25, 0.4, 0.55), count=900)
    form = normalized(world, axes)
    every = world.x.reshape(-1, 3).astype(np.float64)
    some = world.sample(x=world.x[:90], moments=lambda: (every.mean(axis=0), every.std(axis=0)))
    spec = opened(write_pair(tmp_path, world, form), some).bundle.encoder
    assert spec.mean == pytest.approx(tuple(-np.array(form.offset) / form.factor), rel=1e-5)
    assert spec.std == pytest.approx(tuple(1 / np.array(form.factor)), rel=1e-5)


def test_constant_columns_have_a_deviation():
    x = np.ones((9, 3), np.float32)
    mean, std = moments(x, axes="last")
    assert mean == (1.0, 1.0, 1.0)
    assert min(std) > 0


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@given(shapes, st.data())
def test_arrays_go_into_a_file_and_back(shape, data):
    """Axes of length 1 may be added or left out, and all may be in one."""
    wide = [n for n in shape if n != 1]
    merged = data.draw(st.booleans())
    axes = [math.prod(shape)] if merged else list(wide)
    for _ in range(data.draw(st.integers(0, 2))):
        axes.insert(data.draw(st.integers(0, len(axes))), 1)
    free = [data.draw(st.sampled_from([n, None])) if n != 1 else 1 for n in axes]
    fitting = fit_axes(tuple(free), shape)
    assume(axes)
    assert fitting is not None
    assert math.prod(fitting) == math.prod(shape)
    mean = data.draw(st.sampled_from([(0.0,), (0.5,), tuple(map(float, range(shape[-1])))]))
    image = ImageTensor(shape, "array", (0.0, 1.0), "float32", mean, (2.0,), axes=fitting)
    x = np.random.default_rng(0).standard_normal((3, *shape)).astype(np.float32)
    inside = image.to_file(x)
    assert inside.shape == (3, *fitting)
    np.testing.assert_allclose(image.from_file(inside), x, atol=1e-5)


@given(shapes, shapes)
def test_axes_that_fit_hold_as_many_values(axes, shape):
    fitting = fit_axes(axes, shape)
    assert fitting is None or math.prod(fitting) == math.prod(shape)
