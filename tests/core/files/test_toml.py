from __future__ import annotations

import math
import tomllib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latent_analyze.files.toml import dump_toml

texts = st.text(st.characters(exclude_categories=["Cs"]))
plain = st.one_of(
    texts,
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
)
values = st.recursive(
    plain,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=20,
)


@given(st.dictionaries(texts, values, max_size=6))
def test_everything_reads_back(data: dict[str, Any]) -> None:
    assert tomllib.loads(dump_toml(data)) == data


def test_types_survive() -> None:
    data = {"float": 1.0, "small": 1e-7, "large": 1e300, "int": 1, "bool": True, "text": "1"}
    back = tomllib.loads(dump_toml(data))
    assert {k: type(v) for k, v in back.items()} == {k: type(v) for k, v in data.items()}


def test_infinity_and_nan() -> None:
    back = tomllib.loads(dump_toml({"a": math.inf, "b": -math.inf, "c": math.nan, "d": -0.0}))
    assert back["a"] == math.inf
    assert back["b"] == -math.inf
    assert math.isnan(back["c"])
    assert math.copysign(1, back["d"]) == -1


def test_control_characters() -> None:
    data = {"".join(map(chr, range(0x21))): "".join(map(chr, [*range(0x20), 0x7F, 0x85, 0x2028]))}
    assert tomllib.loads(dump_toml(data)) == data


def test_tables_in_tables_and_arrays_of_tables() -> None:
    data = {
        "a": {"b": {"c": 1}, "d": 2},
        "e": [{"f": 1, "g": {"h": [1, 2]}}, {"f": 2, "i": [{"j": 3}]}],
        "k": [1, {"l": 2}],
        "last": 5,
    }
    assert tomllib.loads(dump_toml(data)) == data


def test_none_is_left_out_everywhere() -> None:
    data = {"a": None, "b": {"c": None, "d": 1}, "e": [{"f": None, "g": 1}], "h": [1, {"i": None}]}
    assert tomllib.loads(dump_toml(data)) == {
        "b": {"d": 1}, "e": [{"g": 1}], "h": [1, {}],
    }  # fmt: skip


def test_numpy_numbers_are_numbers() -> None:
    data = {"a": np.float32(0.5), "b": np.float64(2), "c": np.int64(3), "d": [np.float64(1)]}
    assert tomllib.loads(dump_toml(data)) == {"a": 0.5, "b": 2.0, "c": 3, "d": [1.0]}


@pytest.mark.parametrize("value", [object(), np.zeros(2), [None], b"bytes"])
def test_values_without_a_toml_form_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="TOML cannot represent"):
        dump_toml({"a": value})
