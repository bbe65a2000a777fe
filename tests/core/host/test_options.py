from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, PositiveFloat, ValidationError, model_validator

from latent_analyze.errors import OptionError
from latent_analyze.host.options import (
    Options,
    PluginSpec,
    SamplerOptions,
    build_options,
    describe_options,
    parse_spec,
    parse_specs,
    parse_value,
)

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.one_of(st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False))
values = st.recursive(
    st.one_of(numbers, texts), lambda inner: st.lists(inner, max_size=4), max_leaves=8
)
specs = st.builds(PluginSpec, names, st.dictionaries(names, values, max_size=4))


@given(specs)
def test_text_of_a_spec_parses_back(spec: PluginSpec) -> None:
    assert parse_spec(spec.text) == spec


@given(st.lists(specs, max_size=4))
def test_texts_between_commas_parse_back(many: list[PluginSpec]) -> None:
    assert parse_specs(",".join(spec.text for spec in many)) == many


@given(specs)
def test_text_is_a_fixed_point(spec: PluginSpec) -> None:
    assert parse_spec(spec.text).text == spec.text


@given(st.text(max_size=30))
def test_any_text_is_a_spec_or_an_option_error(text: str) -> None:
    with suppress(OptionError):
        parse_specs(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.05", 0.05),
        ("3", 3),
        ("1e-3", 1e-3),
        ("inf", math.inf),
        ("true", True),
        ("True", "True"),
        ("auto", "auto"),
        ('"1"', "1"),
        ("[1,2.5]", [1, 2.5]),
        ("[[0,1],[2,3]]", [[0, 1], [2, 3]]),
        ("[a,b]", ["a", "b"]),
        ('["a,b",c]', ["a,b", "c"]),
        ("007", "007"),
        ("2020-01-01", "2020-01-01"),
        ("10:20:30", "10:20:30"),
        ("5#3", "5#3"),
        ("it's", "it's"),
        ("", ""),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_parse_value(text: str, value: Any) -> None:
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


def test_spec_with_options() -> None:
    spec = parse_spec(" radius : bin_width = 0.5 : edges = [0,1] ")
    assert spec == PluginSpec("radius", {"bin_width": 0.5, "edges": [0, 1]})
    assert spec.text == "radius:bin_width=0.5:edges=[0,1]"


def test_the_same_plugin_may_stand_twice() -> None:
    specs = parse_specs("radius:bin_width=0.05,radius:bin_width=0.5,slices")
    assert [spec.text for spec in specs] == [
        "radius:bin_width=0.05",
        "radius:bin_width=0.5",
        "slices",
    ]


def test_quotes_protect_separators() -> None:
    spec = parse_spec("a:path='C:\\x,y':other=\"1:2\"")
    assert spec.options == {"path": "C:\\x,y", "other": "1:2"}
    assert parse_specs("a:t='x,y',b") == [PluginSpec("a", {"t": "x,y"}), PluginSpec("b")]


@pytest.mark.parametrize("text", ["a:b", "a:=1", ":x=1", "a:x=1:x=2", "a:x=[1", "a:x=1]", "a:x=)("])
def test_malformed_specs(text: str) -> None:
    with pytest.raises(OptionError):
        parse_spec(text)


class Width(Options):
    width: PositiveFloat | Literal["auto"] = Field("auto", description="width, latent units")
    pairs: list[tuple[int, int]] = Field(default_factory=list, description="pairs of axes")


def test_options_are_converted() -> None:
    assert build_options(Width, {"width": 2, "pairs": [[0, 1]]}, "w").pairs == [(0, 1)]
    assert build_options(Width, {}, "w").width == "auto"


def test_unknown_option_names_the_nearest() -> None:
    with pytest.raises(OptionError, match=r"option of w, found 'widht'; did you mean width\?"):
        build_options(Width, {"widht": 1}, "w")


@pytest.mark.parametrize("value", [0, -1, "wide", None, [1]])
def test_wrong_value_names_the_option(value: Any) -> None:
    with pytest.raises(OptionError, match=r"w\.width .*plugins show w"):
        build_options(Width, {"width": value}, "w")


class Ordered(Options):
    low: float = 0
    high: float = 1

    @model_validator(mode="after")
    def _order(self) -> Ordered:
        if self.low > self.high:
            raise ValueError("needs low <= high")
        return self


def test_errors_of_the_whole_model_name_the_plugin() -> None:
    with pytest.raises(OptionError, match="a value for o that needs low <= high"):
        build_options(Ordered, {"low": 2}, "o")


def test_options_do_not_change_and_take_no_others() -> None:
    with pytest.raises(ValidationError):
        Width().width = 3.0  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Width(height=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["count", "dim"])
def test_samplers_need_positive_sizes(name: str) -> None:
    with pytest.raises(OptionError):
        build_options(SamplerOptions, {name: 0}, "s")


def test_describe_options() -> None:
    width, pairs = describe_options(Width)
    assert width == {
        "name": "width",
        "type": "float > 0 | auto",
        "default": "auto",
        "description": "width, latent units",
    }
    assert pairs["type"] == "list[tuple[int, int]]"
    assert pairs["default"] == "[]"
    assert describe_options(SamplerOptions)[0]["type"] == "int > 0 | none"


class Bounded(Options):
    share: float = Field(ge=0, le=1)
    many: tuple[int, ...] = (1, 2)


def test_describe_required_and_bounded_options() -> None:
    share, many = describe_options(Bounded)
    assert (share["type"], share["default"]) == ("float >= 0 <= 1", "required")
    assert (many["type"], many["default"]) == ("tuple[int, ...]", "[1,2]")


def test_an_option_that_must_be_given() -> None:
    with pytest.raises(OptionError, match=r"^expected a value for b\.share, found none; see"):
        build_options(Bounded, {}, "b")
