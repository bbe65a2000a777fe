from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from latent_analyze.plotting import (
    all_results,
    band,
    common_edges,
    density,
    gray_caption,
    new_figure,
    new_panels,
    null_bands,
    one_draw,
    overlay,
    plain_log_ticks,
)
from latent_analyze.plugin import Analysis, ArraySource, Measure, ResultSet
from latent_analyze.testing import gaussian_members, run_analysis


class Shape(Analysis):
    """Histogram and curve of a cloud."""

    name = "shape"
    measures = (
        Measure("counts", "z-points per bin", "z-points", dims=("bin",)),
        Measure("spread", "spread of an axis", dims=("axis",)),
        Measure("where", "positions", dims=("axis",)),
    )

    def run(self, frame, source, context):
        z = source.sample(500, 0).z
        radii = np.linalg.norm(z, axis=1)
        counts = np.bincount(radii.astype(int))
        return {"counts": counts, "spread": z.std(axis=0), "where": np.arange(4) * 2.0}


@pytest.fixture(scope="module")
def results() -> ResultSet:
    rng = np.random.default_rng(0)
    data = ArraySource(rng.normal(size=(500, 4)) * [1, 2, 3, 4])
    other = ArraySource(rng.normal(size=(500, 4)) * 10, "far")
    nulls = {"gaussian": gaussian_members(data, 5), "single": gaussian_members(data, 1, seed=3)}
    return run_analysis(Shape(), data, shown=[other], nulls=nulls)


def test_every_source_and_null_is_a_line_with_its_name(results: ResultSet) -> None:
    _, axis = new_figure()
    overlay(axis, results, "spread", over="where", markers=True)
    lines = {line.get_label(): line for line in axis.lines}
    named = {label for label in lines if not label.startswith("_")}
    assert named == {"data", "far", "null single, one draw"}
    np.testing.assert_array_equal(lines["data"].get_ydata(), results.data["spread"])
    np.testing.assert_array_equal(lines["data"].get_xdata(), [0, 2, 4, 6])
    # The band stands in the legend for the ensemble; one draw has none.
    (filled,) = axis.collections
    assert filled.get_label() == "null gaussian, 5-95 % of draws"


def test_histograms_of_unequal_length_share_their_edges(results: ResultSet) -> None:
    _, axis = new_figure()
    overlay(axis, results, lambda r: density(r["counts"], 1.0), over=1.0, steps=True)
    longest = max(len(r["counts"]) for r in all_results(results))
    assert max(len(patch.get_data().edges) for patch in axis.patches) == longest + 1


def test_sources_can_be_chosen(results: ResultSet) -> None:
    _, axis = new_figure()
    overlay(axis, results, "spread", sources=["data"])
    assert "far" not in {line.get_label() for line in axis.lines}


def test_bands_are_quantiles_and_keep_gaps() -> None:
    curves = [np.array([i, np.nan, 2.0 * i]) for i in range(21)]
    low, middle, high = band(curves)
    np.testing.assert_allclose([low[0], middle[0], high[2]], [1.0, 10.0, 38.0])
    assert np.isnan(middle[1])


def test_a_draw_of_each_null_has_a_name(results: ResultSet) -> None:
    assert list(one_draw(results)) == ["null gaussian, 1 of 5 draws", "null single"]
    _, axis = new_figure()
    null_bands(axis, results, "spread")
    assert len(axis.lines) == 2


def test_a_caption_says_what_is_gray(results: ResultSet) -> None:
    assert "band of 90 %" in gray_caption(results)
    one = replace(results, ensembles={"single": results.ensembles["single"]})
    assert gray_caption(one) == " Gray: one draw of each null model."
    assert gray_caption(replace(results, ensembles={})) == ""


def test_only_as_many_panels_as_asked_for_are_visible() -> None:
    _, axes = new_panels(5, 3)
    assert axes.shape == (2, 3)
    assert [axis.get_visible() for axis in axes.flat] == [True] * 5 + [False]
    assert new_panels(1, 3)[1].shape == (1, 1)


def test_edges_hold_the_values_and_are_as_fine_as_the_first_needs() -> None:
    values = [np.linspace(0, 1, 500), np.linspace(0, 100, 500)]
    edges = common_edges(values, bins=10)
    assert edges[0] < 0.01
    assert edges[-1] > 99
    assert np.diff(edges)[0] == pytest.approx(0.25, rel=0.1)
    logs = common_edges([np.array([1.0, 10.0, 100.0, 0.0, np.nan])], log=True)
    assert (logs > 0).all()
    assert len(common_edges([np.full(5, np.nan)])) >= 2


@pytest.mark.parametrize(
    ("low", "high"), [(0.5, 2000.0), (1.0, 3.0), (0.011, 0.014), (0.002, 8e4), (7.0, 9.9)]
)
def test_logarithmic_axes_have_a_few_plain_numbers(low: float, high: float) -> None:
    figure, axis = new_figure()
    axis.set(xscale="log", xlim=(low, high))
    plain_log_ticks(axis)
    figure.canvas.draw()
    labels = [text.get_text() for text in axis.get_xticklabels() if text.get_text()]
    assert 3 <= len(labels) <= 6
    assert all("10^" not in label and "e" not in label for label in labels)


def test_a_curve_that_is_not_known_everywhere_does_not_pull_the_band_to_zero() -> None:
    curves = [np.array([5.0 if i % 2 else np.nan, 5.0]) for i in range(20)]
    for quantile in band(curves):
        np.testing.assert_allclose(quantile, 5.0)
