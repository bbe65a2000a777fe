"""Ranges, normalization and activations: the maps themselves, and the right one found by trying."""

from __future__ import annotations

import json
import math
import re

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

from latent_analyze import ModelError
from latent_analyze.models.reference import ModelRef
from latent_analyze.plugin import Bundle, Choice, EncoderSpec, Signature
from latent_analyze.runs.inspecting import _decided
from latent_analyze_adapters.models.image_tensor import ImageTensor
from latent_analyze_adapters.models.resolving import fit_axes
from latent_analyze_adapters.models.signatures.values import (
    BYTES,
    PUBLISHED,
    Scaling,
    activations,
    alike,
    distinct,
    families,
    moments,
    scalings,
)

GRAY, COLOR = World(), World(shape=(8, 6, 3), middle=(0.25, 0.4, 0.55))


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


def moments_form(mean, std):
    return Format(tuple(1 / np.array(std)), tuple(-np.array(mean) / np.array(std)))


NAMED = [(channels, text, *pair) for channels, every in PUBLISHED.items()
         for text, pair in every.items()]  # fmt: skip


@pytest.mark.parametrize(("channels", "text", "mean", "std"), NAMED, ids=[n[1] for n in NAMED])
def test_published_moments(tmp_path, channels, text, mean, std):
    world = World(shape=(8, 6, channels), middle=GRAY.middle if channels == 1 else COLOR.middle)
    model = check(write_pair(tmp_path, world, moments_form(mean, std)), world)
    assert (model.bundle.encoder.mean, model.bundle.encoder.std) == (mean, std)
    assert (model.bundle.decoder.mean, model.bundle.decoder.std) == (mean, std)
    assert any(f"values less {text} in" in line for line in model.signature.lines)
    assert "encoder.mean" not in known(model.signature)


def test_a_half_and_a_half_are_the_range(tmp_path):
    model = check(write_pair(tmp_path, COLOR, moments_form((0.5,) * 3, (0.5,) * 3)), COLOR)
    assert (model.bundle.encoder.range, model.bundle.encoder.mean) == ((-1.0, 1.0), None)


def preprocessor(folder, mean, std):
    text = json.dumps({"do_normalize": True, "image_mean": mean, "image_std": std})
    (folder / "preprocessor_config.json").write_text(text)


class TestStatedInAFile:
    """preprocessor_config.json next to the model."""

    MEAN, STD = [0.2, 0.3, 0.6], [0.35, 0.3, 0.4]
    TEXT = "values less 0.2, 0.3, 0.6, over 0.35, 0.3, 0.4 (preprocessor_config.json)"

    def pair(self, folder):
        write_pair(folder, COLOR, moments_form(self.MEAN, self.STD))
        preprocessor(folder, self.MEAN, self.STD)
        return folder

    def test_is_tried_first(self, tmp_path):
        model = check(self.pair(tmp_path), COLOR)
        assert model.bundle.encoder.mean == model.bundle.decoder.mean == tuple(self.MEAN)
        assert known(model.signature)["encoder.range"] == "trial"
        assert any(f"{self.TEXT} in" in line for line in model.signature.lines)
        assert "encoder.mean" not in known(model.signature)

    def test_without_it_the_moments_of_the_data_are_as_near_as_it_gets(self, tmp_path):
        folder = self.pair(tmp_path)
        (folder / "preprocessor_config.json").unlink()
        signature = opened(folder, COLOR.sample()).signature
        assert signature.bundle.encoder.mean != tuple(self.MEAN)

    def test_decides_without_a_decoder(self, tmp_path):
        folder = self.pair(tmp_path)
        (folder / "decoder.onnx").unlink()
        model = opened(folder, COLOR.sample(stored_range=(0.0, 255.0)))
        assert known(model.signature)["encoder.range"] == "graph"
        np.testing.assert_allclose(model.encode(COLOR.x).mu, COLOR.latents, atol=0.05)

    def test_what_the_data_contradict_is_not_used(self, tmp_path):
        write_pair(tmp_path, COLOR, SIGNED)
        preprocessor(tmp_path, self.MEAN, self.STD)
        assert check(tmp_path, COLOR).bundle.encoder.range == (-1.0, 1.0)

    def test_of_another_number_of_channels(self, tmp_path):
        write_pair(tmp_path, GRAY, SIGNED)
        preprocessor(tmp_path, self.MEAN, self.STD)
        assert check(tmp_path, GRAY).bundle.encoder.range == (-1.0, 1.0)

    def test_what_is_stated_wins(self, tmp_path):
        model = opened(self.pair(tmp_path), COLOR.sample(), encoder__range="[0,1]")
        assert model.bundle.encoder.mean is None


def test_moments_of_the_data_are_said_to_be_theirs(tmp_path):
    """With how to state others; following the advice leads to the same model."""
    first = check(write_pair(tmp_path, COLOR, normalized(COLOR, "last")), COLOR)
    assert known(first.signature)["encoder.mean"] == "data"
    (choice,) = (c for c in first.signature.choices if c.key == "encoder.mean")
    assert "those of these data" in choice.why
    assert any(choice.value in line for line in first.signature.lines)
    assert f"{first.bundle.encoder.mean[0]:.4g}" in choice.value
    stated = {key: str(list(getattr(first.bundle.encoder, key))) for key in ("mean", "std")}
    assert all(f"--signature '{key}=[...]'" in choice.why for key in stated)
    again = opened(tmp_path, COLOR.sample(), **stated)
    assert again.signature.bundle == first.signature.bundle
    assert "encoder.mean" not in known(again.signature)


