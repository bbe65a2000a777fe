"""`random_decode` over a small linear decoder."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from latent_analyze import AnalysisError, ArraySource, Frame, OptionError, Result, ResultSet
from latent_analyze.options import build_options
from latent_analyze_plugins.random_decode import COLUMNS, RandomDecode

WEIGHTS = np.random.default_rng(0).standard_normal((4, 64)).astype(np.float32) / 8

Decode = Callable[[np.ndarray], np.ndarray]


def images(z: np.ndarray) -> np.ndarray:
    return np.clip(0.5 + z @ WEIGHTS, 0, 1).reshape(-1, 8, 8, 1)


def make(**options: Any) -> RandomDecode:
    return RandomDecode(build_options(RandomDecode.Options, options, "random_decode"))


def source(scale: float = 1.0, label: str = "data") -> ArraySource:
    return ArraySource(scale * np.random.default_rng(1).standard_normal((50, 4)), label)


def run(analysis: RandomDecode, on: ArraySource, decode: Decode = images) -> Result:
    context = SimpleNamespace(
        sample=lambda n: on.sample(n, 3),
        model=SimpleNamespace(decode=decode),
        progress=lambda *_: None,
    )
    return analysis.run(Frame(), on, context)  # type: ignore[arg-type]


def result_set(analysis: RandomDecode, decode: Decode = images, **kwargs: Any) -> ResultSet:
    results = {"data": run(analysis, source(), decode)}
    for label in ("sphere", *analysis.companions(source())):
        results[label] = run(analysis, source(2.0, label), decode)
    return ResultSet("random_decode", analysis.options, Frame(), "data", results, **kwargs)


def test_images_are_the_decoded_sample() -> None:
    result = run(make(images=5), source())
    expected = np.rint(255 * images(source().sample(5, 3).z)).astype(np.uint8)
    np.testing.assert_array_equal(result["images"], expected)
    assert result.arrays["images"].dims == ("image", "y", "x", "channel")
    assert result.sample_size == 5


def test_scalars_of_known_images() -> None:
    half = np.zeros((8, 8, 1), np.float32)
    half[:4] = 1
    result = run(make(images=2), source(), lambda _: np.stack([half, 1 - half]))
    assert result["mean_value"] == 0.5
    assert result["contrast"] == 0.5
    assert result["diversity"] == 0.5
    assert result["saturated"] == 1
    gray = run(make(images=2), source(), lambda z: np.full((len(z), 8, 8, 1), 0.25, np.float32))
    assert (gray["contrast"], gray["diversity"], gray["saturated"]) == (0, 0, 0)
    assert not any(scalar.calibrated for scalar in result.scalars.values())


def test_a_source_with_fewer_points_gives_fewer_images() -> None:
    assert len(run(make(images=64), source())["images"]) == 50


def test_images_without_a_channel_axis_get_one() -> None:
    assert run(make(), source(), lambda z: images(z)[..., 0])["images"].shape == (16, 8, 8, 1)


def test_values_beyond_the_range_are_clipped_and_noted() -> None:
    result = run(make(), source(), lambda z: 3 * images(z))
    assert result["images"].max() == 255
    assert "clipped" in result.notes[0]


def test_outputs_that_are_not_finite_are_counted_and_left_out() -> None:
    def decode(z: np.ndarray) -> np.ndarray:
        x = images(z)
        x[:3, 0, 0] = np.nan
        return x

    analysis = make()
    result = run(analysis, source(), decode)
    assert result["nonfinite"] == 3
    assert len(result["images"]) == 13
    assert result.sample_size == 16
    findings = list(analysis.interpret(result_set(analysis, decode)))
    assert "NaN or infinity for 3 of 16 of data" in findings[1].text


def test_no_finite_output_is_an_error() -> None:
    with pytest.raises(AnalysisError, match="finite numbers from the decoder"):
        run(make(), source(), lambda z: np.full((len(z), 8, 8, 1), np.inf))


def test_companions_are_one_cube_per_boundary_in_order() -> None:
    assert make().companions(source())[:2] == ["uniform:b=0.5", "uniform:b=2.5"]
    assert len(make().companions(source())) == 9
    analysis = make(boundaries=[3, 1, 3], unit="spread")
    assert analysis.companions(source()) == ["uniform:b=1:unit=spread", "uniform:b=3:unit=spread"]
    assert make(boundaries=[]).companions(source()) == []


@pytest.mark.parametrize(
    "options", [{"boundaries": [0]}, {"boundaries": [-1]}, {"images": 0}, {"unit": "meter"}]
)
def test_bad_values_are_option_errors(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="random_decode"):
        make(**options)


def test_it_needs_a_decoder_and_is_not_repeated_over_nulls() -> None:
    assert RandomDecode.requires == {"decoder"}
    assert RandomDecode.cost == "light"
    assert not RandomDecode.is_streaming()


def test_rows_are_reference_shown_sources_boundaries_and_null() -> None:
    analysis = make(boundaries=(5, 0.5))
    null = {"gaussian": [run(analysis, source())]}
    (figure,) = analysis.plot(result_set(analysis, ensembles=null))
    labels = [axis.get_ylabel() for axis in figure.figure.axes]
    assert labels == ["data", "sphere", "uniform:b=0.5", "uniform:b=5", "null gaussian"]
    for axis in figure.figure.axes:
        assert np.ptp(axis.get_images()[0].get_array()) > 0


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_many_images_wrap_and_any_channels_can_be_drawn(channels: int, tmp_path) -> None:
    analysis = make(images=40, boundaries=(2,))
    (figure,) = analysis.plot(result_set(analysis, lambda z: images(z).repeat(channels, -1)))
    picture = figure.figure.axes[0].get_images()[0].get_array()
    assert picture.shape[:2] == (3 * 9 - 1, COLUMNS * 9 - 1)
    figure.figure.savefig(tmp_path / "grid.png")


def test_a_decoder_of_vectors_is_drawn_as_curves() -> None:
    analysis = make(boundaries=(2,))
    results = result_set(analysis, lambda z: z @ WEIGHTS)
    assert results.data.arrays["vectors"].dims == ("sample", "feature")
    assert "saturated" not in results.data.scalars
    (figure,) = analysis.plot(results)
    assert [axis.get_title(loc="left") for axis in figure.figure.axes] == [
        "data", "sphere", "uniform:b=2",
    ]  # fmt: skip
    assert all(len(axis.get_lines()) == 16 for axis in figure.figure.axes)
    assert figure.figure.axes[-1].get_xlabel() == "output feature (index)"


def test_the_finding_says_what_the_rows_are() -> None:
    analysis = make(boundaries=(2,))
    (finding,) = analysis.interpret(result_set(analysis))
    assert finding.severity == "note"
    assert finding.text.startswith(
        "Decoded: 16 z-points of data, and as many of sphere, uniform:b=2."
    )
