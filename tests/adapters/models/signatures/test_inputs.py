"""Inputs besides the data: labels, masks, noise, time steps, named arrays; and the main input."""

from __future__ import annotations

import numpy as np
import pytest
from adapter_testing import one_line
from signature_models import (
    DIM,
    FLOAT,
    INTS,
    Net,
    World,
    found,
    known,
    opened,
    tensor_info,
    write_decoder,
)

from latent_analyze import ModelError
from latent_analyze.plugin import EncoderSpec
from latent_analyze_adapters.models.graph import Graph, Tensor
from latent_analyze_adapters.models.signatures.inputs import (
    fill_others,
    is_extra,
    layouts_of,
    main_input,
)
from latent_analyze_adapters.runtimes.onnx.adapter import OnnxRuntime

GRAY = World(count=90)
DIGITS = np.arange(90) % 3
TEXTS = np.array(["a", "b", "c"])[DIGITS]
SHIFTS = np.array([0.0, 5.0, -5.0])


def conditional(folder, *, one_hot, name="label", latent="z", kind=FLOAT, needed=True):
    """Write a model whose latents are shifted by the class, in the encoder and the decoder."""
    world, folder = GRAY, folder / "model"
    for role, source in (("encoder", "x"), ("decoder", latent)):
        net = Net()
        if one_hot:
            shift = net.op("MatMul", name, net.const(np.repeat(SHIFTS[:, None], DIM, axis=1)))
            extra = tensor_info(name, (3,), kind)
        else:
            index = net.ints(net.op("Cast", name, to=INTS), -1)
            shift = net.op("Gather", net.const(np.repeat(SHIFTS[:, None], DIM, axis=1)), index)
            extra = tensor_info(name, (), kind)
        shift = shift if needed else net.op("Mul", shift, net.const(0.0))
        if role == "encoder":
            flat = net.ints(source, -1, world.size)
            weights = world.basis.T / world.spread
            mu = net.linear(flat, weights, -world.center @ weights)
            outputs = {"mu": (net.op("Add", mu, shift), FLOAT, (DIM,))}
            ends = [tensor_info(source, world.shape), extra]
        else:
            z = net.op("Sub", net.ints(source, -1, DIM), shift)
            y = net.linear(z, world.basis * world.spread, world.center)
            outputs = {"image": (net.ints(y, -1, *world.shape), FLOAT, world.shape)}
            ends = [tensor_info(source, (DIM,)), extra]
        net.save(folder / f"{role}.onnx", ends, outputs)
    return folder


def expected_latents():
    return GRAY.latents + SHIFTS[DIGITS][:, None]


@pytest.mark.parametrize(("one_hot", "kind"), [(True, FLOAT), (False, INTS), (False, FLOAT)])
@pytest.mark.parametrize("name", ["label", "y", "class_labels", "digit"])
def test_labels(tmp_path, one_hot, kind, name):
    folder = conditional(tmp_path, one_hot=one_hot, kind=kind, name=name)
    model = opened(folder, GRAY.sample(labels={"digit": DIGITS}))
    assert model.bundle.encoder.columns == model.bundle.decoder.columns == {name: "digit"}
    assert known(model.signature)[f"encoder.columns.{name}"] == "data"
    assert model.signature.explained > 0.99
    latents = model.encode(GRAY.x, {"digit": DIGITS}).mu
    np.testing.assert_allclose(latents, expected_latents(), atol=1e-3)


def test_the_label_of_its_name_among_several(tmp_path):
    folder = conditional(tmp_path, one_hot=True, name="label")
    labels = {"other": (DIGITS + 1) % 3, "label": DIGITS, "text": TEXTS}
    model = opened(folder, GRAY.sample(labels=labels))
    assert model.bundle.encoder.columns == {"label": "label"}
    assert model.signature.explained > 0.99


MISSING = [{}, {"big": DIGITS + 1}, {"a": DIGITS, "b": (DIGITS + 1) % 3}, {"split": TEXTS}]


@pytest.mark.parametrize("labels", MISSING, ids=["none", "out of range", "two", "split"])
def test_a_missing_label_is_one_line_whose_advice_works(tmp_path, labels):
    folder = conditional(tmp_path, one_hot=True)
    with pytest.raises(ModelError, match=r"what the input label .* takes") as error:
        found(folder, GRAY.sample(labels=labels))
    text = one_line(error)
    for name in labels:
        assert repr(name) in text
    assert "--signature encoder.columns.label=LABEL" in text
    assert "--signature encoder.constants.label=0" in text
    # The advice about the encoder leads to that about the decoder, and both to a model.
    with pytest.raises(ModelError, match=r"--signature decoder\.constants\.label=0"):
        found(folder, GRAY.sample(labels=labels), encoder__constants__label="0")
    stated = {"encoder__constants__label": "0", "decoder__constants__label": "0"}
    model = opened(folder, GRAY.sample(labels=labels), **stated)
    np.testing.assert_allclose(model.encode(GRAY.x).mu, GRAY.latents, atol=1e-3)
    model = opened(folder, GRAY.sample(labels={**labels, "mine": DIGITS}), columns__label="mine")
    assert model.bundle.encoder.columns == {"label": "mine"}
    np.testing.assert_allclose(
        model.encode(GRAY.x, {"mine": DIGITS}).mu, expected_latents(), atol=1e-3
    )