def test_moments_of_one_half(tmp_path):
    model = check(write_pair(tmp_path, COLOR, UNIT, normalized(COLOR, "last")), COLOR)
    assert known(model.signature)["decoder.mean"] == "data"
    (choice,) = (c for c in model.signature.choices if c.key == "decoder.mean")
    assert "--signature 'decoder.mean=[...]'" in choice.why


def test_columns_are_counted_where_there_are_many(tmp_path):
    table = Table()
    folder = table.pair(tmp_path, table.x.mean(axis=0), table.x.std(axis=0))
    (choice,) = (c for c in opened(folder, table.sample()).signature.choices
                 if c.key == "encoder.mean")  # fmt: skip
    assert choice.value == "standardized with mean 12 numbers and standard deviation 12 numbers"


@pytest.mark.parametrize(("name", "share", "own"),
                         [("MNIST", 0.02, []), ("MNIST", 0.1, ["all"]),
                          ("CIFAR-10", 0.02, ["last", "all"])])  # fmt: skip
def test_moments_of_rows_of_mnist_are_those_of_mnist(name, share, own):
    """Those of colors are tried beside published ones, which are of other photos."""
    mean, std = PUBLISHED[1 if name == "MNIST" else 3][f"{name}'s mean, over its std"]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 8, 8, len(mean)))
    x = (x - x.mean(axis=(0, 1, 2))) / x.std(axis=(0, 1, 2)) * np.array(std) * (1 + share) + mean
    world = World(shape=(8, 8, len(mean)))
    found = scalings(world.sample(x=x.astype(np.float32)), "float32")
    assert [s.moments for s in found if s.moments] == own


class TestTooNearToTell:
    """Two published normalizations that explain as much: an error, which names both."""

    CLIP, CIFAR = (PUBLISHED[3][f"{name}'s mean, over its std"] for name in ("CLIP", "CIFAR-10"))

    def world(self, folder, share=0.5):
        """Write a model of few noisy rows, whose moments are between two published ones."""
        world = World(shape=(8, 6, 3), middle=COLOR.middle, count=10, spread=0.5, noise=0.05)
        mean, std = (np.array(a) * share + np.array(b) * (1 - share)
                     for a, b in zip(self.CLIP, self.CIFAR, strict=True))  # fmt: skip
        write_pair(folder, world, moments_form(mean, std))
        return world

    def error(self, folder, world):
        with pytest.raises(ModelError, match="too near to tell") as error:
            opened(folder, world.sample())
        return error.value

    def test_what_either_advice_states_opens(self, tmp_path):
        world = self.world(tmp_path)
        error = self.error(tmp_path, world)
        assert "values less CLIP's mean" in str(error)
        assert "values less CIFAR-10's mean" in str(error)
        for part in error.next_step.removeprefix("say which: ").split(" or "):
            keys = dict(re.findall(r"'(\w+)=(\[[^\]]*\])'", part))
            assert keys.keys() == {"mean", "std"}
            stated = opened(tmp_path, world.sample(), **keys)
            assert "encoder.range" not in known(stated.signature)
            assert list(stated.bundle.encoder.mean) == json.loads(keys["mean"])

    def test_more_rows_decide(self, tmp_path):
        """The same noise, but moments of one of the two, and as many rows as there are."""
        self.world(tmp_path, 1.0)
        world = World(shape=(8, 6, 3), middle=COLOR.middle, count=300, spread=0.5, noise=0.05)
        signature = opened(tmp_path, world.sample()).signature
        assert signature.bundle.encoder.mean == self.CLIP[0]

    def test_a_costly_model_gets_more_time_before_it_stops(self, tmp_path, take):
        self.world(tmp_path, 1.0)
        world = World(shape=(8, 6, 3), middle=COLOR.middle, count=300, spread=0.5, noise=0.05)
        take(0.02)
        assert opened(tmp_path, world.sample()).signature.bundle.encoder.mean == self.CLIP[0]


def test_a_saved_range_is_not_known_if_it_was_assumed():
    """What nothing shows is not saved, and neither is what is subtracted with it."""
    spec = EncoderSpec(file="e.onnx", range=(-1.0, 1.0), mean=(0.5,), std=(0.2,), mu="m")
    bundle = Bundle(runtime="onnx", encoder=spec)
    choice = Choice(key="encoder.range", value="values in [-1, 1]", known="assumed")
    signature = Signature(bundle=bundle, choices=(choice,))
    saved = _decided(bundle, ModelRef("m", "", "onnx", signature=signature), [], {})
    assert not {"range", "mean", "std"} & saved.encoder.model_fields_set
    assert "mu" in saved.encoder.model_fields_set


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


def test_families_of_maps():
    every = scalings(COLOR.sample(), "float32")
    numbers = dict(zip([s.text for s in every], families(every, (0.0, 1.0)), strict=True))
    photos = {n for text, n in numbers.items() if text.startswith("values less")}
    assert len(photos) == 1
    ranges = [n for text, n in numbers.items() if text.startswith("values in")]
    assert len(set(ranges)) == len(ranges) == 3
    assert photos.isdisjoint(ranges)


def test_maps_that_are_alike():
    one = Scaling(mean=(0.5,), std=(0.25,))
    assert alike(one, Scaling(mean=(0.48,), std=(0.27,)), (0.0, 1.0))
    assert not alike(one, Scaling((-1.0, 1.0)), (0.0, 1.0))
    assert not alike(one, Scaling(mean=(0.5, 0.5, 0.1), std=(0.25,) * 3), (0.0, 1.0))


def test_the_same_map_counts_once():
    same = [Scaling((-1.0, 1.0)), Scaling(mean=(0.5,), std=(0.5,)), Scaling()]
    assert distinct(same) == [same[0], same[2]]
    assert distinct(same[1:]) == same[1:]


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
