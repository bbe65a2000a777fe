"""Words for rows of any shape, and figures of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latent_analyze.plotting import (
    FrameStyle,
    GridRow,
    Kind,
    RowPairs,
    draw_pairs,
    draw_rows,
    kind_of,
    middle_slices,
    words_of,
)
from latent_analyze.plotting.row_shapes import as_channels, as_maps, note_of
from latent_analyze.plugin import TensorSpec

KINDS: list[tuple[Kind, tuple[int, ...]]] = [
    ("row", (10,)), ("row", (300,)), ("signal", (1, 64)), ("signal", (64, 1)),
    ("sequence", (30, 3)), ("sequence", (12, 128)), ("window", (76, 32, 1)), ("window", (40, 40)),
    ("window", (2, 20, 30)), ("volume", (1, 12, 16, 10)), ("volume", (12, 16, 10)),
    ("volume", (2, 12, 16, 10)), ("row", (2, 3, 2, 3, 2)),
]  # fmt: skip
FAR = FrameStyle("far away", "#E69F00", (0, (4, 1.5)))


@pytest.mark.parametrize(("kind", "shape"), KINDS)
def test_kinds_follow_the_shape(kind: Kind, shape: tuple[int, ...]) -> None:
    assert kind_of(TensorSpec(shape=shape, layout="array")) == kind


@pytest.mark.parametrize("layout", ["HWC", "CHW", "flat-CHW", "flat"])
def test_images_are_told_by_their_layout(layout: Any) -> None:
    assert kind_of(TensorSpec(shape=(8, 8, 1), layout=layout)) == "image"


def test_words() -> None:
    image, sequence = words_of("image"), words_of("sequence")
    assert (image.a, image.many, image.value) == ("an image", "images", "pixel")
    assert (sequence.a, sequence.many, sequence.values) == ("a sequence", "sequences", "values")
    assert image.dims(3) == ("y", "x", "channel")
    assert sequence.dims(2) == ("row_axis_1", "row_axis_2")
    assert words_of("row").dims(1) == ("feature",)


def test_channels_are_the_fewer() -> None:
    rows = np.arange(60).reshape(1, 20, 3)
    assert np.array_equal(as_channels(rows), as_channels(rows.swapaxes(1, 2)))
    assert as_channels(rows)[0, 1].tolist() == rows[0, :, 1].tolist()


def test_slices_of_a_volume_go_through_its_middle() -> None:
    volume = np.random.default_rng(0).random((2, 1, 5, 7, 4)).astype(np.float32)
    assert np.array_equal(middle_slices(volume), volume[:, 0, 2])
    maps = as_maps(volume, "volume")[..., 0]
    assert maps.shape[1] == 7
    assert np.isfinite(maps).sum() == 2 * (7 * 4 + 5 * 4 + 5 * 7)
    assert np.array_equal(maps[0, 1:6, 5:9], volume[0, 0, :, 3])


def test_notes_name_the_axes_of_the_row() -> None:
    assert note_of((76, 32, 1), "window") == "axis 1 downward, axis 2 to the right"
    assert note_of((2, 76, 32), "window").endswith("the first of axis 1")
    text = note_of((2, 12, 16, 10), "volume")
    assert (
        text == "slices through the middle, across axis 2, axis 3 and axis 4; the first of axis 1"
    )


@pytest.mark.parametrize(("kind", "shape"), KINDS)
def test_rows_of_every_kind_are_drawn(kind: Kind, shape: tuple[int, ...], tmp_path: Any) -> None:
    rows = np.random.default_rng(0).normal(3, 2, (7, *shape)).astype(np.float32)
    pairs = [RowPairs(name, rows, rows + 1, ["mse 1"] * 7) for name in ("best", "worst")]
    frames = [None, FAR] + [None] * 5
    series = [GridRow(name, rows, frames) for name in ("one", "two", "three")]
    figures = [draw_pairs(pairs, kind), draw_rows(series, kind, titles=list("abcdefg"))]
    for place, figure in enumerate(figures):
        figure.savefig(tmp_path / f"{place}.png")
        assert (tmp_path / f"{place}.png").stat().st_size > 5_000
    legend = {text.get_text() for legend in figures[1].legends for text in legend.get_texts()}
    assert "far away" in legend


def test_originals_and_reconstructions_are_told_apart() -> None:
    rows = np.zeros((3, 40, 2))
    figure = draw_pairs([RowPairs("all", rows, rows + 1)], "sequence")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["original", "reconstruction", "channel 0", "channel 1"]


def test_of_many_channels_those_that_vary_most_are_drawn() -> None:
    rows = np.random.default_rng(0).normal(0, 1, (3, 60, 9)) * np.arange(9)
    figure = draw_pairs([RowPairs("all", rows, rows)], "sequence")
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[2:] == ["channel 5", "channel 6", "channel 7", "channel 8"]
    assert "the 4 of 9 channels that vary most" in figure.get_supylabel()


def test_features_of_very_different_sizes_are_on_a_logarithmic_scale() -> None:
    rows = np.ones((3, 6)) * [1, 2, 1, 3, 2, 40_000]
    figure = draw_pairs([RowPairs("all", rows, 1.1 * rows)], "row")
    assert figure.axes[0].get_yscale() == "symlog"
    assert draw_pairs([RowPairs("all", rows[:, :5], rows[:, :5])], "row").axes[0].get_yscale() == (
        "linear"
    )


def test_constant_and_unknown_values_are_drawn() -> None:
    for value in (0.0, np.nan):
        rows = np.full((2, 9, 20), value, np.float32)[:, None]
        draw_rows([GridRow("a", rows)], "window", titles=()).draw_without_rendering()
