from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latent_analyze import AnalysisError, PluginError
from latent_analyze.host.declaration import Declaration, guess_dims
from latent_analyze.host.measures import Found
from latent_analyze.plugin import Measure, Result, Scalar, Values, relative

MEASURES = (
    Measure("mean", "mean radius", "latent units", calibrated=True, minimum_effect=relative(0.1)),
    Measure("share_{pair}", "survivors of axes {pair} at {b:g}", "share"),
    Measure("share_all", "survivors of all pairs"),
    Measure("counts", "per bin of {width:g}", "z-points", dims=("bin",)),
    Measure("error", "error of a row", dims=("row",)),
)


def declared(*measures: Measure, **more: Any) -> Declaration:
    return Declaration(
        "toy", measures or MEASURES, {"b": 0.5}, {"width": 2.0}, **{"dim": 3, "count": 10, **more}
    )


def test_values_become_scalars_and_arrays_with_what_is_declared() -> None:
    result = declared().result({"mean": np.float32(4.0), "counts": [1, 2]})
    assert result.scalars["mean"] == Scalar(
        4.0, "latent units", "mean radius", calibrated=True, minimum_effect=0.4
    )
    assert isinstance(result["mean"], float)
    assert result.arrays["counts"].dims == ("bin",)
    assert result.arrays["counts"].description == "per bin of 2"


def test_one_declaration_stands_for_many_names() -> None:
    result = declared().result({"share_0_2": 0.25, "share_all": 0.5})
    assert result.scalars["share_0_2"].description == "survivors of axes 0_2 at 0.5"
    # A name that is declared as it is comes before one with placeholders.
    assert result.scalars["share_all"].description == "survivors of all pairs"


@pytest.mark.parametrize("split", ["test", "", "two\nlines", "{odd}", "a]"])
def test_a_placeholder_stands_for_any_text(split: str) -> None:
    name, measure = f"mse[{split}]", Measure("mse[{split}]", "mse of {split}")
    assert declared(measure).result({name: 1.0}).scalars[name].description == f"mse of {split}"


def test_minimum_effects_may_depend_on_what_was_found() -> None:
    def effect(found: Found) -> float:
        return float(found.value * found["n"] * found.frame["width"] * found.options["b"])

    measures = (Measure("a", "a", calibrated=True, minimum_effect=effect), Measure("n", "n"))
    assert declared(*measures).result({"a": 3.0, "n": 5}).scalars["a"].minimum_effect == 15.0
    assert Measure("a", "a", minimum_effect=relative(0.05)).effect_text == "5 % of the value"
    assert Measure("a", "a", minimum_effect=0.25).effect_text == "0.25"


def test_of_two_declarations_of_a_name_the_one_with_its_dimensions_counts() -> None:
    vector, image = (
        Measure("out", "vectors", dims=("f",)),
        Measure("out", "images", dims=("y", "x")),
    )
    for shape, text in ((3,), "vectors"), ((2, 3), "images"):
        result = declared(vector, image).result({"out": np.zeros(shape)})
        assert result.arrays["out"].description == text
    with pytest.raises(AnalysisError, match=r"an array of \('f',\) as toy.out"):
        declared(vector, image).result({"out": np.zeros((2, 3, 4))})


def test_values_per_row_carry_their_rows() -> None:
    rows = np.array([7, 2, 5])
    result = declared().result(Values({"error": [1.0, 2.0, 3.0]}, sample_size=3, rows=rows))
    assert result["row"].tolist() == [7, 2, 5]
    assert result.sample_size == 3
    everything = declared().result({"error": np.arange(10.0)})
    assert everything["row"].tolist() == list(range(10))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ({"other": 1.0}, r'add Measure\("other", "what it is"\)'),
        ({"mean": None}, "a number or text as toy.mean, found NoneType"),
        ({"mean": [1.0, 2.0]}, "declare its dims if it is an array"),
        ({"counts": 3.0}, r"an array of \('bin',\) as toy.counts, found shape \(\)"),
        ({"counts": [None]}, "object"),
        ({"error": [1.0, 2.0]}, "one value of toy.error for each of 10 rows, found 2"),
        (3.0, r"expected \{name: value\} from toy, found float"),
        (Result(), "as in version 0.1; declare `measures`"),
    ],
)
def test_what_is_not_declared_is_an_error_that_helps(returned: Any, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        declared().result(returned)


def test_words_that_are_nowhere_are_an_error() -> None:
    with pytest.raises(AnalysisError, match=r"placeholders, options or frame values in 'a \{c\}'"):
        declared(Measure("a", "a {c}")).result({"a": 1.0})


def test_arrays_are_not_calibrated() -> None:
    with pytest.raises(PluginError, match="calibrate a number that sums the array up"):
        Measure("a", "a", dims=("bin",), calibrated=True)


def test_without_a_declaration_names_and_shapes_speak() -> None:
    found = Declaration("toy", (), dim=3, count=10).result(
        {"heavy_axes": 2, "excess": np.zeros(3), "cov": np.eye(3), "far": np.zeros(10)}
    )
    assert found.scalars["heavy_axes"].description == "heavy axes"
    assert not found.scalars["heavy_axes"].calibrated
    dims = {name: array.dims for name, array in found.arrays.items()}
    assert dims == {
        "excess": ("axis",), "cov": ("axis", "other_axis"), "far": ("row",), "row": ("row",)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "dims"),
    [
        ((3,), ("axis",)),
        ((10,), ("row",)),
        ((4,), ("index",)),
        ((10, 2), ("row", "component")),
        ((5, 8, 8, 1), ("image", "height", "width", "channel")),
        ((), ()),
    ],
)
def test_dims_are_guessed_from_the_shape(shape: tuple[int, ...], dims: tuple[str, ...]) -> None:
    assert guess_dims(shape, dim=3, rows=10) == dims


def test_a_placeholder_with_the_dimensions_comes_before_a_plain_name_without() -> None:
    found = declared(Measure("a", "number"), Measure("{x}", "curve of {x}", dims=("axis",)))
    assert found.result({"a": np.ones(3)}).arrays["a"].description == "curve of a"
    assert found.result({"a": 1.0}).scalars["a"].description == "number"


def test_a_text_has_no_effect_to_compute() -> None:
    measures = (Measure("a", "a", calibrated=True, minimum_effect=relative(0.1)),)
    assert declared(*measures).result({"a": "none"}).scalars["a"].minimum_effect == 0.0