@pytest.mark.parametrize("one_hot", [True, False])
def test_wrong_labels_are_one_line(tmp_path, one_hot):
    folder = conditional(tmp_path, one_hot=one_hot, kind=FLOAT if one_hot else INTS)
    values = DIGITS + 1 if one_hot else DIGITS * 1000
    with pytest.raises(ModelError) as error:
        found(folder, GRAY.sample(labels={"big": values}), columns__label="big")
    text = one_line(error)
    assert "'big'" in text or ("'label'" in text and "must be within" in text)


class TestTexts:
    """Labels of texts: sorted, their places are the classes."""

    @pytest.mark.parametrize(("one_hot", "kind"), [(True, FLOAT), (False, INTS), (False, FLOAT)])
    def test_sorted_texts_are_the_classes(self, tmp_path, one_hot, kind):
        folder = conditional(tmp_path, one_hot=one_hot, kind=kind)
        labels = {"species": TEXTS, "split": TEXTS[::-1]}
        model = opened(folder, GRAY.sample(labels=labels))
        for spec in (model.bundle.encoder, model.bundle.decoder):
            assert (spec.columns, spec.classes) == ({"label": "species"}, {"label": list("abc")})
        assert model.signature.explained > 0.99
        latents = model.encode(GRAY.x, {"species": TEXTS}).mu
        np.testing.assert_allclose(latents, expected_latents(), atol=1e-3)
        decoded = model.decode(latents, {"species": TEXTS.astype(object)})
        np.testing.assert_allclose(decoded, GRAY.x, atol=1e-3)
        (line,) = [line for line in model.signature.lines if line.startswith("assumed")]
        assert line == (
            "assumed: 'label' gets a = 0, b = 1, c = 2 (the texts of 'species', sorted; if the "
            """model has another order, add --signature 'classes.label=["c", "b", "a"]')"""
        )
        assert OnnxRuntime().reopen(folder, model.signature).signature == model.signature

    def test_numbers_come_first(self, tmp_path):
        folder = conditional(tmp_path, one_hot=True)
        signature = found(folder, GRAY.sample(labels={"text": TEXTS[::-1], "number": DIGITS}))
        assert signature.bundle.encoder.columns == {"label": "number"}
        assert signature.bundle.encoder.classes == {}

    def test_of_several_the_one_with_as_many_texts_as_classes(self, tmp_path):
        folder = conditional(tmp_path, one_hot=True)
        labels = {"two": TEXTS == "a", "many": np.arange(90).astype(str), "three": TEXTS}
        labels["two"] = np.where(labels["two"], "yes", "no")
        signature = found(folder, GRAY.sample(labels=labels))
        assert signature.bundle.encoder.columns == {"label": "three"}
        assert signature.explained > 0.99

    def test_the_stated_order(self, tmp_path):
        folder = conditional(tmp_path, one_hot=True)
        texts = np.array(["small", "medium", "large"])[DIGITS]
        sample = GRAY.sample(labels={"size": texts})
        model = opened(folder, sample, classes__label='["small", "medium", "large"]')
        latents = model.encode(GRAY.x, {"size": texts}).mu
        np.testing.assert_allclose(latents, expected_latents(), atol=1e-3)
        assert not any(".classes." in choice.key for choice in model.signature.choices)
        with pytest.raises(ModelError, match=r"texts in 'size' that are classes .* found 'huge'"):
            model.encode(GRAY.x[:1], {"size": np.array(["huge"])})

    def test_whole_numbers_in_a_stated_order(self, tmp_path):
        folder = conditional(tmp_path, one_hot=True)
        stated = {"columns__label": "year", "classes__label": '["1999", "2000", "2001"]'}
        sample = GRAY.sample(labels={"year": DIGITS + 1999})
        assert found(folder, sample, **stated).explained > 0.99

    @pytest.mark.parametrize("stated", [{}, {"columns__label": "text"}])
    @pytest.mark.parametrize("texts", [["a", "b", "c", "d"], ["a", "b", "a", "b"]])
    def test_another_number_of_classes(self, tmp_path, texts, stated):
        folder = conditional(tmp_path, one_hot=True)
        sample = GRAY.sample(labels={"text": np.array(texts)[np.arange(90) % 4]})
        with pytest.raises(ModelError) as error:
            found(folder, sample, **stated)
        text = one_line(error)
        assert "3 different texts in the label 'text', the classes of the input label" in text
        assert f"found {len(set(texts))}: a, b" in text
        # A class that no row has can be named.
        rows = GRAY.sample(labels={"text": np.array(["a", "b"])[np.arange(90) % 2]})
        model = opened(folder, rows, columns__label="text", classes__label='["a", "b", "c"]')
        assert model.bundle.decoder.classes == {"label": ["a", "b", "c"]}

    def test_texts_of_all_rows_count(self, tmp_path):
        """Some rows that are tried need not have every class."""
        sample = GRAY.sample(labels={"text": TEXTS}, classes=lambda name: [*"abc", name])
        model = opened(conditional(tmp_path, one_hot=False, kind=INTS), sample)
        assert model.bundle.encoder.classes == {"label": ["a", "b", "c", "text"]}

    def test_missing_texts_are_no_class(self, tmp_path):
        texts = np.where(np.arange(90) < 3, "", TEXTS)
        with pytest.raises(ModelError, match=r"a, b, c, found ''; leave out these rows"):
            found(conditional(tmp_path, one_hot=True), GRAY.sample(labels={"text": texts}))


