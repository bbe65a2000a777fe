"""What users state with --signature."""

from __future__ import annotations

import json

import pytest
from adapter_testing import one_line
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze import ModelError
from latent_analyze.plugin import Bundle, DecoderSpec, EncoderSpec
from latent_analyze_adapters.models.signatures.stated import apply_stated

BOTH = Bundle(encoder=EncoderSpec(file="e.onnx"), decoder=DecoderSpec(file="d.onnx"))
ALONE = Bundle(encoder=EncoderSpec(file="e.onnx"))


@pytest.mark.parametrize(
    ("key", "text", "field", "value"),
    [
        ("encoder.range", "[-1,1]", "range", (-1.0, 1.0)),
        ("encoder.mean", "0.5", "mean", (0.5,)),
        ("encoder.std", "[0.5,0.25,1]", "std", (0.5, 0.25, 1.0)),
        ("encoder.mu", "z_mean", "mu", "z_mean"),
        ("encoder.log_var", "", "log_var", ""),
        ("encoder.mean_half", "1", "mean_half", 1),
        ("encoder.halves_axis", "0", "halves_axis", 0),
        ("encoder.spread", "softplus", "spread", "softplus"),
        ("encoder.layout", "flat-CHW", "layout", "flat-CHW"),
        ("encoder.constants.t", "3", "constants", {"t": 3}),
        ("encoder.constants.t", "[1,0]", "constants", {"t": [1, 0]}),
        ("encoder.columns.y", "digit", "columns", {"y": "digit"}),
    ],
)
def test_keys_of_the_encoder(key, text, field, value):
    found = apply_stated(BOTH, {key: text})
    assert getattr(found.encoder, field) == value
    assert found.decoder == BOTH.decoder
    assert field in found.encoder.model_fields_set


def test_a_key_without_a_role_is_for_both():
    found = apply_stated(BOTH, {"range": "[-1,1]"})
    assert found.encoder.range == found.decoder.range == (-1.0, 1.0)
    assert apply_stated(ALONE, {"range": "[-1,1]"}).decoder is None


def test_a_key_of_one_role_needs_no_role():
    found = apply_stated(BOTH, {"mu": "a", "activation": "tanh"})
    assert (found.encoder.mu, found.decoder.activation) == ("a", "tanh")


def test_several_entries_of_one_table():
    stated = {"encoder.constants.a": "1", "encoder.constants.b": "2", "encoder.columns.c": "y"}
    found = apply_stated(BOTH, stated).encoder
    assert (found.constants, found.columns) == ({"a": 1, "b": 2}, {"c": "y"})


def test_a_constant_wins_over_a_label_of_the_bundle():
    stated = {"columns": {"y": "digit", "c": "color"}}
    bundle = Bundle(encoder=EncoderSpec(file="e.onnx", **stated), decoder=BOTH.decoder)
    found = apply_stated(bundle, {"constants.y": "7"})
    assert (found.encoder.constants, found.encoder.columns) == ({"y": 7}, {"c": "color"})
    assert (found.decoder.constants, found.decoder.columns) == ({"y": 7}, {})


def test_names_of_inputs_may_have_dots():
    found = apply_stated(BOTH, {"encoder.constants.model.t": "1"})
    assert found.encoder.constants == {"model.t": 1}


@pytest.mark.parametrize("name", ["mu", "input", "color", "layout", "columns"])
@pytest.mark.parametrize(("text", "value"), [("1", 1), ("0.5", 0.5), ("[1,0]", [1, 0])])
def test_constants_of_inputs_that_are_called_like_a_key(name, text, value):
    found = apply_stated(BOTH, {f"encoder.constants.{name}": text}).encoder
    assert found.constants == {name: value}


def test_shapes():
    found = apply_stated(ALONE, {"image_shape": "[8,6,1]", "latent_shape": "[4]"})
    assert (found.image_shape, found.latent_shape) == ((8, 6, 1), (4,))


@pytest.mark.parametrize("name", ["17", "true", "null", "1e5", "[0]"])
def test_a_name_that_is_also_json(name):
    """Exporters name tensors 17 and 23."""
    stated = {"encoder.mu": name, "encoder.columns.y": name}
    found = apply_stated(ALONE, stated).encoder
    assert (found.mu, found.columns) == (name, {"y": name})


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("encoder.rnage", "[0,1]", "a key of the signature.*'encoder.rnage'.*range"),
        ("encoder.activation", "tanh", "a key of the signature"),
        ("decoder.mu", "a", "a key of the signature"),
        ("encoder", "x", "a key of the signature"),
        ("", "x", "a key of the signature"),
        ("encoder.range", "wide", "a valid value of 'encoder.range'"),
        ("encoder.range", "[0]", "a valid value of 'encoder.range"),
        ("encoder.range", "[0,1e999]", "a valid value of 'encoder.range"),
        ("encoder.spread", "wide", "a valid value of 'encoder.spread'"),
        ("encoder.mean_half", "2", "a valid value of 'encoder.mean_half'"),
        ("encoder.halves_axis", "-1", "a valid value of 'encoder.halves_axis'"),
        ("encoder.constants", "3", "a valid value of 'encoder.constants'"),
        ("image_shape", "[0]", "a valid value of 'image_shape"),
    ],
)
def test_refusals(key, text, expected):
    with pytest.raises(ModelError, match=expected) as error:
        apply_stated(BOTH, {key: text})
    one_line(error)


def test_a_role_that_the_model_does_not_have():
    with pytest.raises(ModelError, match="a key of the signature") as error:
        apply_stated(ALONE, {"decoder.range": "[0,1]"})
    one_line(error)


FIELDS = sorted({*EncoderSpec.model_fields, *DecoderSpec.model_fields, "image_shape", "format"})
keys = st.one_of(
    st.text(max_size=20),
    st.sampled_from(FIELDS),
    st.builds(
        ".".join,
        st.tuples(
            st.sampled_from(["encoder", "decoder", "", "x"]),
            st.sampled_from([*FIELDS, ""]),
            st.text(max_size=5),
        ),
    ),
    st.builds("{}.{}".format, st.sampled_from(["encoder", "decoder"]), st.sampled_from(FIELDS)),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
texts = st.text(max_size=10) | st.builds(json.dumps, values)


@given(st.dictionaries(keys, texts, max_size=4), st.sampled_from([BOTH, ALONE]))
def test_any_text_is_taken_or_refused_in_one_line(stated, bundle):
    try:
        found = apply_stated(bundle, stated)
    except ModelError as error:
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert isinstance(found, Bundle)
        assert Bundle.model_validate(found.model_dump(exclude_unset=True)) == found
