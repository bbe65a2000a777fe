"""Names of the values in a row, below the axes of figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latent_analyze.plotting import GridRow, RowPairs, draw_pairs, draw_rows, short_name
from latent_analyze.plotting.value_names import LONGEST, MOST_NAMES

RNG = np.random.default_rng(0)


def ticks(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_xticklabels() if label.get_visible()]


def test_long_names_lose_their_middle() -> None:
    assert short_name("age") == "age"
    short = short_name("od280/od315_of_diluted_wines")
    assert (len(short), short) == (LONGEST, "od280/od3…ed_wines")
    assert short_name("a\n b  c$") == r"a b c\$"
    assert short_name("abcdefgh", 5) == "ab…gh"


@pytest.mark.parametrize("count", [3, 30, 31, 700])
def test_names_stand_below_the_axis_at_most_thirty(count: int) -> None:
    names = [f"name {number}" for number in range(count)]
    rows = RNG.normal(size=(3, count))
    for figure in (
        draw_pairs([RowPairs("all", rows, rows)], "row", names=names),
        draw_rows([GridRow("one", rows)], "row", names=names),
    ):
        found = ticks(figure.axes[0])
        step = -(-count // MOST_NAMES)
        assert found == names[::step]
        assert figure.axes[0].get_xticks().tolist() == list(range(0, count, step))
        assert not figure.axes[0].get_xlabel()
        assert not figure.get_supxlabel()


def test_without_a_name_for_each_value_places_are_counted() -> None:
    rows = RNG.normal(size=(3, 8))
    for names in ([], list("abc")):
        figure = draw_pairs([RowPairs("all", rows, rows)], "row", names=names)
        assert figure.axes[0].get_xlabel() == "place in the row"
        assert draw_rows([GridRow("a", rows)], "row", names=names).get_supxlabel()
    steps = draw_pairs([RowPairs("all", rows[:, :, None], rows[:, :, None])], "signal")
    assert steps.axes[0].get_xlabel() == "place in the row"


def test_many_names_get_wider_panels() -> None:
    few, many = (RNG.normal(size=(6, count)) for count in (16, 17))
    names = [str(number) for number in range(17)]
    assert len(draw_pairs([RowPairs("a", few, few)], "row", names=names[:16]).axes) == 3
    assert len(draw_pairs([RowPairs("a", many, many)], "row", names=names).axes) == 2


def test_the_lowest_panel_of_every_column_has_names() -> None:
    rows = [GridRow(str(number), RNG.normal(size=(4, 3))) for number in range(5)]
    figure = draw_rows(rows, "row", names=["a", "b", "c"])
    figure.draw_without_rendering()
    shown = [axis for axis in figure.axes if axis.get_visible()]
    labeled = [axis.xaxis.get_tick_params()["labelbottom"] for axis in shown]
    assert labeled == [False, False, False, True, True]
    assert ticks(shown[3]) == ticks(shown[4]) == ["a", "b", "c"]


class TestColumnsOfDifferentSizes:
    SCALE, SHIFT = np.array([1, 1000, 0.01, 0.0]), np.array([5, 50_000, 1, 3])

    def drawn(self, vectors: list[np.ndarray], **more: Any) -> Any:
        rows = [GridRow(str(number), part) for number, part in enumerate(vectors)]
        return draw_rows(rows, "row", **more)

    def test_each_is_drawn_over_its_spread(self) -> None:
        normal = RNG.normal(size=(50, 4))
        figure = self.drawn([normal * self.SCALE + self.SHIFT])
        assert "each column less its mean, over its spread" in figure.get_supylabel()
        curves = np.array([line.get_ydata() for line in figure.axes[0].get_lines()])
        np.testing.assert_allclose(curves.std(axis=0), [1, 1, 1, 0], rtol=1e-6)
        np.testing.assert_allclose(curves.mean(axis=0), 0, atol=1e-6)

    def test_a_panel_far_out_does_not_flatten_the_others(self) -> None:
        parts = [RNG.normal(size=(50, 4)) * self.SCALE + self.SHIFT for _ in range(3)]
        parts[2] = parts[2] * 1e4
        figure = self.drawn(parts)
        curves = np.array([line.get_ydata() for line in figure.axes[0].get_lines()])
        assert np.all(curves.std(axis=0)[:3] > 0.7)

    def test_signals_and_columns_of_one_size_are_drawn_as_they_are(self) -> None:
        peaks = np.ones((3, 80)) + 1000 * np.eye(80)[:3]
        assert self.drawn([peaks]).get_supylabel() == "decoded value"
        assert self.drawn([RNG.normal(size=(3, 4))]).get_supylabel() == "decoded value"
        assert self.drawn([peaks], names=list(map(str, range(80)))).get_supylabel() != (
            "decoded value"
        )


def test_ticks_of_a_logarithmic_scale_begin_at_a_power_of_ten() -> None:
    rows = np.ones((3, 6)) * [1, 2, 1, 3, 2, 40_000]
    axis = draw_pairs([RowPairs("all", rows, 1.1 * rows)], "row").axes[0]
    assert axis.yaxis.get_transform().linthresh == 1