def test_a_label_of_the_very_name(tmp_path):
    """Whatever it is called: a column of whole numbers may be an input of its own."""
    folder = with_extra(tmp_path, "age", (1,), plus("age"))
    ages = np.arange(90) % 7
    sample = GRAY.sample(labels={"age": ages, "digit": DIGITS})
    model = opened(folder, sample, encoder__range="[0, 1]")
    assert model.bundle.encoder.columns == {"age": "age"}
    latents = model.encode(GRAY.x, {"age": ages}).mu
    np.testing.assert_allclose(latents, GRAY.latents + ages[:, None], atol=1e-3)


@pytest.mark.parametrize("one_hot", [True, False])
def test_labels_that_are_whole_numbers_of_type_float(tmp_path, one_hot):
    """Tables with a missing value in another row, or labels saved by a program of floats."""
    folder = conditional(tmp_path, one_hot=one_hot, kind=FLOAT if one_hot else INTS)
    signature = found(folder, GRAY.sample(labels={"label": DIGITS.astype(np.float32)}))
    assert signature.bundle.encoder.columns == {"label": "label"}
    assert signature.explained > 0.99


def with_extra(folder, name, shape, use, kind=FLOAT):
    """Write an encoder with a further input: mu = f(latents, input)."""
    net = Net()
    flat = net.ints("x", -1, GRAY.size)
    weights = GRAY.basis.T / GRAY.spread
    mu = use(net, net.linear(flat, weights, -GRAY.center @ weights))
    ends = [tensor_info("x", GRAY.shape), tensor_info(name, shape, kind)]
    net.save(folder / "encoder.onnx", ends, {"mu": (mu, FLOAT, (DIM,))})
    write_decoder(folder / "decoder.onnx", GRAY)
    return folder


def times(name):
    return lambda net, mu: net.op("Mul", mu, name)


def plus(name):
    return lambda net, mu: net.op("Add", mu, name)


@pytest.mark.parametrize(
    ("name", "use", "value"),
    [("mask", times("mask"), 1), ("eps", plus("eps"), 0), ("time_step", plus("time_step"), 0),
     ("noise", plus("noise"), 0), ("attentionMask", times("attentionMask"), 1),
     ("t", plus("t"), 0)],
)  # fmt: skip
def test_masks_noise_and_times(tmp_path, name, use, value):
    model = opened(with_extra(tmp_path, name, (DIM,), use), GRAY.sample())
    assert model.bundle.encoder.constants.get(name, 0) == value
    assert model.signature.explained > 0.99
    choice = f"encoder.constants.{name}"
    assert known(model.signature).get(choice, "assumed") == "assumed"
    if name not in ("eps", "noise"):
        assert choice in known(model.signature)


def test_an_array_of_its_name(tmp_path):
    factors = np.random.default_rng(0).uniform(0.5, 2, (90, DIM)).astype(np.float32)

    def divided(net, mu):
        return net.op("Div", net.op("Mul", mu, "factors"), net.const(1.0))

    model = opened(
        with_extra(tmp_path, "factors", (DIM,), divided), GRAY.sample(inputs={"factors": factors})
    )
    assert model.bundle.encoder.columns == {"factors": "factors"}
    latents = model.encode(GRAY.x, {"factors": factors}).mu
    np.testing.assert_allclose(latents, GRAY.latents * factors, atol=1e-3)


