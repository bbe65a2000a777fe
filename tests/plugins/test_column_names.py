"""Names of columns in the figures and results of analyses that decode rows of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_shapes import COUNT, SHAPES, World, texts_of

from latent_analyze.plugin import Analysis, ResultSet
from latent_analyze.testing import figures_of, findings_of, run_analysis
from latent_analyze_plugins.random_decode import RandomDecode
from latent_analyze_plugins.reconstruct import Reconstruct
from latent_analyze_plugins.traversals import Traversals

NAMES = [f"column {letter}" for letter in "abcdefghij"]
SHOWING = {
    "reconstruct": (Reconstruct(), "reconstruct"),
    "traversals": (Traversals(pairs=10, decoded_pairs=5), "traversals-lines"),
    "random_decode": (RandomDecode(points=40, images=4), "random-decode"),
}


def ran(analysis: Analysis, names: Any = NAMES, shape: str = "table") -> ResultSet:
    world = World(SHAPES[shape], can_encode=True)
    source = world.source
    return run_analysis(analysis, source, model=world, images=world.rows, value_names=names)


def ticks(analysis: Analysis, results: ResultSet, name: str) -> list[str]:
    (figure,) = [f.figure for f in figures_of(analysis, results) if f.name == name]
    lowest = [axis for axis in figure.axes if axis.get_visible()][-1]
    return [label.get_text() for label in lowest.get_xticklabels()]


@pytest.mark.parametrize("name", SHOWING)
def test_names_are_on_the_axis(name: str) -> None:
    analysis, figure = SHOWING[name]
    assert ticks(analysis, ran(analysis), figure) == NAMES
    assert ticks(analysis, ran(analysis, ()), figure) != NAMES
    # A decoder may give other rows than those of the table.
    assert ticks(analysis, ran(analysis, NAMES[:5]), figure) != NAMES[:5]


@pytest.mark.parametrize("name", SHOWING)
def test_only_rows_of_a_table_have_names(name: str) -> None:
    results = ran(SHOWING[name][0], [str(number) for number in range(128)], "signal")
    assert len(results.frame["names"]) == 0
    assert "feature" not in results.data.arrays


@pytest.mark.parametrize("name", ["reconstruct", "traversals"])
def test_results_hold_the_names(name: str) -> None:
    analysis = SHOWING[name][0]
    assert ran(analysis).data["feature"].tolist() == NAMES
    assert "feature" not in ran(analysis, ()).data.arrays
    assert "feature" not in ran(analysis, NAMES[:5]).data.arrays


def test_the_error_of_each_column() -> None:
    analysis, world = Reconstruct(), World(SHAPES["table"])
    results = ran(analysis)
    rows, decoded = world.rows(np.arange(COUNT)), world.decode(world.z)
    expected = 1 - ((rows - decoded) ** 2).mean(axis=0) / rows.var(axis=0)
    np.testing.assert_allclose(results.data["feature_explained"], expected, rtol=1e-4)
    (text,) = [f.text for f in findings_of(analysis, results) if "Column by column" in f.text]
    middle, worst = np.median(expected), NAMES[expected.argmin()]
    assert f"{100 * middle:.0f} % of the variance is explained (median of 10)" in text
    assert f"from {100 * expected.min():.0f} % of {worst}, " in text
    assert text.endswith(f"of {NAMES[expected.argmax()]}.")
    figures = [figure.name for figure in figures_of(analysis, results)]
    assert figures[:2] == ["reconstruct", "reconstruct-columns"]
    assert any("worst first" in text for text in texts_of(analysis, results))


def test_columns_that_are_constant_have_no_share() -> None:
    class Constant(World):
        def rows(self, rows: np.ndarray) -> np.ndarray:
            found = super().rows(rows)
            found[:, self.fixed] = 7
            return found

    for fixed, count in ((slice(0, 3), 7), (slice(0, 9), 1), (slice(None), 0)):
        world = Constant(SHAPES["table"])
        world.fixed = fixed
        analysis = Reconstruct()
        results = run_analysis(
            analysis, world.source, model=world, images=world.rows, value_names=NAMES
        )
        shares = results.data.arrays.get("feature_explained")
        found = 0 if shares is None else int(np.isfinite(shares.values).sum())
        assert found == count
        assert [f.name for f in figures_of(analysis, results)].count("reconstruct-columns") == (
            count > 0
        )
        findings_of(analysis, results)