def test_a_mask_of_the_data(tmp_path):
    mask = np.ones((90, DIM), np.float32)
    model = opened(
        with_extra(tmp_path, "mask", (DIM,), times("mask")), GRAY.sample(inputs={"mask": mask})
    )
    assert model.bundle.encoder.columns == {"mask": "mask"}
    assert model.bundle.encoder.constants == {"mask": 1}


def test_an_unknown_input(tmp_path):
    folder = with_extra(tmp_path, "strength", (DIM,), plus("strength"))
    with pytest.raises(ModelError, match="what the input strength") as error:
        found(folder, GRAY.sample())
    assert "the data have: none" in one_line(error)
    stated = {"encoder__constants__strength": "0"}
    assert found(folder, GRAY.sample(), **stated).explained > 0.99


def graph(*inputs):
    return Graph("model.onnx", tuple(inputs), (Tensor("y", "float32", (None, 4)),))


def tensor(name, *shape, dtype="float32"):
    return Tensor(name, dtype, (None, *shape))


SPEC = EncoderSpec(file="e.onnx")


class TestMainInput:
    def test_the_first_that_fits(self):
        both = graph(tensor("aux", 3), tensor("picture", 8, 6, 1))
        assert main_input(both, SPEC, GRAY.sample()).name == "picture"

    def test_the_stated_one(self):
        both = graph(tensor("a", 8, 6, 1), tensor("b", 8, 6, 1))
        assert main_input(both, SPEC.model_copy(update={"input": "b"}), GRAY.sample()).name == "b"

    def test_the_one_of_its_name(self):
        both = graph(tensor("a", 8, 6, 1), tensor("b", 8, 6, 1))
        assert main_input(both, SPEC, GRAY.sample(name="b")).name == "b"

    def test_masks_come_last(self):
        both = graph(tensor("mask", 8, 6, 1), tensor("b", 8, 6, 1))
        assert main_input(both, SPEC, GRAY.sample()).name == "b"

    def test_not_what_another_array_is_for(self):
        both = graph(tensor("a", 8, 6, 1), tensor("b", 8, 6, 1))
        assert main_input(both, SPEC, GRAY.sample(inputs={"a": GRAY.x})).name == "b"


@pytest.mark.parametrize(
    ("axes", "shape", "layouts"),
    [
        ((8, 6, 3), (8, 6, 3), ["HWC"]), ((3, 8, 6), (8, 6, 3), ["CHW"]),
        ((144,), (8, 6, 3), ["flat", "flat-CHW"]), ((48,), (8, 6, 1), ["flat"]),
        ((3, 3, 3), (3, 3, 3), ["HWC", "CHW"]),
        ((None, None, 3), (8, 6, 3), ["HWC"]), ((7, 6, 3), (8, 6, 3), []),
    ],
)  # fmt: skip
def test_layouts(axes, shape, layouts):
    x = np.zeros((2, *shape), np.float32)
    assert layouts_of(tensor("x", *axes), GRAY.sample(x=x)) == layouts


@pytest.mark.parametrize(("channels", "layouts"), [(1, ["HW"]), (3, [])])
def test_gray_images_without_an_axis_of_channels(channels, layouts):
    x = np.zeros((2, 8, 6, channels), np.float32)
    assert layouts_of(tensor("x", 8, 6), GRAY.sample(x=x)) == layouts


def test_layouts_of_arrays():
    sample = GRAY.sample(x=np.zeros((2, 5, 3), np.float32), kind="arrays")
    assert layouts_of(tensor("x", 5, 3), sample) == ["array"]
    assert layouts_of(tensor("x", 1, 5, 3), sample) == ["array"]
    assert layouts_of(tensor("x", 15), sample) == ["array"]
    assert layouts_of(tensor("x", 3, 5), sample) == []


def test_what_is_stated_is_kept():
    spec = SPEC.model_copy(update={"constants": {"mask": 0}, "columns": {"y": "digit"}})
    both = graph(tensor("x", 8, 6, 1), tensor("mask", 4), tensor("y", 3))
    filled = fill_others(both, both.inputs[0], spec, sample=GRAY.sample())
    assert (filled.constants, filled.columns) == ({"mask": 0}, {"y": "digit"})
    assert filled.choices == []


@pytest.mark.parametrize("name", ["label", "eps", "attention_mask", "timestep", "y", "c", "cond"])
def test_extra_names(name):
    assert is_extra(tensor(name, 3))


@pytest.mark.parametrize("name", ["x", "input", "image", "z", "bytes", "input_ids"])
def test_names_of_the_data(name):
    assert not is_extra(tensor(name, 3))
